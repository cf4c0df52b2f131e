/** Products of matrices, batched: C = A · B, with either operand read transposed. dA = dC · Bᵀ, dB = Aᵀ · dC. */
import { LoupeError } from "../../error.ts";
import { sizeOf } from "../../kernels/index.ts";
import { emptyGrad, track } from "../autograd.ts";
import { show } from "../launch.ts";
import { freeCopies, operand, weightOperand } from "../precision.ts";
import type { Tensor } from "../tensor.ts";
import { requireOneFloat } from "./float.ts";
import { broadcastShapes } from "./map.ts";
import { multiply } from "./multiply.ts";
import { expand } from "./shape.ts";
import { sumTo } from "./sum-to.ts";

export interface MatmulFlags {
  /** Read a as `[…, k, m]`. */
  readonly transposeA?: boolean;
  /** Read b as `[…, n, k]`. */
  readonly transposeB?: boolean;
}

/** a `[…, m, k]` times b `[…, k, n]`; leading axes broadcast. */
export function matmul(a: Tensor, b: Tensor, flags: MatmulFlags = {}): Tensor {
  const { transposeA = false, transposeB = false } = flags;
  const [x, y] = [a, b].map((t) => (t.requiresGrad ? weightOperand(t) : operand(t))) as [
    Tensor,
    Tensor,
  ];
  requireOneFloat("matmul", x, y);
  const c = product(x, y, transposeA, transposeB);
  track("matmul", c, [a, b], (dc) => {
    const da = transposeA
      ? product(y, dc, transposeB, true, a)
      : product(dc, y, false, !transposeB, a);
    const db = transposeB
      ? product(dc, x, true, transposeA, b)
      : product(x, dc, !transposeA, false, b);
    return [sumTo(da, a.shape), sumTo(db, b.shape)];
  });
  if (!c.node) freeCopies([a, b], [x, y]);
  return c;
}

/** The product, which is the gradient of `input` where that is given. */
function product(
  a: Tensor,
  b: Tensor,
  transposeA: boolean,
  transposeB: boolean,
  input?: Tensor,
): Tensor {
  const [ra, rb] = [a.shape.length, b.shape.length];
  const text = `${show(a.shape)}${transposeA ? "ᵀ" : ""} · ${show(b.shape)}${transposeB ? "ᵀ" : ""}`;
  if (ra < 2 || rb < 2)
    throw new LoupeError("shape", `matmul: needs at least two axes, got ${text}`);
  const [m, k] = ends(a, transposeA);
  const [k2, n] = ends(b, transposeB);
  if (k !== k2)
    throw new LoupeError("shape", `matmul: inner sizes ${k} and ${k2} differ in ${text}`);
  const lead = broadcastShapes("matmul", [a.shape.slice(0, -2), b.shape.slice(0, -2)]);
  const shape = [...lead, m, n];
  const y =
    input?.shape.join() === shape.join() ? emptyGrad(input) : a.device.empty(shape, a.dtype);
  if (y.size === 0) return y;
  if (k === 0) {
    a.device.fill(y, 0);
    return y;
  }
  const batch = sizeOf(lead);
  const [fa, fb] = [a, b].map((t) => spread(t, lead, batch)) as [Tensor, Tensor];
  const strideOf = (t: Tensor, size: number) => (t.size === size ? 0 : size);
  const s = { batch, m, n, k, transposeA, transposeB };
  multiply(fa, fb, y, { ...s, strideA: strideOf(fa, m * k), strideB: strideOf(fb, k * n) });
  return y;
}

/** Rows and columns as read. */
function ends(t: Tensor, transposed: boolean): [number, number] {
  const [rows, columns] = t.shape.slice(-2) as [number, number];
  return transposed ? [columns, rows] : [rows, columns];
}

/** One matrix for all, or one for each of the batch. */
function spread(t: Tensor, lead: readonly number[], batch: number): Tensor {
  const own = sizeOf(t.shape.slice(0, -2));
  return own === batch || own === 1 ? t : expand(t, [...lead, ...t.shape.slice(-2)]);
}
