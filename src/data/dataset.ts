/** What every data set is to the rest of the program, whatever its folders look like. */
import type { Finding } from "./finding.ts";

/** One image. `label` 1: defective; `defect`: kind of defect, `good` for normal images. */
export type Sample = {
  readonly path: string;
  readonly maskPath?: string;
  readonly label: 0 | 1;
  readonly defect: string;
  readonly className: string;
};

/** A data set: its classes in code-point order, its images sorted by class and path, and what was noticed. */
export type Dataset = {
  readonly root: string;
  readonly layout: string;
  readonly classes: readonly string[];
  readonly train: readonly Sample[];
  readonly test: readonly Sample[];
  readonly findings: readonly Finding[];
};

/**
 * Files to read a data set from: a folder on disk, or files picked in a page. `files`: paths relative to `root` with
 * `/`, sorted by code point.
 */
export type Folder = {
  readonly root: string;
  readonly files: readonly string[];
  readonly findings: readonly Finding[];
  readonly read: (file: string) => Promise<Uint8Array>;
};

/** How to read a data set; all optional. */
export type ScanOptions = {
  /** Name of a layout; default `auto`. */
  readonly layout?: string;
  /** Only these classes. */
  readonly classes?: readonly string[];
  /** Plain folders: share of the good images held back for testing; default 0.2. */
  readonly testFraction?: number;
  /** Plain folders: which good images are held back; default 0. */
  readonly seed?: number;
};

/** A kind of data set. Each is one file in `layouts/` and one row in the table there. */
export type Layout = {
  readonly name: string;
  /** What it looks like, for messages. */
  readonly looksLike: string;
  /** Whether these files have this layout. */
  readonly matches: (folder: Folder) => boolean;
  /** Sorts the files into samples. */
  readonly read: (folder: Folder, options: ScanOptions) => Promise<Found> | Found;
};

/** What a layout hands back; `scanFolder` sorts it and adds the rest. */
export type Found = {
  readonly classes: readonly string[];
  readonly train: readonly Sample[];
  readonly test: readonly Sample[];
  readonly findings: readonly Finding[];
};

/** Order by Unicode code point, the same on every system and in every locale. */
export function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const surrogate = (unit: number) => (unit >= 0xd800 && unit <= 0xdfff ? 1 : 0);
    return surrogate(x) - surrogate(y) || x - y;
  }
  return a.length - b.length;
}
