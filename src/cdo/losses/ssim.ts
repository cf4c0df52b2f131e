/**
 * One minus the structural similarity of two images, for reconstructions. Wang et al., "Image Quality Assessment" (2004).
 *
 *   SSIM = (2 μa μb + c1)(2 σab + c2) / ((μa² + μb² + c1)(σa² + σb² + c2)),  c1 = (0.01 L)²,  c2 = (0.03 L)²
 */
import {
  conv2d,
  map,
  mean,
  mul,
  permute,
  reshape,
  square,
  sub,
  type Tensor,
} from "../../core/index.ts";
import { LoupeError } from "../../error.ts";

export interface SsimOptions {
  /** Side of the Gaussian window, odd. Default 11. */
  readonly window?: number;
  /** Standard deviation of the window, pixels. Default 1.5. */
  readonly sigma?: number;
  /** L, the largest value minus the smallest that is possible. Default 1. reference: guessed from the pixels */
  readonly dataRange?: number;
}

/**
 * 1 − the mean SSIM over pixels and channels; outside the image is zero.
 * @param a image `[N, H, W, C]`
 * @param b of the same shape
 */
export function ssimLoss(
  a: Tensor,
  b: Tensor,
  { window = 11, sigma = 1.5, dataRange = 1 }: SsimOptions = {},
): Tensor {
  if (a.shape.length !== 4 || a.shape.join() !== b.shape.join()) {
    throw new LoupeError("shape", `ssimLoss: needs two images of one shape, got ${a} and ${b}`);
  }
  if (!Number.isInteger(window) || window < 1 || window % 2 === 0 || !(sigma > 0)) {
    const got = `got ${window} and sigma ${sigma}`;
    throw new LoupeError("config", `ssimLoss: window must be odd and sigma above 0, ${got}`);
  }
  const blur = blurOf(a, window, sigma);
  const [x, y] = [planes(a), planes(b)];
  const [ma, mb] = [blur(x), blur(y)];
  const [va, vb] = [sub(blur(square(x)), square(ma)), sub(blur(square(y)), square(mb))];
  const cov = sub(blur(mul(x, y)), mul(ma, mb));
  const c = { c1: (0.01 * dataRange) ** 2, c2: (0.03 * dataRange) ** 2 };
  const light = ratio("(T(2) * u * v + T(p.c))", "(u * u + v * v + T(p.c))", c.c1);
  const contrast = map(
    "ssim contrast",
    {
      f: "(T(2) * k + T(p.c)) / (s + t + T(p.c))",
      d: {
        k: "T(2) * g / (s + t + T(p.c))",
        s: "-g * y / (s + t + T(p.c))",
        t: "-g * y / (s + t + T(p.c))",
      },
    },
    { k: cov, s: va, t: vb },
    { c: c.c2 },
  );
  return sub(1, mean(mul(light(ma, mb), contrast)));
}

/** (2uv + c) / (u² + v² + c). */
function ratio(top: string, bottom: string, c: number) {
  const slope = (of: string, other: string) =>
    `g * (T(2) * ${other} - T(2) * ${of} * y) / ${bottom}`;
  const row = { f: `${top} / ${bottom}`, d: { u: slope("u", "v"), v: slope("v", "u") } };
  return (u: Tensor, v: Tensor) => map("ssim light", row, { u, v }, { c });
}

/** Every channel as an image of its own, `[N · C, H, W, 1]`. */
function planes(x: Tensor): Tensor {
  const [n, h, w, c] = x.shape as [number, number, number, number];
  return reshape(permute(x, [0, 3, 1, 2]), [n * c, h, w, 1]);
}

function blurOf({ device }: Tensor, window: number, sigma: number): (x: Tensor) => Tensor {
  const half = (window - 1) / 2;
  const taps = Array.from({ length: window }, (_, i) =>
    Math.exp(-((i - half) ** 2) / (2 * sigma ** 2)),
  );
  const total = taps.reduce((a, b) => a + b, 0);
  const kernel = device.tensor(
    Float32Array.from(taps, (v) => v / total),
    [window, 1, 1, 1],
  );
  const across = reshape(kernel, [1, window, 1, 1]);
  return (x) =>
    conv2d(conv2d(x, kernel, undefined, { padding: [half, 0] }), across, undefined, {
      padding: [0, half],
    });
}
