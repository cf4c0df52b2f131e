/** Euclidean distances between all rows of two tensors, with their gradients. */
import { LoupeError } from "../../error.ts";
import { cdistGradKernel, cdistKernel, sizeOf } from "../../kernels/index.ts";
import { carriesGrad, track } from "../autograd.ts";
import { deviceOf, launch, show } from "../launch.ts";
import type { Tensor } from "../tensor.ts";
import { pairTypes } from "./float.ts";
import { broadcastShapes, map } from "./map.ts";
import { expand } from "./shape.ts";
import { sumTo } from "./sum-to.ts";

export interface CdistOptions {
  /** Squared distances. */
  readonly squared?: boolean;
}

/**
 * Distances between the rows of a `[…, M, D]` and b `[…, N, D]`: `[…, M, N]`; leading axes broadcast. Computed from differences,
 * so close rows and rows far from zero keep their digits: the relative error is about D · 2⁻²⁴ at worst. Equal rows are at 0, where
 * the gradient is 0. The result is f32, also of f16.
 */
export function cdist(a: Tensor, b: Tensor, { squared = false }: CdistOptions = {}): Tensor {
  deviceOf("cdist", [a, b]);
  pairTypes("cdist", a, b);
  const s = sizes("cdist", a, b);
  const y = a.device.empty([...s.lead, s.m, s.n]);
  const [fa, fb] = [spread(a, s.lead), spread(b, s.lead)];
  distances(fa, fb, y, squared);
  track("cdist", y, [a, b], (dy) => {
    const w = slopes(dy, y, squared);
    const shape = (t: Tensor) => [...s.lead, ...t.shape.slice(-2)];
    const back = (t: Tensor, g: () => Tensor) => (carriesGrad(t) ? sumTo(g(), t.shape) : undefined);
    return [
      back(a, () => pull(w, fa, fb, shape(a), [s.n, 1])),
      back(b, () => pull(w, fb, fa, shape(b), [1, s.n])),
    ];
  });
  if (!y.node) for (const t of [fa, fb]) if (t !== a && t !== b) t.dispose();
  return y;
}

interface Sizes {
  readonly lead: readonly number[];
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** Sizes of two tensors of rows that fit each other. */
export function sizes(op: string, a: Tensor, b: Tensor): Sizes {
  const text = `${show(a.shape)} and ${show(b.shape)}`;
  if (a.shape.length < 2 || b.shape.length < 2) {
    throw new LoupeError("shape", `${op}: needs [..., M, D] and [..., N, D], got ${text}`);
  }
  const [m, k] = a.shape.slice(-2) as [number, number];
  const [n, k2] = b.shape.slice(-2) as [number, number];
  if (k !== k2) throw new LoupeError("shape", `${op}: rows of ${text} differ in length`);
  return { lead: broadcastShapes(op, [a.shape.slice(0, -2), b.shape.slice(0, -2)]), m, n, k };
}

/** One matrix for all, or one for each of the batch. */
function spread(t: Tensor, lead: readonly number[]): Tensor {
  const own = sizeOf(t.shape.slice(0, -2));
  return own === sizeOf(lead) || own === 1 ? t : expand(t, [...lead, ...t.shape.slice(-2)]);
}

/** Writes the distances of a `[(batch,) M, D]` and b `[(batch,) N, D]` into y. */
export function distances(a: Tensor, b: Tensor, y: Tensor, squared: boolean): void {
  if (y.size === 0) return;
  const [m, k] = a.shape.slice(-2) as [number, number];
  const n = b.shape.at(-2) as number;
  if (k === 0) {
    a.device.fill(y, 0);
    return;
  }
  const batch = y.size / m / n;
  const [strideA, strideB] = [strideOf(a), strideOf(b)];
  const stored = pairTypes("cdist", a, b);
  launch(cdistKernel({ batch, m, n, k, strideA, strideB, squared, stored }), [a, b], [y]);
}

/** Elements from one matrix to the next; 0 if there is but one. */
function strideOf(t: Tensor): number {
  const matrix = sizeOf(t.shape.slice(-2));
  return t.size === matrix ? 0 : matrix;
}

/** dL/d(a − b) divided by (a − b): 2g of squares, g / d else, and 0 at distance 0. */
export function slopes(g: Tensor, y: Tensor, squared: boolean): Tensor {
  const f = squared ? "T(2) * g" : "select(g / y, T(0), y == T(0))";
  return map("cdist gradient", { f }, squared ? { g } : { g, y });
}

/** Σ w · (a − b) over the rows of b: the gradient of a. `steps` of w: between rows of a, and of b. */
function pull(
  w: Tensor,
  a: Tensor,
  b: Tensor,
  shape: readonly number[],
  [stepM, stepN]: readonly [number, number],
): Tensor {
  const y = a.device.empty(shape, a.dtype);
  if (y.size === 0) return y;
  const [m, k] = a.shape.slice(-2) as [number, number];
  const n = b.shape.at(-2) as number;
  if (n === 0) {
    a.device.fill(y, 0);
    return y;
  }
  const stored = pairTypes("cdist gradient", a, b);
  const strides = { strideA: strideOf(a), strideB: strideOf(b), stepM, stepN };
  launch(cdistGradKernel({ batch: y.size / m / k, m, n, k, ...strides, stored }), [w, a, b], [y]);
  return y;
}
