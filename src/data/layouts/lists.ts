/**
 * Lists of images that come with a data set, as CSV or JSON: they are read up to a size, their paths stay below the data set,
 * and a path is a file only if the folder was seen to hold it.
 */
import { LoupeError } from "../../error.ts";
import type { Folder } from "../dataset.ts";
import type { Finding } from "../finding.ts";

/** The largest list that is read, in bytes; the largest known one has about two million. */
export const mostListBytes = 16 * 2 ** 20;

/** The text of a list. Throws `LoupeError("io")` or `("data")` naming the file. */
export async function readList(folder: Folder, file: string): Promise<string> {
  const bytes = await folder.read(file, mostListBytes);
  if (bytes.length > mostListBytes) {
    const rule = `a list of ${bytes.length} bytes is more than the ${mostListBytes} allowed`;
    throw listError(folder, file, `${rule}; is it the right file?`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw listError(folder, file, "it is not UTF-8 text; download it again", { cause });
  }
}

/** An error about a list: `scan: <file>: <message>`. */
export function listError(folder: Folder, file: string, message: string, options?: ErrorOptions) {
  return new LoupeError("data", `scan: ${folder.root}/${file}: ${message}`, options);
}

/**
 * A path of a list, which is relative to `base`, relative to the root; nothing when it is absolute or goes up. Both
 * slashes separate folders.
 */
export function pathBelow(base: string, path: string): string | undefined {
  if (path === "" || /^(?:[/\\]|[A-Za-z]:)/.test(path) || path.includes("\0")) return undefined;
  const parts = [...base.split("/"), ...path.split(/[/\\]/)].filter((p) => p !== "" && p !== ".");
  return parts.includes("..") ? undefined : parts.join("/");
}

/** A value in a message; long ones are cut. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "an object";
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}

/** The files of a folder, found by path; the case of the ending may differ. */
export class FileSet {
  readonly #files: ReadonlySet<string>;
  readonly #byEnding: ReadonlyMap<string, string>;

  constructor(files: readonly string[]) {
    this.#files = new Set(files);
    this.#byEnding = new Map(files.map((file) => [lowerEnding(file), file]));
  }

  find(path: string): string | undefined {
    return this.#files.has(path) ? path : this.#byEnding.get(lowerEnding(path));
  }
}

function lowerEnding(path: string): string {
  return path.replace(/\.[^./]*$/, (ending) => ending.toLowerCase());
}

/** What to say about a file that a list names and the folder does not hold. `where`: the list and its entry. */
export function missingImage(folder: Folder, path: string, where: string): Finding {
  const message = `a list of the data set names it, but it is not there, left out (copy it or download the data set again): ${where}`;
  return { level: "error", file: `${folder.root}/${path}`, message };
}

/** As `missingImage`, for the mask of an image that is used without it. */
export function missingMask(folder: Folder, image: string, mask: string): Finding {
  const message = `its mask is not there, it counts for image scores only: ${mask}`;
  return { level: "warning", file: `${folder.root}/${image}`, message };
}

/** What to say about an image that a list names again, perhaps to train on and to test on. `file`: the whole path. */
export function namedAgain(file: string, where: string): Finding {
  const message = `a list of the data set names it again, the first time counts (correct the list): ${where}`;
  return { level: "warning", file, message };
}

/** Says how many files were left out on purpose, in one finding; nothing for none. */
export function leftOutTogether(
  folder: Folder,
  place: string,
  rule: string,
  count: number,
): Finding[] {
  const file = place === "" ? folder.root : `${folder.root}/${place}`;
  if (count === 0) return [];
  const files = count === 1 ? "1 file" : `${count} files`;
  return [{ level: "info", file, message: `${rule}, left out: ${files}` }];
}

/**
 * What to say about a class that a list names and of which no image is there: usual in a partial download, so a note. Throws
 * `LoupeError("data")` when that class was asked for.
 */
export function absentClass(
  folder: Folder,
  list: string,
  name: string,
  wanted: readonly string[] | undefined,
): Finding {
  if (wanted?.includes(name)) {
    const next = "download its images, or choose another class";
    throw listError(
      folder,
      list,
      `none of the images of class "${name}" is in the folder; ${next}`,
    );
  }
  const message = `a class without any of its images, left out: ${name}`;
  return { level: "info", file: `${folder.root}/${list}`, message };
}
