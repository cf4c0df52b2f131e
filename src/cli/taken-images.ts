/** Test images of a folder that a run was trained on, so that no later test of it counts them, wherever the folder lies then. */
import { stat } from "node:fs/promises";
import { relative } from "node:path";
import type { Dataset, Mode } from "../data/index.ts";
import type { RunData } from "./class-data.ts";
import type { Terminal } from "./terminal.ts";

/** Names and bytes of the training images that a folder has for testing: real anomalies, and of `zero_shot` all. */
export async function takenFromTest(
  { root, train }: Dataset,
  mode: Mode | undefined,
): Promise<Record<string, number>> {
  const taken = train.filter(({ label }) => label === 1 || mode === "zero_shot");
  const entries = taken.map(async ({ path }) => {
    return [relative(root, path).replaceAll("\\", "/"), (await stat(path)).size] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** The data without test images that a run trained on, recognised by name and size wherever the folder lies now. */
export async function withoutTaken(
  data: RunData,
  taken: Readonly<Record<string, number>>,
  terminal: Terminal,
): Promise<RunData> {
  const keep = await Promise.all(
    data.test.map(async ({ path }) => {
      const name = relative(data.testRoot, path).replaceAll("\\", "/");
      return !Object.hasOwn(taken, name) || taken[name] !== (await stat(path)).size;
    }),
  );
  const test = data.test.filter((_, i) => keep[i]);
  const left = data.test.length - test.length;
  if (left === 0) return data;
  terminal.warn(`${left} test images are left out, for the run was trained on them`);
  return { ...data, test };
}
