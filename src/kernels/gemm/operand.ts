/**
 * The read hook of the tiled product: where element (outer, k) of an operand lies, in three steps, so that what does not change
 * in the loop over k is computed once. `outer` is a row of A or a column of B. Four neighbours are read at once along one of the
 * two axes: as one vector where they lie so in memory, else one by one.
 */
import { elementType, type Float } from "../caps.ts";
import { unroll } from "../spec.ts";

export interface Operand {
  /** The axis along which four neighbours are read. */
  readonly along: "k" | "outer";
  /** Four neighbours are one aligned vector of the buffer. */
  readonly wide: boolean;
  readonly dtype: Float;
  /** Body of `fn row(outer: u32, batch: u32, phase: vec4<i32>) -> vec4<i32>`: what depends on `outer`. */
  readonly row: string;
  /** Body of `fn col(k: u32, batch: u32, phase: vec4<i32>) -> vec4<i32>`: what depends on `k`. */
  readonly col: string;
  /** Body of `fn at(r: vec4<i32>, c: vec4<i32>) -> i32`: the element's place, or −1 for a zero. */
  readonly at: string;
}

/** The functions of an operand; `letter` tells A from B. */
export function operandHead(letter: "a" | "b", o: Operand): string {
  return `fn ${letter}_row(outer: u32, batch: u32, phase: vec4<i32>) -> vec4<i32> {
${o.row}
}
fn ${letter}_col(k: u32, batch: u32, phase: vec4<i32>) -> vec4<i32> {
${o.col}
}
fn ${letter}_at(r: vec4<i32>, c: vec4<i32>) -> i32 {
${o.at}
}
fn ${letter}_read(r: vec4<i32>, c: vec4<i32>) -> ${o.wide ? "vec4<f32>" : "f32"} {
let at = ${letter}_at(r, c);
if (at < 0) { return ${o.wide ? "vec4<f32>()" : "0.0"}; }
return ${elementType("f32", o.wide)}(${letter}_[${o.wide ? "at / 4" : "at"}]);
}`;
}

/** How a workgroup of `threads` brings a tile of `size` × `depth` elements of an operand to its own memory. */
export interface Staging {
  /** Lines before the loop over k: what depends on `outer`. */
  readonly rows: string;
  /** Lines that read the thread's share of the block at `k` (an expression) into `<letter>v<i>`. */
  readonly read: (k: string) => string;
  /** Declarations of `<letter>v<i>`. */
  readonly declare: string;
  /** Lines that put the share into the workgroup's memory, rows of `pitch` vectors along `outer`. */
  readonly store: string;
}

export interface StagingOptions {
  readonly letter: "a" | "b";
  readonly operand: Operand;
  readonly size: number;
  readonly depth: number;
  readonly threads: number;
  readonly pitch: number;
  /** Expression of the tile's first row or column. */
  readonly first: string;
}

export function staging(o: StagingOptions): Staging {
  return o.operand.along === "k" ? alongK(o) : alongOuter(o);
}

/** A thread reads the same four k of several rows. */
function alongK({
  letter: x,
  operand,
  size,
  depth,
  threads,
  pitch,
  first,
}: StagingOptions): Staging {
  const lanes = depth / 4;
  const count = (size * lanes) / threads;
  const row = (i: number) => `(lid.x / ${lanes}u + ${(i * threads) / lanes}u)`;
  const cols = operand.wide ? 1 : 4;
  const value = (i: number) =>
    operand.wide
      ? `${x}_read(${x}r${i}, ${x}c0)`
      : `vec4<f32>(${[0, 1, 2, 3].map((q) => `${x}_read(${x}r${i}, ${x}c${q})`)})`;
  return {
    rows: unroll(count, (i) => `let ${x}r${i} = ${x}_row(${first} + ${row(i)}, batch, phase);`),
    declare: unroll(count, (i) => `var ${x}v${i}: vec4<f32>;`),
    read: (k) => `{
${unroll(cols, (q) => `let ${x}c${q} = ${x}_col(${k} + lid.x % ${lanes}u * 4u + ${q}u, batch, phase);`)}
${unroll(count, (i) => `${x}v${i} = ${value(i)};`)}
}`,
    store: unroll(count * 4, (e) => {
      const [i, q] = [e >> 2, e & 3];
      const place = `(lid.x % ${lanes}u * 4u + ${q}u) * ${pitch}u + ${row(i)} / 4u`;
      return `${x}s_[${place}][${row(i)} % 4u] = ${x}v${i}[${q}];`;
    }),
  };
}

/** A thread reads the same four rows at several k. */
function alongOuter({
  letter: x,
  operand,
  size,
  depth,
  threads,
  pitch,
  first,
}: StagingOptions): Staging {
  const lanes = size / 4;
  const count = (depth * lanes) / threads;
  const k = (i: number) => `lid.x / ${lanes}u + ${(i * threads) / lanes}u`;
  const rows = operand.wide ? 1 : 4;
  const value = (i: number) =>
    operand.wide
      ? `${x}_read(${x}r0, ${x}c${i})`
      : `vec4<f32>(${[0, 1, 2, 3].map((q) => `${x}_read(${x}r${q}, ${x}c${i})`)})`;
  return {
    rows: unroll(
      rows,
      (q) => `let ${x}r${q} = ${x}_row(${first} + lid.x % ${lanes}u * 4u + ${q}u, batch, phase);`,
    ),
    declare: unroll(count, (i) => `var ${x}v${i}: vec4<f32>;`),
    read: (start) => `{
${unroll(count, (i) => `let ${x}c${i} = ${x}_col(${start} + ${k(i)}, batch, phase);`)}
${unroll(count, (i) => `${x}v${i} = ${value(i)};`)}
}`,
    store: unroll(count, (i) => `${x}s_[(${k(i)}) * ${pitch}u + lid.x % ${lanes}u] = ${x}v${i};`),
  };
}
