/**
 * Where the largest or smallest element is: folds the middle of `[outer, n, inner]` to positions, the first of equal ones.
 * Elements are compared as ordered bits (see order.ts), so NaN and −0 are treated alike on every GPU. Long folds are split
 * into chunks; a second launch chooses among their winners.
 */
import { type OrderedType, orderKey } from "./order.ts";
import { fold, type KernelSpec, kernel } from "./spec.ts";
import { wgsl } from "./wgsl.ts";

export interface ArgmaxOptions {
  readonly name: string;
  /** The smallest instead of the largest. NaN wins either way. */
  readonly smallest: boolean;
  readonly dtype: OrderedType;
  readonly outer: number;
  readonly n: number;
  readonly inner: number;
  /** Pieces of n to fold apart; the output is then `[outer, chunks, inner]`. */
  readonly chunks: number;
  /** Among this many positions per output, given as a second input `[outer, candidates, inner]`, instead of all n. */
  readonly candidates?: number;
}

const workgroup = 64;

/** Chunks that keep the adapter busy without making the second launch long. */
export function argmaxChunks(outer: number, n: number, inner: number): number {
  const threads = inner === 1 ? outer * workgroup : outer * inner;
  const perChunk = inner === 1 ? 4096 : 64;
  const wanted = Math.min(Math.ceil(n / perChunk), Math.ceil(16_384 / threads));
  return Math.max(1, Math.min(wanted, 256));
}

export function argmaxKernel(options: ArgmaxOptions): KernelSpec {
  const { name, outer, n, inner, chunks, candidates } = options;
  const count = candidates ?? n;
  const rows = inner === 1 && count >= 32;
  return kernel({
    name,
    inputs: [
      { name: "x_", type: "u32" },
      ...(candidates === undefined ? [] : [{ name: "c_", type: "i32" }]),
    ],
    outputs: [{ name: "y_", type: "i32" }],
    params: {
      outer: ["u32", outer],
      n: ["u32", n],
      inner: ["u32", inner],
      chunks: ["u32", chunks],
      count: ["u32", count],
      step: ["u32", Math.ceil(count / chunks)],
    },
    head: wgsl`${orderKey(options.dtype)}\n${headOf(options, rows)}`,
    workgroup: [workgroup],
    grid: fold(rows ? outer * chunks : Math.ceil((outer * chunks * inner) / workgroup)),
    body: rows ? rowBody : columnBody,
  });
}

/** `best(row, column, i)`: how good element i is, and its position. */
function headOf({ smallest, candidates, dtype }: ArgmaxOptions, rows: boolean): string {
  const flipped = dtype === "f32" ? "select(~key, key, key == 0xffffffffu)" : "~key";
  return `
fn rate(row: u32, column: u32, i: u32) -> vec2u {
  ${candidates === undefined ? "let at = i;" : "let at = u32(c_[(row * p.count + i) * p.inner + column]);"}
  let key = orderKey(x_[(row * p.n + at) * p.inner + column]);
  return vec2u(${smallest ? flipped : "key"}, at);
}
fn better(a: vec2u, b: vec2u) -> vec2u {
  return select(b, a, a.x > b.x || (a.x == b.x && a.y < b.y));
}
${rows ? `var<workgroup> part: array<vec2u, ${workgroup}>;` : ""}`;
}

/** Worse than any element. */
const none = "vec2u(0u, 0xffffffffu)";

/** One workgroup per row and chunk. */
const rowBody = `let row = flat / p.chunks;
if (row >= p.outer) { return; }
let start = (flat % p.chunks) * p.step;
let end = min(start + p.step, p.count);
var found = ${none};
for (var i = start + lid.x; i < end; i += ${workgroup}u) { found = better(found, rate(row, 0u, i)); }
part[lid.x] = found;
workgroupBarrier();
for (var half = ${workgroup / 2}u; half > 0u; half /= 2u) {
  if (lid.x < half) { part[lid.x] = better(part[lid.x], part[lid.x + half]); }
  workgroupBarrier();
}
if (lid.x == 0u) { y_[flat] = i32(part[0].y); }`;

/** One thread per output and chunk. */
const columnBody = `let id = flat * ${workgroup}u + lid.x;
if (id >= p.outer * p.chunks * p.inner) { return; }
let column = id % p.inner;
let chunk = (id / p.inner) % p.chunks;
let row = id / p.inner / p.chunks;
let end = min((chunk + 1u) * p.step, p.count);
var found = ${none};
for (var i = chunk * p.step; i < end; i++) { found = better(found, rate(row, column, i)); }
y_[id] = i32(found.y);`;
