/**
 * What setup found out, kept in node_modules/.tensorloupe.json, so that the second run is quick and the other scripts
 * see the same environment. `npm ci` deletes it together with the packages it describes.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** The folder with package.json, wherever the scripts were started from. */
export const root = resolve(import.meta.dirname, "../..");

const fileIn = (folder) => join(folder, "node_modules/.tensorloupe.json");

/** Returns the stored state, or an empty one if there is none or it can't be read. */
export function readState(folder = root) {
  try {
    const state = JSON.parse(readFileSync(fileIn(folder), "utf8"));
    return state !== null && typeof state === "object" && !Array.isArray(state) ? state : {};
  } catch {
    return {};
  }
}

/** Merges `changes` into the stored state; the file is replaced in one step. In a read-only checkout it is not kept. */
export function writeState(changes, folder = root) {
  const file = fileIn(folder);
  const partial = `${file}.${process.pid}`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(partial, `${JSON.stringify({ ...readState(folder), ...changes }, null, 2)}\n`);
    renameSync(partial, file);
  } catch (error) {
    console.error(`setup: ${error.message}: what was found out is not kept for the next run`);
  }
}
