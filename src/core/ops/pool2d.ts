/** Maxima and means over windows of images, with fixed or adaptive windows, and their gradients. */
import { LoupeError } from "../../error.ts";
import {
  avgPoolGradKernel,
  avgPoolKernel,
  type Float,
  maxPoolGradKernel,
  maxPoolKernel,
  type PoolShape,
  type PoolWindow,
} from "../../kernels/index.ts";
import { carriesGrad, isGradEnabled, track } from "../autograd.ts";
import { launch, show } from "../launch.ts";
import type { Tensor } from "../tensor.ts";
import { type Pair, pair } from "./conv2d.ts";
import { floatOf } from "./float.ts";
import { cast } from "./pointwise.ts";
import { mean } from "./reduce.ts";

interface WindowOptions {
  readonly kernelSize: Pair;
  /** Default: the kernel size. */
  readonly stride?: Pair;
  /** Padding on both sides, at most half the kernel. */
  readonly padding?: Pair;
  /** Rounds the output size up; a last window then reaches over the edge. */
  readonly ceilMode?: boolean;
}

export interface MaxPool2dOptions extends WindowOptions {
  readonly dilation?: Pair;
}

export interface AvgPool2dOptions extends WindowOptions {
  /** Padding counts as zeros that belong to the window. Default true. */
  readonly countIncludePad?: boolean;
}

/**
 * The largest value of each window. Padding never wins; of equal values the first gets the gradient; NaN wins.
 * @param x `[N, H, W, C]`
 * @returns `[N, OH, OW, C]`
 */
export function maxPool2d(x: Tensor, options: MaxPool2dOptions): Tensor {
  const window = poolWindow(options, { dilation: options.dilation ?? 1, countPadding: false });
  return maxOf("maxPool2d", x, windowShape("maxPool2d", x, window, options.ceilMode ?? false));
}

/**
 * The mean of each window.
 * @param x `[N, H, W, C]`
 * @returns `[N, OH, OW, C]`
 */
export function avgPool2d(x: Tensor, options: AvgPool2dOptions): Tensor {
  const countPadding = options.countIncludePad ?? true;
  const window = poolWindow(options, { dilation: 1, countPadding });
  return meanOf("avgPool2d", x, windowShape("avgPool2d", x, window, options.ceilMode ?? false));
}

/**
 * Means over windows that share the image out evenly, as PyTorch's `adaptive_avg_pool2d`.
 * @param x `[N, H, W, C]`
 * @param size of the output, `[OH, OW]`
 */
export function adaptiveAvgPool2d(x: Tensor, size: Pair): Tensor {
  const s = adaptiveShape("adaptiveAvgPool2d", x, size);
  // one window: the reduction shares its pixels out among threads
  if (s.oh * s.ow === 1) return cast(mean(x, [1, 2], true), s.dtype as Float);
  return meanOf("adaptiveAvgPool2d", x, s);
}

/**
 * Maxima over windows that share the image out evenly, as PyTorch's `adaptive_max_pool2d`.
 * @param x `[N, H, W, C]`
 * @param size of the output, `[OH, OW]`
 */
export function adaptiveMaxPool2d(x: Tensor, size: Pair): Tensor {
  return maxOf("adaptiveMaxPool2d", x, adaptiveShape("adaptiveMaxPool2d", x, size));
}

function maxOf(name: string, x: Tensor, s: PoolShape): Tensor {
  const { device } = x;
  const y = device.empty([s.n, s.oh, s.ow, s.c], x.dtype);
  const indices = isGradEnabled() && carriesGrad(x) ? device.empty(y.shape, "u32") : undefined;
  const spec = maxPoolKernel(s, indices !== undefined);
  if (y.size) launch(spec, [x], indices ? [y, indices] : [y]);
  return track(name, y, [x], (dy) => [
    gradient(x, y, (dx) => launch(maxPoolGradKernel(s), [dy, indices as Tensor], [dx])),
  ]);
}

function meanOf(name: string, x: Tensor, s: PoolShape): Tensor {
  const y = x.device.empty([s.n, s.oh, s.ow, s.c], x.dtype);
  if (y.size) launch(avgPoolKernel(s), [x], [y]);
  return track(name, y, [x], (dy) => [
    gradient(x, y, (dx) => launch(avgPoolGradKernel(s), [dy], [dx])),
  ]);
}

function gradient(x: Tensor, y: Tensor, run: (dx: Tensor) => void): Tensor {
  if (y.size === 0) return x.device.zeros(x.shape, x.dtype);
  const dx = x.device.empty(x.shape, x.dtype);
  run(dx);
  return dx;
}

function poolWindow(o: WindowOptions, rest: { dilation: Pair; countPadding: boolean }): PoolWindow {
  return {
    kernelSize: pair(o.kernelSize),
    stride: pair(o.stride ?? o.kernelSize),
    padding: pair(o.padding ?? 0),
    dilation: pair(rest.dilation),
    countPadding: rest.countPadding,
  };
}

function imageShape(
  name: string,
  x: Tensor,
): Pick<PoolShape, "n" | "h" | "w" | "c"> & { readonly dtype: Float } {
  const dtype = floatOf(x, name);
  const [n, h, w, c] = x.shape as [number, number, number, number];
  if (x.shape.length === 4 && h > 0 && w > 0) return { n, h, w, c, dtype };
  throw new LoupeError("shape", `${name}: input must be [N, H, W, C], got ${show(x.shape)}`);
}

function windowShape(name: string, x: Tensor, window: PoolWindow, ceilMode: boolean): PoolShape {
  const shape = imageShape(name, x);
  const fail = (rule: string) =>
    new LoupeError("shape", `${name}: ${rule} (input ${show(x.shape)})`);
  for (const key of ["kernelSize", "stride", "padding", "dilation"] as const) {
    const least = key === "padding" ? 0 : 1;
    if (window[key].every((v) => Number.isInteger(v) && v >= least)) continue;
    throw fail(`${key} must be whole numbers of ${least} or more, got ${show(window[key])}`);
  }
  const { kernelSize, padding } = window;
  if (padding.some((v, i) => v > (kernelSize[i] as number) / 2)) {
    throw fail(`padding ${show(padding)} is more than half the kernel ${show(kernelSize)}`);
  }
  const oh = windows(shape.h, window, 0, ceilMode);
  const ow = windows(shape.w, window, 1, ceilMode);
  if (oh >= 1 && ow >= 1) return { ...shape, oh, ow, window };
  throw fail(`kernel ${show(kernelSize)} does not fit: output would be ${oh} × ${ow}`);
}

/** How many windows fit along an axis. A window that would start behind image and padding is dropped. */
function windows(size: number, w: PoolWindow, axis: 0 | 1, ceilMode: boolean): number {
  const [stride, padding] = [w.stride[axis], w.padding[axis]];
  const room = size + 2 * padding - w.dilation[axis] * (w.kernelSize[axis] - 1) - 1;
  if (!ceilMode) return Math.floor(room / stride) + 1;
  const count = Math.ceil(room / stride) + 1;
  return (count - 1) * stride >= size + padding ? count - 1 : count;
}

function adaptiveShape(name: string, x: Tensor, size: Pair): PoolShape {
  const shape = imageShape(name, x);
  const [oh, ow] = pair(size);
  if ([oh, ow].every((v) => Number.isInteger(v) && v >= 1)) return { ...shape, oh, ow };
  const text = `size must be whole numbers of 1 or more, got ${show([oh, ow])}`;
  throw new LoupeError("shape", `${name}: ${text} (input ${show(x.shape)})`);
}
