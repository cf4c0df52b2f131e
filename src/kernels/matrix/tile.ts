/**
 * The geometry of one workgroup of a matrix product: which part of the result it computes, how its subgroups share that part,
 * and how much workgroup memory the staged operands take. Every index of the body comes from here.
 */
import type { Fragment } from "./caps.ts";

/** A workgroup computes `m` × `n` results, `k` products at a time. */
export interface MatrixTile {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Subgroups along `m` and along `n`. */
  readonly rows: number;
  readonly columns: number;
  /** Fragments side by side that a subgroup writes out at once. */
  readonly patch: number;
  /** Blocks staged at once: with two, one is stored while the other is multiplied, and a block needs one barrier. */
  readonly stages: 1 | 2;
}

/** Halves between the rows of a staged operand beyond their number: keeps rows in different banks, on 16 bytes. */
const rowPadding = 8;
/** The same for sums on their way out, in words. */
const patchPadding = 4;

/** An operand in workgroup memory: lines along the axis that memory runs along. */
export interface Stage {
  readonly lines: number;
  /** Elements of a line that are used. */
  readonly line: number;
  /** Elements from one line to the next. */
  readonly pitch: number;
  /** Elements of one block. */
  readonly block: number;
  /** Elements in all. One line more than used: a matrix load may reach `offset + stride · rows`. */
  readonly size: number;
}

/** `alongK`: lines run along the summed axis, one for each row (or column) of the result; else the other way round. */
export function stageOf(alongK: boolean, side: "m" | "n", tile: MatrixTile): Stage {
  const across = tile[side];
  const [lines, line] = alongK ? [across, tile.k] : [tile.k, across];
  const pitch = line + rowPadding;
  return { lines, line, pitch, block: lines * pitch, size: (tile.stages * lines + 1) * pitch };
}

/** The memory through which sums leave their fragments. */
export interface Patch {
  /** Columns of sums that a subgroup writes at once. */
  readonly columns: number;
  readonly pitch: number;
  /** Words of one subgroup. */
  readonly each: number;
  readonly size: number;
}

export function patchOf(tile: MatrixTile, fragment: Fragment): Patch {
  const columns = tile.patch * fragment.n;
  const pitch = columns + patchPadding;
  const each = fragment.m * pitch;
  return { columns, pitch, each, size: tile.rows * tile.columns * each + pitch };
}

/** Fragments of a subgroup down and across. */
export function fragmentsOf(tile: MatrixTile, f: Fragment): readonly [number, number] {
  return [tile.m / tile.rows / f.m, tile.n / tile.columns / f.n];
}

/** A tile's name: `128x128x32`, with two stages `128x128x32d`. */
export function tileName({ m, n, k, stages }: MatrixTile): string {
  return `${m}x${n}x${k}${stages === 2 ? "d" : ""}`;
}

/** What keeps a tile from being cut into fragments, or undefined. */
export function misfit(tile: MatrixTile, f: Fragment): string | undefined {
  const [down, across] = fragmentsOf(tile, f);
  if (!Number.isInteger(down) || !Number.isInteger(across) || tile.k % f.k !== 0) {
    return `tile ${tileName(tile)} does not divide into fragments ${f.m}x${f.n}x${f.k}`;
  }
  return across % tile.patch === 0 ? undefined : `patch of ${tile.patch} in ${across} fragments`;
}
