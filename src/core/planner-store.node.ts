/**
 * Where measured plans are kept on disk: one small file for each adapter, read at once when a device is opened, written whole or not
 * at all. `LOUPE_PLANS_DIR` changes the folder.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { LoupeError } from "../error.ts";

/** The file of this name in the cache folder; undefined where the user has no home. */
export function planPlace(name: string): string | undefined {
  const { LOUPE_PLANS_DIR: own, XDG_CACHE_HOME: cache } = process.env;
  if (own) return resolve(own, `${name}.json`);
  try {
    return resolve(cache || systemCache(), "tensorloupe", `${name}.json`);
  } catch {
    return undefined;
  }
}

function systemCache(): string {
  if (process.platform === "win32" && process.env.LOCALAPPDATA) return process.env.LOCALAPPDATA;
  return join(homedir(), process.platform === "darwin" ? "Library/Caches" : ".cache");
}

/**
 * The text of a kept file; undefined where there is none.
 * @throws what the file system throws, and LoupeError `io` for more than `most` bytes
 */
export function readPlans(place: string, most: number): string | undefined {
  const found = statSync(place, { throwIfNoEntry: false });
  if (!found) return undefined;
  if (!found.isFile()) throw new LoupeError("io", `${place}: is not a file`);
  if (found.size > most) {
    throw new LoupeError("io", `${place}: has ${found.size} bytes, at most ${most} are read`);
  }
  return readFileSync(place, "utf8");
}

/** @throws LoupeError `io` naming the file */
export function writePlans(place: string, text: string): void {
  const neighbour = `${place}.${randomBytes(4).toString("hex")}.tmp`;
  try {
    mkdirSync(dirname(place), { recursive: true });
    const file = openSync(neighbour, "wx");
    try {
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(neighbour, place);
  } catch (cause) {
    rmSync(neighbour, { force: true });
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LoupeError("io", `${place}: cannot be written: ${reason}`, { cause });
  }
}
