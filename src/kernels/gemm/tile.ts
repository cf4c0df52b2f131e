/**
 * The inner product that matmul and the three convolutions share: a few rows of a thread's own operand times a small tile
 * of the operand that its whole workgroup shares.
 *
 * With subgroups, eight neighbouring threads load eight elements of the shared tile at once and hand them round; without, every
 * thread loads all of it. A load per thread costs far more than handing round, so this doubles the speed on lavapipe.
 */
import type { Float } from "../caps.ts";
import { unroll } from "../spec.ts";

export interface SharedTile {
  /** Rows: elements of the summed axis in one step. */
  readonly rows: 1 | 4;
  readonly columns: 1 | 4 | 8 | 16;
  /** Hand the tile round in subgroups of eight or more. */
  readonly subgroups: boolean;
  /** Element type of `w_`. */
  readonly dtype: Float;
  /** Expression of element (row, column) of the tile in the buffer `w_` of numbers. */
  readonly at: (row: string, column: string) => string;
}

/** The type of a thread's sums: one row of the tile, four columns at a time. */
export function sumType(columns: number): string {
  return columns === 1 ? "f32" : "vec4<f32>";
}

/** Names of the sums of one row of results: `a<row>_0`, `a<row>_1`. */
export function sumNames(row: number, columns: number): string[] {
  return Array.from({ length: Math.max(1, columns / 4) }, (_, i) => `a${row}_${i}`);
}

/** `var a0_0 = …` for `count` rows of results. */
export function declareSums(count: number, columns: number): string {
  return unroll(count, (row) =>
    sumNames(row, columns)
      .map((name) => `var ${name} = ${sumType(columns)}();`)
      .join(" "),
  );
}

/** Adds `x<row>` (a number, or a vec4 for four rows of the tile) times the tile to the sums of each row of results. */
export function multiplyTile(tile: SharedTile, count: number, x: (row: number) => string): string {
  const { rows, columns, subgroups } = tile;
  const load = subgroups ? handedRound(tile) : loaded(tile);
  const groups = Math.max(1, columns / 4);
  const width = Math.min(4, columns);
  const products = unroll(rows * groups, (i) => {
    const row = Math.floor(i / groups);
    const group = i % groups;
    const values = Array.from({ length: width }, (_, c) => load.value(row, group * 4 + c));
    const u = columns === 1 ? values[0] : `vec4<f32>(${values})`;
    const lane = rows === 1 ? "" : `[${row}]`;
    return `{ let u = ${u}; ${unroll(count, (r) => `a${r}_${group} += ${x(r)}${lane} * u;`)} }`;
  });
  return `${load.code}\n${products}`;
}

interface Loaded {
  readonly code: string;
  readonly value: (row: number, column: number) => string;
}

/**
 * Element e of the tile, counted along its rows, is loaded by the threads with number e modulo 8. (Counted along columns it is a
 * fifth slower on lavapipe, even where those are neighbours in memory.)
 */
function handedRound({ rows, columns, at, dtype }: SharedTile): Loaded {
  const total = rows * columns;
  const loads = unroll(Math.ceil(total / 8), (t) => {
    const e = `min(${t * 8}u + (sg & 7u), ${total - 1}u)`;
    const place = at(`(e / ${columns}u)`, `(e % ${columns}u)`);
    return `var g${t} = 0.0; { let e = ${e}; g${t} = ${asF32(`w_[${place}]`, dtype)}; }`;
  });
  return {
    code: loads,
    value: (row, column) => {
      const e = row * columns + column;
      return `subgroupBroadcast(g${Math.floor(e / 8)}, ${e % 8}u)`;
    },
  };
}

/** Every thread loads every element. */
function loaded({ at, dtype }: SharedTile): Loaded {
  const value = (row: number, column: number) => `w_[${at(`${row}u`, `${column}u`)}]`;
  return { code: "", value: (row, column) => asF32(value(row, column), dtype) };
}

function asF32(value: string, dtype: Float): string {
  return dtype === "f32" ? value : `f32(${value})`;
}
