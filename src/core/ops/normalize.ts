/** Unit vectors along an axis, with the gradient. */
import { LoupeError } from "../../error.ts";
import { normalizeGradKernel, normalizeKernel } from "../../kernels/index.ts";
import { track } from "../autograd.ts";
import { launch, requireDType } from "../launch.ts";
import type { Tensor } from "../tensor.ts";
import { rowsAlong } from "./rows.ts";

export interface NormalizeOptions {
  /** Default −1: the channels of a pixel. */
  readonly axis?: number;
  /** Lengths below are taken for it. Default 1e-12. */
  readonly eps?: number;
}

/**
 * x / max(‖x‖, eps) along an axis, as PyTorch's `normalize` with p = 2. Below eps the length is a constant to the gradient.
 * @example const unit = normalize(features); // [N, H, W, C], each pixel of length 1
 */
export function normalize(x: Tensor, options: NormalizeOptions = {}): Tensor {
  const { axis = -1, eps = 1e-12 } = options;
  requireDType("normalize", "f32", x);
  const { shape } = rowsAlong("normalize", x, axis);
  checkEps("normalize", eps);
  const y = x.device.empty(x.shape);
  if (y.size) launch(normalizeKernel(shape, eps), [x], [y]);
  return track("normalize", y, [x], (dy) => {
    const dx = x.device.empty(x.shape);
    if (dx.size) launch(normalizeGradKernel(shape, eps), [x, dy], [dx]);
    return [dx];
  });
}

/** An eps that a length can be compared with. */
export function checkEps(op: string, eps: number): void {
  if (eps >= 0 && Number.isFinite(eps)) return;
  throw new LoupeError("shape", `${op}: eps must be 0 or more, got ${eps}`);
}
