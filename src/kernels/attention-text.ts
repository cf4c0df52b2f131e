/**
 * What the kernels of attention share. A thread owns a few rows of one side, its rows as lanes of a vector: the numbers of channel c
 * are `name[c]`. It walks over the rows of the other side, a tile of them at a time, which all threads of a workgroup share.
 */
import type { AttentionShape } from "./attention-shape.ts";
import type { Float } from "./caps.ts";
import { type Buffer, type ParamType, unroll } from "./spec.ts";
import { storedType } from "./stored.ts";

const listed = (n: number, item: (i: number) => string): string =>
  Array.from({ length: n }, (_, i) => item(i)).join(", ");

/** True when four channels are read at once. */
const isWide = ({ width, plan }: AttentionShape) => width % 4 === 0 && !plan.looped && !plan.handed;

/** The type of a number for each row of a thread. */
export const ownType = ({ plan }: AttentionShape): string =>
  plan.rows === 1 ? "f32" : `vec${plan.rows}<f32>`;

/** A buffer of rows `[batch, rows, heads, width]`. */
export function rowBuffer(s: AttentionShape, name: string, dtype: Float = "f32"): Buffer {
  return { name, type: storedType(isWide(s) ? "vec4<f32>" : "f32", dtype) };
}

export function shapeParams(s: AttentionShape): Record<string, readonly [ParamType, number]> {
  const size = isWide(s) ? 4 : 1;
  return {
    pairs: ["u32", s.batch * s.heads],
    heads: ["u32", s.heads],
    queries: ["u32", s.queries],
    keys: ["u32", s.keys],
    own: ["u32", s.plan.rows],
    row: ["u32", (s.heads * s.width) / size],
    width: ["u32", s.width / size],
    scale: ["f32", s.scale],
    least: ["f32", -3e38],
    rows: ["f32", s.grid?.[0] ?? 1],
    columns: ["f32", s.grid?.[1] ?? 1],
  };
}

/** The rows of a thread: `own` = i, those past the end once more; `mine` = their places in a buffer; of which `i` exist. */
export function ownRows(s: AttentionShape, first: string, image: string, end: string): string {
  const { rows, lanes } = s.plan;
  const type = rows === 1 ? "u32" : `vec${rows}<u32>`;
  const steps = rows === 1 ? "0u" : `${type}(${listed(rows, (r) => `${r * lanes}u`)})`;
  return `let lane = ${s.plan.handed ? "sg & 7u" : "0u"};
let i = ${type}(${first} * ${rows * lanes}u + lid.x) + ${steps};
let own = min(i, ${type}(${end} - 1u));
let mine = (${image} * ${end} + own) * p.row + head * p.width;`;
}

/** Row r of a vector with one number for each row of a thread. */
export const part = ({ plan }: AttentionShape, name: string, r: number | "r"): string =>
  plan.rows === 1 ? name : `${name}[${r}]`;

/** Lines for each row `r` of a thread that exists, `end` being the number of all. */
export function forOwn(s: AttentionShape, end: string, line: (r: number | "r") => string): string {
  const { rows, looped } = s.plan;
  const row = (r: number | "r") => `if (${part(s, "i", r)} < ${end}) { ${line(r)} }`;
  if (!looped || rows === 1) return unroll(rows, row);
  return `for (var r = 0u; r < p.own; r++) { ${row("r")} }`;
}

/** A number for each row of a thread. */
export const forRows = (s: AttentionShape, of: (r: number) => string): string =>
  s.plan.rows === 1 ? of(0) : `${ownType(s)}(${listed(s.plan.rows, of)})`;

/** `var <name>`: an array with a number per channel and own row, read from a buffer or zero. */
export function readOwn(s: AttentionShape, name: string, buffer?: string, factor = ""): string {
  const declared = `var ${name}: array<${ownType(s)}, ${s.width}>;`;
  if (buffer === undefined) return declared;
  const line = (c: string | number) =>
    `${name}[${c}] = ${factor}${forRows(s, (r) => element(s, buffer, part(s, "mine", r), c))};`;
  if (s.plan.looped) return `${declared}\nfor (var c = 0u; c < p.width; c++) { ${line("c")} }`;
  return `${declared}\n${unroll(s.width, line)}`;
}

/** Writes the own rows that exist. */
export function writeOwn(
  s: AttentionShape,
  name: string,
  { name: to, type }: Buffer,
  end: string,
  factor = "",
): string {
  return forOwn(s, end, (r) => {
    const value = (c: string | number) => `${factor}${part(s, `${name}[${c}]`, r)}`;
    const line = (c: string | number) =>
      `${to}[${part(s, "mine", r)} + ${c}] = ${type}(${value(c)});`;
    const four = (u: number) =>
      `${to}[${part(s, "mine", r)} + ${u}] = ${type}(${listed(4, (c) => value(4 * u + c))});`;
    if (s.plan.looped) return `for (var c = 0u; c < p.width; c++) { ${line("c")} }`;
    return isWide(s) ? unroll(s.width / 4, four) : unroll(s.width, line);
  });
}

/** Channel c of the row at a place. */
function element(s: AttentionShape, buffer: string, at: string, c: string | number): string {
  if (!isWide(s)) return `f32(${buffer}[${at} + ${c}])`;
  return `f32(${buffer}[${at} + ${Number(c) >> 2}][${Number(c) & 3}])`;
}

/** The rows of a tile in one buffer. */
export interface Side {
  readonly buffer: string;
  /** Their places are `<place>0` … */
  readonly place: string;
}

/** `<name>0` …: places of the tile's rows from `at` on, of a side that has `end`; those past it once more. */
export function tilePlaces(s: AttentionShape, name: string, at: string, end: string): string {
  const row = (r: number) => `min(${at} + ${r}u, ${end} - 1u)`;
  return unroll(s.plan.tile, (r) => `let ${name}${r} = base + ${row(r)} * p.row;`);
}

const handedName = ({ buffer }: Side, r: number, c: number) => `${buffer}${r}_${c >> 3}`;

/** Loads a tile where it is handed round. */
export function loadTile(s: AttentionShape, side: Side): string {
  if (!s.plan.handed) return "";
  const load = (r: number, t: number) => {
    const c = 8 * t + 8 > s.width ? `min(${8 * t}u + lane, p.width - 1u)` : `${8 * t}u + lane`;
    return `let ${handedName(side, r, 8 * t)} = f32(${side.buffer}[${side.place}${r} + ${c}]);`;
  };
  return unroll(s.plan.tile, (r) => unroll(Math.ceil(s.width / 8), (t) => load(r, t)));
}

/** A line for each channel and row of the tile, in which `value` is the number there. */
function sweep(
  s: AttentionShape,
  side: Side,
  line: (c: number, r: number, value: string) => string,
): string {
  const { tile, handed } = s.plan;
  const lines = (c: number, value: (r: number) => string) =>
    unroll(tile, (r) => line(c, r, value(r)));
  if (handed) {
    const of = (r: number, c: number) => `subgroupBroadcast(${handedName(side, r, c)}, ${c & 7}u)`;
    return unroll(s.width, (c) => lines(c, (r) => of(r, c)));
  }
  if (!isWide(s)) {
    const of = (r: number, c: number) => element(s, side.buffer, `${side.place}${r}`, c);
    return unroll(s.width, (c) => lines(c, (r) => of(r, c)));
  }
  return unroll(s.width / 4, (u) => {
    const load = (r: number) => `vec4<f32>(${side.buffer}[${side.place}${r} + ${u}u])`;
    return `{ ${unroll(tile, (r) => `let x${r} = ${load(r)};`)}
${unroll(4, (k) => lines(4 * u + k, (r) => `x${r}[${k}]`))} }`;
  });
}

/** `var <to>0` …: products of the own rows with those of the tile. */
export function products(s: AttentionShape, to: string, own: string, side: Side): string {
  const sums = forTile(s, (r) => `var ${to}${r} = ${ownType(s)}();`);
  return `${sums}\n${sweep(s, side, (c, r, value) => `${to}${r} += ${own}[${c}] * ${value};`)}`;
}

/** Adds the rows of the tile to the own rows, with the weights `<weights>0` … */
export function addRows(s: AttentionShape, own: string, weights: string, side: Side): string {
  return sweep(s, side, (c, r, value) => `${own}[${c}] += ${weights}${r} * ${value};`);
}

/** A line for each row of a tile. */
export const forTile = (s: AttentionShape, line: (r: number) => string): string =>
  unroll(s.plan.tile, line);
