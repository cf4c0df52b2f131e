/** Files of a run in Node. Whole files are written beside their place and renamed, so a reader never sees half of one. */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import {
  access,
  appendFile,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  truncate,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { LoupeError } from "../error.ts";

const advice: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full; free some space and resume",
  EACCES: "permission denied; choose another --output",
  EROFS: "the file system is read-only; choose another --output",
  ENOENT: "there is no such file",
};

function explain(path: string, what: string, cause: unknown): LoupeError {
  const code = (cause as { code?: string }).code ?? "";
  const reason = advice[code] ?? (cause instanceof Error ? cause.message : String(cause));
  return new LoupeError("io", `${path}: ${what}: ${reason}`, { cause });
}

async function guarded<T>(path: string, what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw cause instanceof LoupeError ? cause : explain(path, what, cause);
  }
}

export const joinPath = join;

export async function exists(path: string): Promise<boolean> {
  return access(path, constants.F_OK).then(
    () => true,
    () => false,
  );
}

export function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  return guarded(path, "cannot be read", async () => {
    const bytes = await readFile(path);
    return new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
  });
}

/** All of it or nothing: writes a neighbour, makes it durable, renames. */
export function writeWhole(path: string, data: string | Uint8Array): Promise<void> {
  return guarded(path, "cannot be written", async () => {
    await mkdir(dirname(path), { recursive: true });
    const neighbour = join(
      dirname(path),
      `.${basename(path)}.${randomBytes(4).toString("hex")}.tmp`,
    );
    try {
      const file = await open(neighbour, "w");
      try {
        await file.writeFile(data);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(neighbour, path);
    } catch (cause) {
      await rm(neighbour, { force: true });
      throw cause;
    }
  });
}

/** One line more. */
export function appendLine(path: string, line: string): Promise<void> {
  return guarded(path, "cannot be written", () => appendFile(path, `${line}\n`));
}

/** Cuts a file to its first bytes. */
export function shorten(path: string, bytes: number): Promise<void> {
  return guarded(path, "cannot be shortened", () => truncate(path, bytes));
}

export function makeFolder(path: string): Promise<void> {
  return guarded(path, "cannot be made", async () => {
    await mkdir(path, { recursive: true });
  });
}

export function listFolder(path: string): Promise<string[]> {
  return guarded(path, "cannot be listed", async () => (await readdir(path)).sort());
}

export function removeFile(path: string): Promise<void> {
  return guarded(path, "cannot be removed", () => rm(path, { force: true, recursive: true }));
}
