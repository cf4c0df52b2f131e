/**
 * Files of a run in Node. Whole files are written beside their place and renamed, so a reader never sees half of one, and
 * nothing here follows a symbolic link out of the folder that it is asked to change.
 */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import {
  access,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  unlink,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { LoupeError } from "../error.ts";
import { type Entry, unfinishedName } from "./store.ts";

const advice: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full; free some space and resume",
  EDQUOT: "the disk quota is used up; free some space and resume",
  EACCES: "permission denied; choose another --output",
  EPERM: "permission denied; choose another --output",
  EROFS: "the file system is read-only; choose another --output",
  ENOENT: "there is no such file",
  ENOTDIR: "a part of the path is a file, not a folder",
  EISDIR: "a folder is in its place",
  ELOOP: "it is a symbolic link, which is not followed here",
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

export function exists(path: string): Promise<boolean> {
  return access(path, constants.F_OK).then(
    () => true,
    () => false,
  );
}

/** Whether the path itself is a symbolic link. */
export function isLink(path: string): Promise<boolean> {
  return lstat(path).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );
}

/** Bytes of a file; 0 where there is none. */
export function sizeOfFile(path: string): Promise<number> {
  return stat(path).then(
    (found) => found.size,
    () => 0,
  );
}

/** @param most bytes; a larger file is refused before it is read */
export function readBytes(path: string, most?: number): Promise<Uint8Array<ArrayBuffer>> {
  return guarded(path, "cannot be read", async () => {
    const found = await stat(path);
    const { size } = found;
    if (!found.isFile()) throw new LoupeError("io", `${path}: cannot be read: it is not a file`);
    if (most !== undefined && size > most) {
      throw new LoupeError("io", `${path}: has ${size} bytes, at most ${most} are read`);
    }
    const bytes = await readFile(path);
    return new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
  });
}

/** All of it or nothing: writes a neighbour, makes it durable, renames. */
export function writeWhole(path: string, data: string | Uint8Array): Promise<void> {
  return guarded(path, "cannot be written", async () => {
    await mkdir(dirname(path), { recursive: true });
    const mark = randomBytes(4).toString("hex");
    const neighbour = join(dirname(path), unfinishedName(basename(path), mark));
    try {
      const file = await open(neighbour, "wx");
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
  return guarded(path, "cannot be written", async () => {
    const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW = 0 } = constants; // Windows has no O_NOFOLLOW
    const file = await open(path, O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW, 0o666);
    try {
      await file.writeFile(`${line}\n`);
    } finally {
      await file.close();
    }
  });
}

export function makeFolder(path: string): Promise<void> {
  return guarded(path, "cannot be made", async () => {
    await mkdir(path, { recursive: true });
  });
}

/** In the order of names. */
export function listFolder(path: string): Promise<Entry[]> {
  return guarded(path, "cannot be listed", async () => {
    const found = await readdir(path, { withFileTypes: true });
    const entries = found.map((entry): Entry => {
      const kind = entry.isFile() ? "file" : entry.isDirectory() ? "folder" : "other";
      return { name: entry.name, kind };
    });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  });
}

/** A file, or a link itself; never a folder. */
export function removeFile(path: string): Promise<void> {
  return guarded(path, "cannot be removed", () => unlink(path));
}

/** A folder with nothing in it; others stay. */
export async function removeEmptyFolder(path: string): Promise<void> {
  await guarded(path, "cannot be removed", async () => {
    if ((await readdir(path)).length === 0) await rmdir(path);
  });
}
