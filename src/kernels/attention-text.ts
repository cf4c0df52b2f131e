/**
 * What the kernels of attention share: a row of a head as vectors of four in registers, four rows of the other side at a time, and
 * the Gaussian prior of four pairs. A row of which no pair may count (past the end) is read again and given the weight 0.
 */
import type { Float } from "./caps.ts";
import type { Buffer, ParamType } from "./spec.ts";
import { storedType } from "./stored.ts";

/** Sizes and types of one attention. */
export interface AttentionShape {
  readonly batch: number;
  readonly heads: number;
  /** Rows of q, rows of k and v, channels of a head. */
  readonly queries: number;
  readonly keys: number;
  readonly width: number;
  /** k and v have one image, which all of the batch share. */
  readonly shared: boolean;
  readonly scale: number;
  /** Rows and columns of the grid on which the positions lie, where there is a prior. */
  readonly grid?: readonly [number, number] | undefined;
  readonly stored: Readonly<Record<"q" | "k" | "v", Float>>;
}

/** Rows of the other side that a thread works on at once. */
const tile = 4;
/** Kept away from 0 inside a logarithm. */
export const priorEps = 1e-4;

/** True when a head's channels are whole vectors in memory. */
const isWide = (s: AttentionShape) => s.width % 4 === 0;
/** Vectors of a head. */
export const unitsOf = (s: AttentionShape): number => Math.ceil(s.width / 4);
const of4 = <T>(line: (r: number) => T): T[] => Array.from({ length: tile }, (_, r) => line(r));
/** One line of shader text for each vector of a head. */
export const each = (s: AttentionShape, line: (c: number) => string): string =>
  Array.from({ length: unitsOf(s) }, (_, c) => line(c)).join("\n");

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
    row: ["u32", (s.heads * s.width) / size],
    width: ["u32", s.width / size],
    scale: ["f32", s.scale],
    least: ["f32", -3e38],
    rows: ["f32", s.grid?.[0] ?? 1],
    columns: ["f32", s.grid?.[1] ?? 1],
  };
}

/** Vector c of the row that begins at `at`. */
export function load(s: AttentionShape, buffer: string, at: string, c: number): string {
  if (isWide(s)) return `vec4<f32>(${buffer}[${at} + ${c}u])`;
  const part = (k: number) =>
    4 * c + k < s.width ? `f32(${buffer}[${at} + ${4 * c + k}u])` : "0.0";
  return `vec4<f32>(${of4(part).join(", ")})`;
}

/** Writes vector c of the row that begins at `at`. */
export function store(
  s: AttentionShape,
  { name, type }: Buffer,
  at: string,
  c: number,
  value: string,
): string {
  if (isWide(s)) return `${name}[${at} + ${c}u] = ${type}(${value});`;
  const part = (k: number) =>
    4 * c + k < s.width ? `${name}[${at} + ${4 * c + k}u] = ${type}(x[${k}]);` : "";
  return `{ let x = ${value}; ${of4(part).join(" ")} }`;
}

/** Names of the places of rows `at`, `at` + 1 … of a side with `count` rows whose row 0 is at `base`: `<name>0` … */
export function places(name: string, base: string, at: string, count: string): string {
  return of4((r) => `let ${name}${r} = ${base} + min(${at} + ${r}u, ${count} - 1u) * p.row;`).join(
    "\n",
  );
}

/** `var <to>`: the products of a thread's row `<own>0`, `<own>1` … with four rows of a buffer. */
export function products(
  s: AttentionShape,
  to: string,
  own: string,
  buffer: string,
  place: string,
): string {
  return `var ${to} = vec4<f32>();
${each(s, (c) => of4((r) => `${to}[${r}] += dot(${own}${c}, ${load(s, buffer, `${place}${r}`, c)});`).join(" "))}`;
}

/** Adds four rows of a buffer, weighted, to a thread's row `<own>0`, `<own>1` … */
export function addRows(
  s: AttentionShape,
  own: string,
  weights: string,
  buffer: string,
  place: string,
): string {
  return each(
    s,
    (c) =>
      `${own}${c} += ${of4((r) => `${weights}[${r}] * ${load(s, buffer, `${place}${r}`, c)}`).join(" + ")};`,
  );
}

/** Which of the rows `at` … exist. */
export const within = (at: string, count: string): string =>
  `(vec4<u32>(${at}) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(${count}))`;

/** `<name>Row` and `<name>Column` of positions on the grid, in f32: exact up to millions of positions. */
export function gridPlace(name: string, position: string): string {
  return `let ${name}Row = floor((${position} + 0.5) / p.columns);
let ${name}Column = ${position} - ${name}Row * p.columns;`;
}

/** Four positions `at`, `at` + 1 … as f32. */
export const positions = (at: string): string =>
  `(vec4<f32>(f32(${at})) + vec4<f32>(0.0, 1.0, 2.0, 3.0))`;

/** Of a query: 1 / 2σ² of rows and of columns, and the logarithm of the prior's sum over the grid. */
export type Prior = readonly [row: string, column: string, sum: string];

/** `t`, the prior of four pairs, from the squared distances `rr` and `cc`, and the logarithms of the weights `w` and of `t`. */
export function priorOf([row, column, sum]: Prior, inside = "true"): string {
  return `let t = select(vec4<f32>(), exp(-(rr * ${row} + cc * ${column}) - ${sum}), ${inside});
let lp = log(w + ${priorEps}); let lt = log(t + ${priorEps});`;
}

/** The derivatives of divergence and entropy by a weight. */
export const slopes = `let a = lp - lt + (w - t) / (w + ${priorEps});
let b = -lp - w / (w + ${priorEps});`;
