/** Reads the stored op cases from test/fixtures/ops. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Case, parseCases } from "./cases.ts";

export * from "./cases.ts";
export { closeTo } from "./close.ts";

const folder = join(import.meta.dirname, "../fixtures/ops");

/** Names of all stored families. */
export function families(): string[] {
  const files = readdirSync(folder).filter((f) => f.endsWith(".json"));
  return files.map((f) => f.slice(0, -".json".length)).sort();
}

/** The cases of one family, or of the named ops in it. */
export function loadFamily(family: string, ...ops: string[]): Case[] {
  const text = readFileSync(join(folder, `${family}.json`), "utf8");
  const cases = parseCases(text);
  const chosen = ops.length === 0 ? cases : cases.filter((c) => ops.includes(c.op));
  if (chosen.length === 0) throw new Error(`fixtures: no case of ${ops.join(", ")} in ${family}`);
  return chosen;
}
