/** Images of another size, with the exact adjoint as gradient. */
import { LoupeError } from "../../error.ts";
import {
  type AxisShape,
  interpolateGradKernel,
  interpolateKernel,
  maxQuotient,
  type Sampling,
} from "../../kernels/index.ts";
import { track } from "../autograd.ts";
import { launch, show } from "../launch.ts";
import type { Tensor } from "../tensor.ts";
import { floatOf, requireFloat } from "./float.ts";

export interface InterpolateOptions {
  /** `[height, width]` of the result. */
  readonly size: readonly [number, number];
  readonly mode: "nearest" | "bilinear";
  /** Bilinear only: the centres of the corner pixels stay in place. Default false. */
  readonly alignCorners?: boolean;
}

/**
 * Resizes images as PyTorch's `interpolate` without antialiasing; `nearest` is its legacy mode, ⌊o · in / out⌋.
 * @param x `[N, H, W, C]`
 * @returns `[N, size[0], size[1], C]`
 * @example const y = interpolate(x, { size: [256, 256], mode: "bilinear", alignCorners: true });
 */
export function interpolate(x: Tensor, options: InterpolateOptions): Tensor {
  const { size, mode, alignCorners = false } = options;
  checkInterpolate(x, options);
  const dtype = floatOf(x, "interpolate");
  const [n, h, w, c] = x.shape as [number, number, number, number];
  const [oh, ow] = size;
  // both modes are the identity here, bit by bit
  if (h === oh && w === ow) return track("interpolate", x.view(), [x], (dy) => [dy]);
  const sampling: Sampling =
    mode === "nearest" ? "nearest" : alignCorners ? "bilinear, corners" : "bilinear";
  const y = x.device.empty([n, oh, ow, c], dtype);
  if (y.size) launch(interpolateKernel({ n, h, w, c, oh, ow, sampling, dtype }), [x], [y]);
  return track("interpolate", y, [x], (dy) => [interpolateAdjoint(dy, [h, w], sampling)]);
}

/** From the gradient of the result to that of the images of `size`; dy itself where nothing was resized. */
export function interpolateAdjoint(
  dy: Tensor,
  [h, w]: readonly [number, number],
  sampling: Sampling,
): Tensor {
  const [n, oh, ow, c] = dy.shape as [number, number, number, number];
  const dtype = floatOf(dy, "interpolate gradient");
  const rows = alongAxis(dy, { outer: n, n: h, m: oh, inner: ow * c, dtype }, sampling);
  const dx = alongAxis(rows, { outer: n * h, n: w, m: ow, inner: c, dtype }, sampling);
  if (rows !== dy && rows !== dx) rows.dispose();
  return dx.view([n, h, w, c]);
}

/** The adjoint along one axis; nothing to do where its size stayed. */
function alongAxis(dy: Tensor, s: AxisShape, sampling: Sampling): Tensor {
  if (s.n === s.m) return dy;
  const dx = dy.device.empty([s.outer, s.n, s.inner], s.dtype);
  if (dx.size) launch(interpolateGradKernel(s, sampling), [dy], [dx]);
  return dx;
}

/** Throws unless x can be resized so. */
export function checkInterpolate(
  x: Tensor,
  { size, mode, alignCorners }: InterpolateOptions,
): void {
  const fail = (rule: string) =>
    new LoupeError("shape", `interpolate: ${rule} (input ${show(x.shape)})`);
  requireFloat("interpolate", x);
  const [, h = 0, w = 0] = x.shape;
  if (x.shape.length !== 4 || h < 1 || w < 1) throw fail("input must be [N, H, W, C]");
  if (mode !== "nearest" && mode !== "bilinear") {
    throw fail(`mode must be "nearest" or "bilinear", got "${mode}"`);
  }
  if (mode === "nearest" && alignCorners) throw fail("alignCorners goes with mode bilinear only");
  if (size.length !== 2 || !size.every((v) => Number.isInteger(v) && v >= 1)) {
    throw fail(`size must be two whole numbers of 1 or more, got ${show(size)}`);
  }
  // positions are computed as (2o + 1) · in and (2y + 1) · out in 32 bits
  const beyond = (n: number, m: number) =>
    Math.max(n, m) > maxQuotient || 2 * (n + 1) * (m + 1) >= 2 ** 32;
  if (beyond(h, size[0]) || beyond(w, size[1])) {
    throw fail(`size ${show(size)} times the input's is beyond 2³¹`);
  }
}
