/** Reading files that others may have made: plain files of a bounded size, and no links. */
import { lstat, readFile } from "node:fs/promises";
import { LoupeError } from "../error.ts";

/** undefined when there is no such file. Throws `io` for a link, a folder, a file of more than `most` bytes. */
export async function readPlain(path: string, most: number): Promise<Uint8Array | undefined> {
  try {
    const found = await lstat(path);
    if (!found.isFile()) throw new LoupeError("io", `${path}: is not a plain file`);
    if (found.size > most) {
      throw new LoupeError("io", `${path}: has ${found.size} bytes, at most ${most} are read`);
    }
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof LoupeError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new LoupeError("io", `${path}: can't be read: ${message}`, { cause });
  }
}
