/**
 * Folds the middle of `[outer, n, inner]` to `[outer, inner]`. Along rows (inner 1) a workgroup walks a row and folds a tree;
 * along columns each thread walks its own column, so reads stay next to each other. Long folds are split into chunks that
 * a second launch folds again: always in the same order, so results are the same bits each time.
 */
import { type DType, fold, type KernelSpec, kernel } from "./spec.ts";
import { wgsl } from "./wgsl.ts";

export type Fold = "sum" | "max" | "min";

export interface ReduceOptions {
  readonly name: string;
  readonly fold: Fold;
  readonly dtype: "f32" | "i32" | "u32";
  readonly outer: number;
  readonly n: number;
  readonly inner: number;
  /** Pieces of n that are folded apart; the output is then `[outer, chunks, inner]`. */
  readonly chunks: number;
  /** Applied to each element `x` first, for example `x * x`. */
  readonly map?: string;
  /** Applied to each result `a` last, for example `a * p.scale`. */
  readonly finish?: string;
  readonly scale?: number;
}

const workgroup = 64;

/** Chunks that keep the adapter busy without making the second launch long. */
export function reduceChunks(outer: number, n: number, inner: number): number {
  const threads = inner === 1 ? outer * workgroup : outer * inner;
  const perChunk = inner === 1 ? 4096 : 64;
  const wanted = Math.min(Math.ceil(n / perChunk), Math.ceil(16_384 / threads));
  return Math.max(1, Math.min(wanted, 256));
}

export function reduceKernel(options: ReduceOptions): KernelSpec {
  return options.inner === 1 && options.n >= 32 ? rowKernel(options) : columnKernel(options);
}

function combine(how: Fold, a: string, b: string): string {
  return how === "sum" ? `${a} + ${b}` : `${how}(${a}, ${b})`;
}

/** What a fold starts from. Infinity can't be written in WGSL, so it comes as a parameter. */
function identity({ fold: how, dtype }: ReduceOptions): string {
  if (how === "sum") return `${dtype}(0)`;
  if (dtype === "f32") return "p.start";
  if (dtype === "i32") return how === "max" ? "i32(-2147483647 - 1)" : "2147483647";
  return how === "max" ? "0u" : "4294967295u";
}

function parts(options: ReduceOptions) {
  const { name, dtype, outer, n, inner, chunks, scale = 1 } = options;
  return {
    name,
    inputs: [{ name: "x_", type: dtype as DType }],
    outputs: [{ name: "y_", type: dtype as DType }],
    params: {
      outer: ["u32", outer],
      n: ["u32", n],
      inner: ["u32", inner],
      chunks: ["u32", chunks],
      step: ["u32", Math.ceil(n / chunks)],
      scale: ["f32", scale],
      start: ["f32", options.fold === "max" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY],
    },
  } as const;
}

/** One workgroup per row and chunk. */
function rowKernel(options: ReduceOptions): KernelSpec {
  const { outer, chunks, dtype, map = "x", finish = "a" } = options;
  return kernel({
    ...parts(options),
    head: wgsl`var<workgroup> part: array<${dtype}, ${workgroup}>;`,
    workgroup: [workgroup],
    grid: fold(outer * chunks),
    body: wgsl`let row = flat / p.chunks;
if (row < p.outer) {
  let start = (flat % p.chunks) * p.step;
  let end = min(start + p.step, p.n);
  var acc = ${identity(options)};
  for (var i = start + lid.x; i < end; i += ${workgroup}u) {
    let x = x_[row * p.n + i];
    acc = ${combine(options.fold, "acc", `(${map})`)};
  }
  part[lid.x] = acc;
}
workgroupBarrier();
for (var half = ${workgroup / 2}u; half > 0u; half /= 2u) {
  if (lid.x < half) { part[lid.x] = ${combine(options.fold, "part[lid.x]", "part[lid.x + half]")}; }
  workgroupBarrier();
}
if (lid.x == 0u && row < p.outer) { let a = part[0]; y_[flat] = ${finish}; }`,
  });
}

/** One thread per output and chunk, columns side by side. */
function columnKernel(options: ReduceOptions): KernelSpec {
  const { outer, inner, chunks, map = "x", finish = "a" } = options;
  return kernel({
    ...parts(options),
    workgroup: [workgroup],
    grid: fold(Math.ceil((outer * chunks * inner) / workgroup)),
    body: wgsl`let id = flat * ${workgroup}u + lid.x;
if (id >= p.outer * p.chunks * p.inner) { return; }
let column = id % p.inner;
let chunk = (id / p.inner) % p.chunks;
let row = id / p.inner / p.chunks;
let end = min((chunk + 1u) * p.step, p.n);
var acc = ${identity(options)};
for (var i = chunk * p.step; i < end; i++) {
  let x = x_[(row * p.n + i) * p.inner + column];
  acc = ${combine(options.fold, "acc", `(${map})`)};
}
let a = acc;
y_[id] = ${finish};`,
  });
}
