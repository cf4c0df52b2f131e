/** Shapes: reshape and slices along the first axis are views where alignment allows; the rest are copies by one kernel. */
import { LoupeError } from "../../error.ts";
import { bytesOf, copyKernel, sizeOf, stridesOf } from "../../kernels/index.ts";
import { carriesGrad, track } from "../autograd.ts";
import { deviceOf, launch, show } from "../launch.ts";
import type { Shape, Tensor } from "../tensor.ts";
import { sumTo } from "./sum-to.ts";

/** The same elements under another shape; one size may be −1. A view. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const known = sizeOf(shape.filter((n) => n !== -1));
  const full = shape.map((n) => (n === -1 ? x.size / known : n));
  if (sizeOf(full) !== x.size || full.some((n) => !Number.isInteger(n) || n < 0)) {
    throw new LoupeError("shape", `reshape: ${show(x.shape)} has no shape ${show(shape)}`);
  }
  return track("reshape", x.view(full), [x], (dy) => [dy.view(x.shape)]);
}

/** Repeats axes of size 1 to fill `shape`. */
export function expand(x: Tensor, shape: Shape): Tensor {
  const lead = shape.length - x.shape.length;
  const padded = [...Array(Math.max(0, lead)).fill(1), ...x.shape];
  if (lead < 0 || padded.some((n, i) => n !== 1 && n !== shape[i])) {
    throw new LoupeError("shape", `expand: ${show(x.shape)} does not broadcast to ${show(shape)}`);
  }
  const strides = stridesOf(padded).map((s, i) => (padded[i] === 1 ? 0 : s));
  const y = copyBox("expand", x, shape, { start: 0, strides });
  return track("expand", y, [x], (dy) => [sumTo(dy, x.shape)]);
}

/**
 * Elements `start` (inclusive) to `end` (exclusive) of one axis, every `step`-th.
 * Negative positions count from the end. Along the first axis with step 1 it is a view when the offset is aligned.
 */
export function slice(x: Tensor, axis: number, start: number, end?: number, step = 1): Tensor {
  const a = axis < 0 ? axis + x.shape.length : axis;
  const n = x.shape[a];
  if (n === undefined) throw new LoupeError("shape", `slice: ${show(x.shape)} has no axis ${axis}`);
  const at = (i: number) => Math.min(n, Math.max(0, i < 0 ? i + n : i));
  const [from, to] = [at(start), at(end ?? n)];
  if (!Number.isInteger(step) || step < 1)
    throw new LoupeError("shape", `slice: step ${step} is not 1 or more`);
  const count = Math.max(0, Math.ceil((to - from) / step));
  const shape = x.shape.map((size, i) => (i === a ? count : size));
  const strides = stridesOf(x.shape);
  const first = from * (strides[a] as number);
  const offset = x.offset + first * bytesOf[x.dtype];
  const box = { start: first, strides: strides.map((s, i) => (i === a ? s * step : s)) };
  const outer = sizeOf(x.shape.slice(0, a));
  const free = outer === 1 && step === 1 && offset % 256 === 0 && count > 0;
  const y = free ? x.view(shape, offset) : copyBox("slice", x, shape, box);
  return track("slice", y, [x], (dy) => {
    const dx = x.device.zeros(x.shape, x.dtype);
    if (dy.size) place("slice gradient", dy, dx, box);
    return [dx];
  });
}

/** Tensors one after the other along an axis. */
export function concat(tensors: readonly Tensor[], axis: number): Tensor {
  const device = deviceOf("concat", tensors);
  const [first] = tensors as [Tensor];
  const a = axis < 0 ? axis + first.shape.length : axis;
  for (const t of tensors) {
    const fits = t.shape.length === first.shape.length && t.dtype === first.dtype;
    if (fits && t.shape.every((n, i) => i === a || n === first.shape[i])) continue;
    throw new LoupeError("shape", `concat: ${t} does not fit ${first} along axis ${axis}`);
  }
  const total = tensors.reduce((sum, t) => sum + (t.shape[a] as number), 0);
  const y = device.empty(
    first.shape.map((n, i) => (i === a ? total : n)),
    first.dtype,
  );
  const strides = stridesOf(y.shape);
  const starts: number[] = [];
  let at = 0;
  for (const t of tensors) {
    starts.push(at);
    if (t.size) place("concat", t, y, { start: at * (strides[a] as number), strides });
    at += t.shape[a] as number;
  }
  return track("concat", y, tensors, (dy) =>
    tensors.map((t, i) => {
      if (!carriesGrad(t)) return undefined;
      return copyBox("concat gradient", dy, t.shape, {
        start: (starts[i] as number) * (strides[a] as number),
        strides,
      });
    }),
  );
}

/** A new leading axis over tensors of one shape. */
export function stack(tensors: readonly Tensor[]): Tensor {
  return concat(
    tensors.map((t) => reshape(t, [1, ...t.shape])),
    0,
  );
}

type Box = { readonly start: number; readonly strides: readonly number[] };

/** Gathers a box of x into a new tensor of `shape`. */
export function copyBox(name: string, x: Tensor, shape: Shape, from: Box): Tensor {
  const y = x.device.empty(shape, x.dtype);
  if (y.size === 0) return y;
  const to = { start: 0, strides: stridesOf(shape) };
  launch(copyKernel({ name, dtype: x.dtype, box: shape, from, to }), [x], [y]);
  return y;
}

/** Writes x into a box of y. */
function place(name: string, x: Tensor, y: Tensor, to: Box): void {
  const from = { start: 0, strides: stridesOf(x.shape) };
  launch(copyKernel({ name, dtype: x.dtype, box: x.shape, from, to }), [x], [y]);
}
