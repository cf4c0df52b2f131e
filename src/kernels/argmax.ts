/**
 * Where the largest or smallest element is: folds the middle of `[outer, n, inner]` to positions, the first of equal ones.
 * Elements are compared as ordered bits (see order.ts), so NaN and −0 are treated alike on every GPU. Long folds are split
 * into chunks; a second launch chooses among their winners.
 */
import { type OrderedType, orderKey } from "./order.ts";
import { fold, type KernelSpec, kernel, unroll } from "./spec.ts";
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
/** Threads that share a row. */
const lanes = 8;

/** Chunks that keep the adapter busy without making the second launch long. */
export function argmaxChunks(
  { outer, n, inner }: { outer: number; n: number; inner: number },
  software: boolean,
): number {
  const [busy, least] = software ? [16_384, 256] : [65_536, 32];
  const share = inner === 1 ? lanes : 1;
  const wanted = Math.min(Math.ceil(n / share / least), Math.ceil(busy / (outer * inner * share)));
  const chunks = Math.max(1, Math.min(wanted, inner === 1 ? 4096 : 256));
  return Math.ceil(n / Math.ceil(n / chunks)); // an empty chunk would have no winner
}

export function argmaxKernel(options: ArgmaxOptions): KernelSpec {
  const { name, outer, n, inner, chunks, candidates } = options;
  const count = candidates ?? n;
  const rows = inner === 1 && count >= 32;
  const all = outer * chunks * inner * (rows ? lanes : 1);
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
    grid: fold(Math.ceil(all / workgroup)),
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

/** Walks from `i` to `end`, four elements at a time. */
const walk = (
  step: number,
  row: string,
  column: string,
) => `${unroll(4, (k) => `var a${k} = ${none};`)}
for (; i + ${3 * step}u < end; i += ${4 * step}u) {
${unroll(4, (k) => `a${k} = better(a${k}, rate(${row}, ${column}, i + ${k * step}u));`)}
}
for (; i < end; i += ${step}u) { a0 = better(a0, rate(${row}, ${column}, i)); }
let found = better(better(a0, a1), better(a2, a3));`;

/** Eight threads per row and chunk. */
const rowBody = `let lane = lid.x % ${lanes}u;
let piece = flat * ${workgroup / lanes}u + lid.x / ${lanes}u;
let row = piece / p.chunks;
let first = (piece % p.chunks) * p.step;
let end = select(0u, min(first + p.step, p.count), row < p.outer);
var i = first + lane;
${walk(lanes, "row", "0u")}
part[lid.x] = found;
workgroupBarrier();
${unroll(
  3,
  (k) => `if (lane < ${4 >> k}u) { part[lid.x] = better(part[lid.x], part[lid.x + ${4 >> k}u]); }
workgroupBarrier();`,
)}
if (lane == 0u && row < p.outer) { y_[piece] = i32(part[lid.x].y); }`;

/** One thread per output and chunk. */
const columnBody = `let id = flat * ${workgroup}u + lid.x;
if (id >= p.outer * p.chunks * p.inner) { return; }
let column = id % p.inner;
let chunk = (id / p.inner) % p.chunks;
let row = id / p.inner / p.chunks;
let end = min((chunk + 1u) * p.step, p.count);
var i = chunk * p.step;
${walk(1, "row", "column")}
y_[id] = i32(found.y);`;
