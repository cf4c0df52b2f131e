/** Sums, maxima and minima over any axes, outside the graph: axes are merged, the rest is left to one launch or a few. */
import { LoupeError } from "../../error.ts";
import { type DType, type Fold, reduceCut, reduceKernel, sizeOf } from "../../kernels/index.ts";
import { deviceOf, launch, show } from "../launch.ts";
import type { Tensor } from "../tensor.ts";
import { permuteRaw } from "./permute.ts";

export interface FoldOptions {
  readonly name: string;
  readonly fold: Fold;
  /** Applied to each element `x` first. */
  readonly map?: string;
  /** Applied to each result `a` last; `p.scale` is at hand. */
  readonly finish?: string;
  readonly scale?: number;
  /** Element type of the result; without it that of x. f16 is always folded in f32. */
  readonly out?: DType;
  /** Memory for the result, of its size and type, which is taken over. */
  readonly into?: Tensor;
}

/** Axes as sorted numbers from 0, `undefined` meaning all of them. */
export function normalAxes(op: string, rank: number, axes?: number | readonly number[]): number[] {
  const given = axes === undefined ? Array.from({ length: rank }, (_, i) => i) : [axes].flat();
  const normal = given.map((a) => (a < 0 ? a + rank : a)).sort((a, b) => a - b);
  const bad = normal.some(
    (a, i) => !Number.isInteger(a) || a < 0 || a >= rank || a === normal[i - 1],
  );
  if (bad)
    throw new LoupeError("shape", `${op}: axes ${show(given)} do not fit a tensor of rank ${rank}`);
  return normal;
}

/** Folds the given axes away; they stay with size 1 when `keep` is set. */
export function reduceAxes(
  x: Tensor,
  axes: readonly number[],
  options: FoldOptions,
  keep = false,
): Tensor {
  const kept = x.shape.map((n, i) => (axes.includes(i) ? 1 : n));
  const shape = keep ? kept : x.shape.filter((_, i) => !axes.includes(i));
  const n = sizeOf(axes.map((a) => x.shape[a] as number));
  if (n === 0 && options.fold !== "sum") {
    throw new LoupeError("shape", `${options.name}: no elements to fold in ${show(x.shape)}`);
  }
  const out = options.out ?? x.dtype;
  if (sizeOf(shape) === 0) return x.device.empty(shape, out);
  if (n === 0) return x.device.full(shape, 0 * (options.scale ?? 1), out); // a mean is not a number
  const first = axes[0] ?? 0;
  const adjoining = axes.every((a, i) => a === first + i || sizeOf(x.shape.slice(first, a)) === n);
  if (!adjoining) {
    const rest = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
    const moved = permuteRaw(x, [...rest, ...axes]);
    const y = foldMiddle(moved, sizeOf(shape), n, 1, options).into(shape);
    moved.dispose();
    return y;
  }
  const outer = sizeOf(x.shape.slice(0, first));
  return foldMiddle(x, outer, n, x.size / outer / n, options).into(shape);
}

/** `[outer, n, inner]` to `[outer, inner]`. */
export function foldMiddle(
  x: Tensor,
  outer: number,
  n: number,
  inner: number,
  options: FoldOptions,
): Tensor {
  const { name, fold, map = "x", finish = "a", scale = 1, into } = options;
  const out = into?.dtype ?? options.out ?? x.dtype;
  const device = deviceOf(name, [x]);
  if (n === 0 || outer * inner === 0) return device.zeros([outer, inner], out);
  const { repeat, chunks } = reduceCut({ outer, n, inner }, device.adapter.software);
  const base = { name, fold, dtype: x.dtype, outer, scale, subgroups: device.subgroups };
  if (repeat * chunks === 1) {
    const y = into?.into([outer, inner]) ?? device.empty([outer, inner], out);
    launch(reduceKernel({ ...base, n, inner, chunks, map, finish, out }), [x], [y]);
    return y;
  }
  const partial = x.dtype === "f16" ? "f32" : x.dtype;
  const parts = device.empty([outer, chunks * repeat, inner], partial);
  const cut = { n: n / repeat, inner: inner * repeat, chunks };
  launch(reduceKernel({ ...base, ...cut, map, out: partial }), [x], [parts]);
  const rest = { name, fold, finish, scale, out, ...(into && { into }) };
  const y = foldMiddle(parts, outer, chunks * repeat, inner, rest);
  parts.dispose();
  return y;
}
