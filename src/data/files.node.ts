/** Files and folders in Node. Every failure is a `LoupeError("io")` that names the path and the next step. */
import { randomUUID } from "node:crypto";
import type { Dirent } from "node:fs";
import {
  mkdir,
  open,
  readdir,
  realpath,
  rename,
  rm,
  stat,
  writeFile as write,
} from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { LoupeError } from "../error.ts";
import type { Listing } from "./codec.ts";

/** Reads a file of at most `most` bytes. Throws `LoupeError("io")` naming the file. */
export async function readFile(path: string, most = 2 ** 30): Promise<Uint8Array> {
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      if (size > most) {
        const rule = `${size} bytes are more than the ${most} allowed`;
        throw new LoupeError("io", `read: ${path}: ${rule}`);
      }
      const bytes = await file.readFile();
      return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw asIoError("read", path, error);
  }
}

/** Writes a file as a whole or not at all (temporary file beside it, then rename); makes its folder. */
export async function writeFile(path: string, bytes: Uint8Array): Promise<void> {
  const part = `${path}.${randomUUID()}.part`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await write(part, bytes);
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw asIoError("write", path, error);
  }
}

const deepest = 32;
const mostFiles = 2_000_000;
const tooDeep = `more than ${deepest} folders deep, left out`;

/**
 * Lists the files below a folder. A symbolic link is followed only to a place inside the folder; any other becomes a
 * warning. Throws `LoupeError("io")` when the folder can't be read.
 */
export async function listFiles(folder: string): Promise<Listing> {
  const root = resolve(folder);
  const listing: Listing = { root, files: [], findings: [] };
  try {
    await walk(listing, "", [await realpath(root)]);
  } catch (error) {
    throw asIoError("list", root, error);
  }
  return listing;
}

/** `open`: the real folders from the root down to here; meeting one of them again would be a cycle. */
async function walk(listing: Listing, inside: string, open: readonly string[]): Promise<void> {
  const entries = await readdir(join(listing.root, inside), { withFileTypes: true });
  if (inside !== "" && entries.every(({ name }) => name.startsWith("."))) {
    const file = `${listing.root}/${inside}`;
    listing.findings.push({ level: "info", file, message: "empty folder" });
  }
  for (const entry of entries) {
    if (entry.name.startsWith(".")) continue;
    const path = inside === "" ? entry.name : `${inside}/${entry.name}`;
    const target = entry.isSymbolicLink()
      ? await follow(join(listing.root, path), open)
      : plainTarget(entry, open);
    if (target.kind === "folder") await walk(listing, path, [...open, target.real]);
    else if (target.kind === "file") listing.files.push(path);
    else {
      const message = target.kind === "refused" ? target.why : "neither file nor folder, left out";
      listing.findings.push({ level: "warning", file: `${listing.root}/${path}`, message });
    }
    if (listing.files.length > mostFiles) {
      throw new LoupeError("io", `list: ${listing.root} holds more than ${mostFiles} files`);
    }
  }
}

type Target =
  | { kind: "folder"; real: string }
  | { kind: "file" }
  | { kind: "refused"; why: string }
  | { kind: "other" };

function plainTarget(entry: Dirent, open: readonly string[]): Target {
  if (entry.isFile()) return { kind: "file" };
  if (!entry.isDirectory()) return { kind: "other" };
  if (open.length > deepest) return { kind: "refused", why: tooDeep };
  return { kind: "folder", real: join(open.at(-1)!, entry.name) };
}

async function follow(path: string, open: readonly string[]): Promise<Target> {
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined) return { kind: "refused", why: "symbolic link to nothing, left out" };
  const root = open[0]!;
  if (real !== root && !real.startsWith(root.endsWith(sep) ? root : root + sep)) {
    return {
      kind: "refused",
      why: `symbolic link out of the folder, left out (copy the files): ${real}`,
    };
  }
  if (open.includes(real))
    return { kind: "refused", why: "symbolic link to a folder above it, left out" };
  const there = await stat(real);
  if (there.isFile()) return { kind: "file" };
  if (!there.isDirectory()) return { kind: "other" };
  if (open.length > deepest) return { kind: "refused", why: tooDeep };
  return { kind: "folder", real };
}

const reasons: Record<string, string> = {
  ENOENT: "no such file or folder; check the path",
  ENOTDIR: "a file lies where a folder was expected; check the path",
  EISDIR: "this is a folder, a file was expected; check the path",
  EACCES: "permission denied; check the rights",
  EPERM: "permission denied; check the rights",
  EROFS: "read-only file system; choose another folder",
  ENOSPC: "no space left on the disk; free some or choose another folder",
};

function asIoError(what: string, path: string, error: unknown): LoupeError {
  if (error instanceof LoupeError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const reason = reasons[code ?? ""] ?? message;
  return new LoupeError("io", `${what}: ${path}: ${reason}`, { cause: error });
}
