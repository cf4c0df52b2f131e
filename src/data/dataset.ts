/** What every data set is to the rest of the program, whatever its folders look like. */
import type { Finding } from "./finding.ts";

/**
 * One image. `label` 1: defective; `defect`: kind of defect, `good` for normal images. An image of the training list with
 * label 1 is a real anomaly that a method may learn from, with its mask.
 */
export type Sample = {
  readonly path: string;
  readonly maskPath?: string;
  readonly label: 0 | 1;
  readonly defect: string;
  readonly className: string;
  /** Objects photographed from several sides: which side, such as `C1`. */
  readonly view?: string;
  /** The object that the views show; one name per object of a class. */
  readonly sampleId?: string;
  /** A training image that shows the defect `defect` but is handed out as normal (label 0): the data set is impure on purpose. */
  readonly contaminated?: true;
};

/** A data set, `layout` with its variant: its classes in code-point order, its images sorted by class and path, and what was noticed. */
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
  /** The bytes of one of `files`; may refuse more than `most`. */
  readonly read: (file: string, most?: number) => Promise<Uint8Array>;
};

/** How to read a data set; all optional. */
export type ScanOptions = {
  /** Name of a layout or of a variant of it, such as `realiad_sv`; default `auto`. */
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
  /** Further names under which it reads another list of the same images; `read` sees which in its options. */
  readonly variants?: readonly string[];
  /** Masks hold the numbers of defects, so several grey values are no sign of a soft mask. */
  readonly numberedMasks?: true;
  /** Whether these files have this layout. */
  readonly matches: (folder: Folder) => boolean;
  /** Sorts the files into samples. */
  readonly read: (folder: Folder, options: ScanOptions) => Promise<Found> | Found;
};

/** What a layout hands back; `scanFolder` sorts it and adds the rest. `layout`: the variant, if it is one. */
export type Found = {
  readonly layout?: string;
  readonly classes: readonly string[];
  readonly train: readonly Sample[];
  readonly test: readonly Sample[];
  readonly findings: readonly Finding[];
};

/** The items by key, keys in the order in which they were met. */
export function grouped<T>(items: Iterable<T>, keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

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
