/**
 * Reductions over any axes with their gradients. `axes` left out means all; `keepDim` keeps them with size 1. Sums, means, variances
 * and norms of f16 are f32.
 */
import { type DType, sizeOf } from "../../kernels/index.ts";
import { track } from "../autograd.ts";
import type { Tensor } from "../tensor.ts";
import { floatOf } from "./float.ts";
import { type FoldOptions, normalAxes, reduceAxes } from "./fold.ts";
import { map } from "./map.ts";
import { div, mul, sqrt } from "./pointwise.ts";

type Axes = number | readonly number[];

/** Σ x. */
export function sum(x: Tensor, axes?: Axes, keepDim = false): Tensor {
  return linear("sum", x, axes, keepDim, () => 1);
}

/** Σ x / n. */
export function mean(x: Tensor, axes?: Axes, keepDim = false): Tensor {
  floatOf(x, "mean");
  return linear("mean", x, axes, keepDim, (n) => 1 / n);
}

function linear(
  name: string,
  x: Tensor,
  axes: Axes | undefined,
  keepDim: boolean,
  scaleOf: (n: number) => number,
): Tensor {
  const normal = normalAxes(name, x.shape.length, axes);
  const scale = scaleOf(sizeOf(normal.map((a) => x.shape[a] as number)));
  const options: FoldOptions = scale === 1 ? { name, fold: "sum" } : averaged(name, scale);
  const y = reduceAxes(x, normal, { ...options, out: wideOf(x) }, keepDim);
  const kept = x.shape.map((n, i) => (normal.includes(i) ? 1 : n));
  return track(name, y, [x], (dy) => [
    map(`${name} gradient`, { f: `g * T(p.scale) + T(0) * x` }, { g: dy.view(kept), x }, { scale }),
  ]);
}

/** The type of a sum. */
const wideOf = ({ dtype }: Tensor): DType => (dtype === "f16" ? "f32" : dtype);

/** A sum times a number. */
function averaged(name: string, scale: number): FoldOptions {
  return { name, fold: "sum", finish: "a * p.scale", scale };
}

/** The largest element. Equal maxima share the gradient, as PyTorch's amax. */
export function max(x: Tensor, axes?: Axes, keepDim = false): Tensor {
  return extreme("max", x, axes, keepDim);
}

/** The smallest element. Equal minima share the gradient. */
export function min(x: Tensor, axes?: Axes, keepDim = false): Tensor {
  return extreme("min", x, axes, keepDim);
}

function extreme(name: "max" | "min", x: Tensor, axes: Axes | undefined, keepDim: boolean): Tensor {
  const normal = normalAxes(name, x.shape.length, axes);
  const y = reduceAxes(x, normal, { name, fold: name }, keepDim);
  const kept = x.shape.map((n, i) => (normal.includes(i) ? 1 : n));
  return track(name, y, [x], (dy) => {
    const hit = map(`${name} ties`, { f: "select(T(0), T(1), x == y)" }, { x, y: y.view(kept) });
    const count = reduceAxes(hit, normal, { name, fold: "sum" }, true);
    return [mul(hit, div(dy.view(kept), count))];
  });
}

/** The variance, divided by n − correction (1: unbiased). */
export function variance(
  x: Tensor,
  axes?: Axes,
  options: { correction?: number; keepDim?: boolean } = {},
): Tensor {
  floatOf(x, "variance");
  const normal = normalAxes("variance", x.shape.length, axes);
  const n = sizeOf(normal.map((a) => x.shape[a] as number));
  const scale = 1 / Math.max(0, n - (options.correction ?? 1));
  const m = reduceAxes(x, normal, { ...averaged("variance", 1 / n), out: "f32" }, true);
  const squares = map("variance", { f: "(x - m) * (x - m)" }, { x, m });
  const { keepDim = false } = options;
  const y = reduceAxes(squares, normal, averaged("variance", scale), keepDim);
  squares.dispose();
  return track("variance", y, [x], (dy) => [
    map(
      "variance gradient",
      { f: "T(2) * g * (x - m) * T(p.scale)" },
      { g: dy.view(m.shape), x, m },
      { scale },
    ),
  ]);
}

/** The standard deviation; see `variance`. */
export function std(
  x: Tensor,
  axes?: Axes,
  options: { correction?: number; keepDim?: boolean } = {},
): Tensor {
  return sqrt(variance(x, axes, options));
}

/** (Σ |x|^order)^(1/order) for order 1 or 2. The gradient at zero is zero. */
export function norm(
  x: Tensor,
  axes?: Axes,
  options: { order?: 1 | 2; keepDim?: boolean } = {},
): Tensor {
  const { order = 2, keepDim = false } = options;
  floatOf(x, "norm");
  const normal = normalAxes("norm", x.shape.length, axes);
  const base = { name: "norm", fold: "sum", out: "f32" } as const;
  const fold: FoldOptions =
    order === 1 ? { ...base, map: "abs(x)" } : { ...base, map: "x * x", finish: "sqrt(a)" };
  const y = reduceAxes(x, normal, fold, keepDim);
  const kept = x.shape.map((n, i) => (normal.includes(i) ? 1 : n));
  const slope = order === 1 ? "g * sign(x)" : "select(g * x / y, T(0), y == T(0))";
  return track("norm", y, [x], (dy) => [
    map("norm gradient", { f: slope }, { g: dy.view(kept), x, y: y.view(kept) }),
  ]);
}
