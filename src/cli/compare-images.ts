/** Which test images a sheet of several runs shows: some of each kind of defect, the same for all runs. */
import type { Comparison } from "../report/index.ts";
import type { TestedImage, TestedRun } from "./compare-results.ts";

/** A run in the rows of a class. */
export interface Row {
  readonly name: string;
  readonly seed: number;
  readonly tested: TestedRun;
  /** By key; of this class, with map and photo. */
  readonly images: ReadonlyMap<string, TestedImage>;
}

/** A class: its rows, and the keys of the images that are shown. */
export interface Section {
  readonly column: string;
  readonly rows: readonly Row[];
  readonly keys: readonly string[];
  readonly total: number;
}

/** A model of several classes has images of all of them; the run stands for one. */
export function imagesOf(
  { classes, className }: Comparison["placed"][number]["run"],
  images: readonly TestedImage[],
): readonly TestedImage[] {
  if (classes.size === 0) return images;
  return images.filter(({ sample }) => sample?.className === className);
}

/** Of each kind those that most runs have, evenly over the list; kinds of defects first, good images last. */
export function choose(column: string, rows: readonly Row[], perDefect: number): Section {
  const seen = new Map<string, Held>();
  for (const image of rows.flatMap((row) => [...row.images.values()])) {
    seen.set(image.key, { image, runs: (seen.get(image.key)?.runs ?? 0) + 1 });
  }
  const all = [...seen.values()].sort((a, b) => (a.image.key < b.image.key ? -1 : 1));
  const kinds = new Map<string, Held[]>();
  for (const label of [1, 0]) {
    for (const held of all.filter(({ image }) => image.label === label)) {
      const kind = kindOf(held.image);
      kinds.set(kind, [...(kinds.get(kind) ?? []), held]);
    }
  }
  const keys = [...kinds.values()].flatMap((own) => chosen(own, perDefect));
  return { column, rows, keys, total: seen.size };
}

interface Held {
  readonly image: TestedImage;
  /** How many runs have it. */
  readonly runs: number;
}

function chosen(images: readonly Held[], count: number): string[] {
  const most = images.reduce((n, { runs }) => Math.max(n, runs), 0);
  const own = count === 0 ? images : images.filter(({ runs }) => runs === most);
  const n = count === 0 ? own.length : Math.min(count, own.length);
  return Array.from({ length: n }, (_, i) => own[Math.floor((i * own.length) / n)]!.image.key);
}

export const kindOf = ({ sample, label }: TestedImage): string =>
  sample?.defect ?? (label === 0 ? "good" : "defective");
