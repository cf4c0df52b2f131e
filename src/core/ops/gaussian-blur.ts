/** Gaussian smoothing of images, equal to SciPy's `gaussian_filter` on each channel. */
import { LoupeError } from "../../error.ts";
import { blurWeights, gaussianBlurKernel, gaussianWeightsKernel } from "../../kernels/index.ts";
import { track } from "../autograd.ts";
import { launch, show } from "../launch.ts";
import type { Tensor } from "../tensor.ts";
import { floatOf, requireFloat } from "./float.ts";

export interface GaussianBlurOptions {
  /** The kernel ends at this many standard deviations: radius ⌊truncate · sigma + ½⌋. Default 4. */
  readonly truncate?: number;
}

/** Widest kernel: 16384 taps to a side. */
const maxRadius = 16_384;

/**
 * Smooths rows, then columns, the border mirrored at the edge (SciPy's mode "reflect"). Works for any radius, also one larger
 * than the image.
 * @param x `[N, H, W, C]`
 * @param sigma standard deviation in pixels; 0 changes nothing
 */
export function gaussianBlur(x: Tensor, sigma: number, options: GaussianBlurOptions = {}): Tensor {
  const { truncate = 4 } = options;
  requireFloat("gaussianBlur", x);
  if (x.shape.length !== 4) {
    throw new LoupeError("shape", `gaussianBlur: input must be [N, H, W, C], got ${show(x.shape)}`);
  }
  const radius = radiusOf(sigma, truncate);
  if (radius === 0 || x.size === 0) return track("gaussianBlur", x.view(), [x], (dy) => [dy]);
  return track("gaussianBlur", smooth(x, sigma, radius), [x], (dy) => [smooth(dy, sigma, radius)]);
}

/** One pass along H, one along W. */
function smooth(x: Tensor, sigma: number, radius: number): Tensor {
  const [n, h, w, c] = x.shape as [number, number, number, number];
  const weights = x.device.empty([blurWeights(radius)]);
  const dtype = floatOf(x, "gaussianBlur");
  const [half, y] = [x.device.empty(x.shape), x.device.empty(x.shape, dtype)];
  launch(gaussianWeightsKernel(sigma, radius), [], [weights]);
  const down = { outer: n, n: h, inner: w * c, radius, from: dtype, to: "f32" } as const;
  const across = { outer: n * h, n: w, inner: c, radius, from: "f32", to: dtype } as const;
  launch(gaussianBlurKernel(down), [x, weights], [half]);
  launch(gaussianBlurKernel(across), [half, weights], [y]);
  weights.dispose();
  half.dispose();
  return y;
}

function radiusOf(sigma: number, truncate: number): number {
  const fail = (rule: string) => new LoupeError("shape", `gaussianBlur: ${rule}`);
  if (!(sigma >= 0 && Number.isFinite(sigma))) throw fail(`sigma must be 0 or more, got ${sigma}`);
  if (!(truncate > 0 && Number.isFinite(truncate))) {
    throw fail(`truncate must be more than 0, got ${truncate}`);
  }
  const radius = Math.floor(truncate * sigma + 0.5);
  if (radius <= maxRadius) return radius;
  throw fail(`sigma ${sigma} makes a radius of ${radius} pixels, at most ${maxRadius} are allowed`);
}
