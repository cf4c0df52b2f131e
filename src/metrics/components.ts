/**
 * Connected components of a mask: the regions that AUPRO weighs equally. Two passes over the rows with a union-find
 * forest; labels are numbered in the order in which a region's first pixel is met.
 */
import { LoupeError } from "../error.ts";
import type { MaskArray, Pixels } from "./pixels.ts";

export type Connectivity = 4 | 8;

/** Labels `[H, W]`: 0 outside, 1..count inside. */
export interface Components {
  readonly labels: Uint32Array;
  readonly count: number;
}

/** The regions of all masks, numbered through. */
export interface Regions {
  /** Region of each pixel `[N, H, W]`; 0 for normal pixels. */
  readonly of: Uint32Array;
  /** Pixels in each region; entry 0 counts the normal pixels. */
  readonly areas: Float64Array;
  readonly count: number;
}

/** Regions of touching non-zero pixels in `mask` `[H, W]`; corners touch when `connectivity` is 8. */
export function connectedComponents(
  mask: MaskArray,
  height: number,
  width: number,
  connectivity: Connectivity = 8,
): Components {
  if (mask.length !== height * width) {
    throw new LoupeError(
      "shape",
      `connectedComponents: mask must hold ${height} x ${width} = ${height * width} values, got ${mask.length}`,
    );
  }
  checkConnectivity("connectedComponents", connectivity);
  const labels = new Uint32Array(mask.length);
  return { labels, count: label(mask, width, connectivity, labels, 0) };
}

/** Labels every mask of `pixels`; the regions of one image follow those of the image before. */
export function labelRegions(pixels: Pixels, connectivity: Connectivity = 8): Regions {
  const n = pixels.height * pixels.width;
  const of = new Uint32Array(n * pixels.masks.length);
  let count = 0;
  for (const [i, mask] of pixels.masks.entries()) {
    count += label(mask, pixels.width, connectivity, of.subarray(i * n, (i + 1) * n), count);
  }
  const areas = new Float64Array(count + 1);
  for (let i = 0; i < of.length; i++) areas[of[i]!]!++;
  return { of, areas, count };
}

export function checkConnectivity(where: string, connectivity: number): void {
  if (connectivity !== 4 && connectivity !== 8) {
    throw new LoupeError("config", `${where}: connectivity must be 4 or 8, got ${connectivity}`);
  }
}

/** Writes the labels of one mask into `out` (all zero), numbering from `base + 1`; returns how many there are. */
function label(
  mask: MaskArray,
  width: number,
  connectivity: Connectivity,
  out: Uint32Array,
  base: number,
): number {
  // Isolated pixels number at most one in two, so provisional labels do as well.
  const parent = new Uint32Array((mask.length >> 1) + 2);
  let last = 0;
  for (let i = 0; i < mask.length; i++) {
    if (mask[i] === 0) continue;
    const x = i % width;
    let root = 0;
    if (x > 0) root = join(parent, root, out[i - 1]!);
    if (i >= width) {
      root = join(parent, root, out[i - width]!);
      if (connectivity === 8) {
        if (x > 0) root = join(parent, root, out[i - width - 1]!);
        if (x < width - 1) root = join(parent, root, out[i - width + 1]!);
      }
    }
    if (root === 0) {
      root = ++last;
      parent[root] = root;
    }
    out[i] = root;
  }
  return last === 0 ? 0 : renumber(parent, last, out, base);
}

/** Unites the trees of two labels (0 = none) and returns the smaller root. */
function join(parent: Uint32Array, a: number, b: number): number {
  if (b === 0) return a;
  const rootB = find(parent, b);
  if (a === 0 || a === rootB) return rootB;
  const rootA = find(parent, a);
  const low = Math.min(rootA, rootB);
  parent[rootA] = low;
  parent[rootB] = low;
  return low;
}

function find(parent: Uint32Array, node: number): number {
  let at = node;
  while (parent[at] !== at) {
    parent[at] = parent[parent[at]!]!;
    at = parent[at]!;
  }
  return at;
}

function renumber(parent: Uint32Array, last: number, out: Uint32Array, base: number): number {
  const final = new Uint32Array(last + 1);
  let count = 0;
  // A root is the smallest label of its tree, so it is numbered before the labels that point to it.
  for (let k = 1; k <= last; k++) {
    final[k] = parent[k] === k ? base + ++count : final[find(parent, k)]!;
  }
  for (let i = 0; i < out.length; i++) if (out[i] !== 0) out[i] = final[out[i]!]!;
  return count;
}
