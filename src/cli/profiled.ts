/** `--profile file.json`: what a command's kernels took, as a table on the terminal and a trace in a file. */
import { type Device, type Profile, profile } from "../core/index.ts";
import { LoupeError } from "../error.ts";
import { chromeTrace, profileTable } from "../report/index.ts";
import { writeWhole } from "./files.ts";
import type { Terminal } from "./terminal.ts";

/** Runs `work`; with a `path` its launches are timed, and table and trace follow even when it fails. */
export async function profiled<T>(
  path: string | undefined,
  device: Device,
  terminal: Terminal,
  work: () => Promise<T>,
): Promise<T> {
  if (path === undefined) return work();
  let result: { readonly value: T } | { readonly error: unknown } | undefined;
  const taken = await profile(device, async () => {
    result = await work().then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
  });
  await tell(path, taken, terminal);
  if (result && "value" in result) return result.value;
  throw (result as { error: unknown }).error;
}

async function tell(path: string, taken: Profile, terminal: Terminal): Promise<void> {
  await writeWhole(path, `${JSON.stringify(chromeTrace(taken))}\n`).catch((cause: Error) => {
    throw new LoupeError("io", `${path}: the profile can't be written: ${cause.message}`, {
      cause,
    });
  });
  terminal.info(`${profileTable(taken)}\n${path}: open it in ui.perfetto.dev or chrome://tracing`);
}
