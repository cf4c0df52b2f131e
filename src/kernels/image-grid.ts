/**
 * Threads over images `[n, h, w, c]`: a workgroup stays in one row of one image, so what belongs to the row is computed once
 * for all its threads, and a thread divides once, by the channels. Integer division is slow on GPUs and slower on CPUs:
 * `quotient` multiplies by the reciprocal and mends the last unit.
 */
import { LoupeError } from "../error.ts";
import type { Lanes } from "./lanes.ts";
import { fold, type Grid, type ParamType } from "./spec.ts";

const threads = 64;

/** Quotients below it are exact. */
export const maxQuotient: number = 2 ** 21;

/** ⌊a / b⌋ for quotients below 2²¹; `inverse` is 1 / b in f32. */
export const quotientHead = `fn quotient(a: u32, b: u32, inverse: f32) -> u32 {
  let q = u32(f32(a) * inverse);
  let rest = i32(a - q * b);
  return select(select(q, q + 1u, rest >= i32(b)), q - 1u, rest < 0);
}`;

export interface ImageGrid {
  /** Goes in front of `main`. */
  readonly head: string;
  /** Defines `n`, `y`, `x`, `c` (in lanes) and `id`, the index of the element; leaves threads beyond the row. */
  readonly start: string;
  readonly params: Readonly<Record<string, readonly [ParamType, number]>>;
  readonly workgroup: readonly [number];
  readonly grid: Grid;
}

/** The launch for one thread per pixel and `lanes` channels. */
export function imageGrid(
  size: { readonly n: number; readonly h: number; readonly w: number; readonly c: number },
  { width }: Lanes,
): ImageGrid {
  if (size.w > maxQuotient) {
    throw new LoupeError("shape", `kernel: a row of ${size.w} pixels is beyond ${maxQuotient}`);
  }
  const channels = size.c / width;
  const units = size.w * channels;
  const tiles = Math.ceil(units / threads);
  const rows = size.n * size.h;
  return {
    head: quotientHead,
    start: `let row = flat / p.rowTiles;
let unit = (flat - row * p.rowTiles) * ${threads}u + lid.x;
if (row >= p.rows || unit >= p.rowUnits) { return; }
let n = row / p.rowsEach;
let y = row - n * p.rowsEach;
let x = quotient(unit, p.c, p.inverseC);
let c = unit - x * p.c;
let id = row * p.rowUnits + unit;`,
    params: {
      rows: ["u32", rows],
      rowsEach: ["u32", size.h],
      rowUnits: ["u32", units],
      rowTiles: ["u32", tiles],
      c: ["u32", channels],
      inverseC: ["f32", 1 / channels],
    },
    workgroup: [threads],
    grid: fold(rows * tiles),
  };
}
