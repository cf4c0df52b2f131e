/** Measured plans at the command line: read from a file, recorded with a run, and taken up again when it goes on. */
import { readFile, stat } from "node:fs/promises";
import { z } from "zod";
import {
  type Device,
  type PlanChoices,
  type PlanSource,
  parsePlanTable,
  planCachePlace,
} from "../core/index.ts";
import { LoupeError } from "../error.ts";

const mostBytes = 2 ** 20;

/**
 * What `--plans` means: `none`, a file, or (undefined) what was measured on this GPU.
 * @throws LoupeError `io` for a file that cannot be read, `config` for one that holds no table
 */
export async function planSource(plans: string | undefined): Promise<PlanSource> {
  if (plans === undefined) return "cache";
  return plans === "none" ? "none" : parsePlanTable(plans, await readText(plans));
}

async function readText(path: string): Promise<string> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === "ENOENT" ? "there is no such file" : cause.message;
    throw new LoupeError("io", `${path}: can't be read: ${reason}`, { cause });
  });
  if (found.isFile() && found.size <= mostBytes) return readFile(path, "utf8");
  const what = found.isFile() ? `has ${found.size} bytes` : "is not a file";
  throw new LoupeError("io", `${path}: ${what}; give the file that \`loupe tune --output\` wrote`);
}

/** Which plans a device prefers, for people. */
export function describePlans(device: Device): string {
  const count = Object.keys(device.planner.choices).length;
  if (count === 0) return "defaults; `loupe tune` measures which are faster here";
  return `${count} measured, in ${planCachePlace(device) ?? "memory"}`;
}

const recorded = z.object({ plans: z.record(z.string(), z.string()).optional() });

/**
 * The plans that a run was started with, from its record: it goes on with them, for other plans round otherwise.
 * @param where the file of the record
 * @throws LoupeError `io` when the record was changed into something else
 */
export function recordedPlans(
  where: string,
  environment: Readonly<Record<string, unknown>>,
): PlanChoices {
  const read = recorded.safeParse(environment);
  if (read.success) return read.data.plans ?? {};
  const rule = "environment.plans must name the plans of each op";
  throw new LoupeError("io", `${where}: ${rule}; it was changed, undo that or train again`);
}
