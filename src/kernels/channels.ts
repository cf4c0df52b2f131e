/**
 * Channels-last data as a matrix `[m, c]` read in columns of four, whatever c is: two rows of 18 channels are nine columns of
 * four, four rows of 3 channels are three. A thread keeps its column, so what belongs to a channel is loaded once.
 *
 * Sums over the rows are cut into chunks; a workgroup folds one chunk, its threads taking every `lanes`-th row of their
 * column, then a tree folds the lanes. Always in one order: the same bits each time.
 */
import type { Float } from "./caps.ts";
import { fold, type KernelSpec, kernel, type ParamType, unroll } from "./spec.ts";
import { storedHead, storedType } from "./stored.ts";
import { wgsl } from "./wgsl.ts";

/** Threads of a workgroup that folds rows. */
export const foldThreads = 64;
const maxChunks = 512;
/** Rows a thread should have before more chunks pay. */
const rowsPerThread = 32;

export interface Channels {
  readonly m: number;
  readonly c: number;
  /** Numbers in a column: 4, or 1 where the rows don't come out even. */
  readonly width: 1 | 4;
  /** Rows of data in one row of columns. */
  readonly repeat: number;
  readonly rows: number;
  readonly columns: number;
  /** Of the matrix; sums and what belongs to a channel are f32. */
  readonly dtype: Float;
}

/** How `[m, c]` is cut into columns. */
export function channelsOf(m: number, c: number, dtype: Float = "f32"): Channels {
  const repeat = c % 4 === 0 ? 1 : c % 2 === 0 ? 2 : 4;
  if (m % repeat !== 0) return { m, c, width: 1, repeat: 1, rows: m, columns: c, dtype };
  return { m, c, width: 4, repeat, rows: m / repeat, columns: (c * repeat) / 4, dtype };
}

/** How the rows are cut into chunks and the columns into tiles. */
export interface Chunks {
  readonly chunks: number;
  /** Rows of a chunk; the last may have fewer. */
  readonly step: number;
  readonly tiles: number;
  /** Columns of a tile. */
  readonly across: number;
  /** Rows that a workgroup reads side by side. */
  readonly lanes: number;
}

export function chunksOf({ rows, columns }: Channels): Chunks {
  const tiles = Math.ceil(columns / foldThreads);
  const across = Math.ceil(columns / tiles);
  const lanes = Math.floor(foldThreads / across);
  const wanted = Math.min(maxChunks, Math.ceil(rows / (lanes * rowsPerThread)));
  const step = Math.ceil(rows / wanted);
  return { chunks: Math.ceil(rows / step), step, tiles, across, lanes };
}

export function typeOf({ width }: Channels): string {
  return width === 4 ? "vec4<f32>" : "f32";
}

/** Element type in which the matrix is bound. */
export function dataType(layout: Channels): string {
  return storedType(typeOf(layout), layout.dtype);
}

/** Element type in which a tensor `[c]` is bound. */
export function channelType({ width, repeat }: Channels): string {
  return width === 4 && repeat === 1 ? "vec4<f32>" : "f32";
}

/** What tensor `[c]` holds for the channels of `column`; of `[rows, c]` what its row holds. */
export function atChannel(name: string, { width, repeat }: Channels, row = 0): string {
  const start = (size: string) => (row ? `${row}u * ${size} + ` : "");
  if (width === 1 || repeat === 1) return `${name}[${start("p.columns")}column]`;
  const at = (q: number) => `${name}[${start("p.c")}(column * 4u + ${q}u) % p.c]`;
  return `vec4<f32>(${[0, 1, 2, 3].map(at)})`;
}

/** Parameters of both kinds of kernel. */
export function channelParams(
  layout: Channels,
  cut: Chunks,
): Record<string, readonly [ParamType, number]> {
  const { m, c, rows, columns, repeat } = layout;
  const all = { m, c, rows, columns, repeat, ...cut };
  return Object.fromEntries(Object.entries(all).map(([name, v]) => [name, ["u32", v] as const]));
}

/**
 * Body of a kernel that folds the rows of a chunk. `four` sees the row `r` and the rows `p.lanes`, `2 p.lanes` and
 * `3 p.lanes` below it (`at(k)` is their index), `one` sees the row r alone, `store` leaves the thread's part in shared
 * memory at `lid.x`, `merge` adds the part at `other` to it, `finish` writes the result of the column at `out`.
 */
export function foldRows(parts: {
  readonly init: string;
  readonly four: string;
  readonly one: string;
  readonly store: string;
  readonly merge: string;
  readonly finish: string;
}): string {
  return `let chunk = flat / p.tiles;
if (chunk >= p.chunks) { return; }
let lane = lid.x / p.across;
let column = flat % p.tiles * p.across + lid.x % p.across;
let used = lane < p.lanes && column < p.columns;
${parts.init}
if (used) {
  let end = min((chunk + 1u) * p.step, p.rows);
  var r = chunk * p.step + lane;
  for (; r + 3u * p.lanes < end; r += 4u * p.lanes) {
    let i0 = r * p.columns + column; let i1 = i0 + p.lanes * p.columns;
    let i2 = i1 + p.lanes * p.columns; let i3 = i2 + p.lanes * p.columns;
    ${parts.four}
  }
  for (; r < end; r += p.lanes) {
    let i = r * p.columns + column;
    ${parts.one}
  }
}
${parts.store}
workgroupBarrier();
for (var live = p.lanes; live > 1u; live = (live + 1u) / 2u) {
  let half = (live + 1u) / 2u;
  if (lane + half < live) { let other = lid.x + half * p.across; ${parts.merge} }
  workgroupBarrier();
}
if (used && lane == 0u) { let out = chunk * p.columns + column; ${parts.finish} }`;
}

/** Body of a kernel that folds the chunks of channel `flat`: `part` sees chunk `k / p.repeat` at index `i`. */
export function foldChunks(parts: {
  readonly init: string;
  readonly part: string;
  readonly store: string;
  readonly merge: string;
  readonly finish: string;
}): string {
  return `let channel = flat;
if (channel >= p.c) { return; }
${parts.init}
for (var k = lid.x; k < p.chunks * p.repeat; k += ${foldThreads}u) {
  let i = k * p.c + channel;
  ${parts.part}
}
${parts.store}
workgroupBarrier();
for (var half = ${foldThreads / 2}u; half > 0u; half /= 2u) {
  if (lid.x < half) { let other = lid.x + half; ${parts.merge} }
  workgroupBarrier();
}
if (lid.x == 0u) { ${parts.finish} }`;
}

const workgroup = 256;
/** Rows of its column that a thread of a point-wise launch takes. */
const rowsEach = 4;

/** A launch over all elements, in which a thread keeps its column: `setup` once, then `each` for every index `i`. */
export function columnKernel(
  layout: Channels,
  parts: {
    readonly name: string;
    readonly data: readonly string[];
    readonly perChannel: readonly string[];
    readonly eps: number;
    readonly setup: string;
    readonly each: string;
  },
): KernelSpec {
  const { rows, columns, c, m } = layout;
  const stride = Math.ceil(rows / rowsEach) * columns;
  const type = typeOf(layout);
  const inputs = [
    ...parts.data.map((name) => ({ name, type: dataType(layout) })),
    ...parts.perChannel.map((name) => ({ name, type: channelType(layout) })),
  ];
  return kernel({
    name: parts.name,
    inputs,
    outputs: [{ name: "y_", type: dataType(layout) }],
    params: {
      count: ["u32", rows * columns],
      stride: ["u32", stride],
      columns: ["u32", columns],
      c: ["u32", c],
      scale: ["f32", 1 / m],
      eps: ["f32", parts.eps],
    },
    head: storedHead(type, layout.dtype),
    workgroup: [workgroup],
    grid: fold(Math.ceil(stride / workgroup)),
    body: wgsl`let id = flat * ${workgroup}u + lid.x;
if (id >= p.stride) { return; }
let column = id % p.columns;
${parts.setup}
${unroll(rowsEach, (k) => `{ let i = id + ${k}u * p.stride; if (i < p.count) { ${parts.each} } }`)}`,
  });
}
