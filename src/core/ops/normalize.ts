/** Unit vectors along an axis, with the gradient. */
import { LoupeError } from "../../error.ts";
import { normalizeGradKernel, normalizeKernel } from "../../kernels/index.ts";
import { track } from "../autograd.ts";
import { launch } from "../launch.ts";
import type { Tensor } from "../tensor.ts";
import { floatOf } from "./float.ts";
import { rowsAlong } from "./rows.ts";

export interface NormalizeOptions {
  /** Default −1: the channels of a pixel. */
  readonly axis?: number;
  /** Lengths below are taken for it. Default 1e-12. */
  readonly eps?: number;
}

/**
 * x / max(‖x‖, eps) along an axis, as PyTorch's `normalize` with p = 2. Below eps the length is a constant to the gradient.
 * The result is f32, also of f16.
 * @example const unit = normalize(features); // [N, H, W, C], each pixel of length 1
 */
export function normalize(x: Tensor, options: NormalizeOptions = {}): Tensor {
  const { axis = -1, eps = 1e-12 } = options;
  const dtype = floatOf(x, "normalize");
  const { shape } = rowsAlong("normalize", x, axis);
  checkEps("normalize", eps);
  const y = x.device.empty(x.shape);
  if (y.size) launch(normalizeKernel(shape, eps, dtype), [x], [y]);
  return track("normalize", y, [x], (dy) => {
    const dx = x.device.empty(x.shape, dtype);
    if (dx.size) launch(normalizeGradKernel(shape, eps, dtype), [x, dy], [dx]);
    return [dx];
  });
}

/** An eps that a length can be compared with. */
export function checkEps(op: string, eps: number): void {
  if (eps >= 0 && Number.isFinite(eps)) return;
  throw new LoupeError("shape", `${op}: eps must be 0 or more, got ${eps}`);
}
