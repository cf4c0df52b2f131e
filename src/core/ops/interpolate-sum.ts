/** Sums of images of different sizes, at the size of the first. */
import { LoupeError } from "../../error.ts";
import { interpolateSumKernel } from "../../kernels/index.ts";
import { carriesGrad, track } from "../autograd.ts";
import { deviceOf, launch, show } from "../launch.ts";
import type { Tensor } from "../tensor.ts";
import { floatOf } from "./float.ts";
import { checkInterpolate, interpolateAdjoint } from "./interpolate.ts";
import { map } from "./map.ts";

export interface InterpolateSumOptions {
  /** The centres of the corner pixels stay in place, as for `interpolate`. Default false. */
  readonly alignCorners?: boolean;
  /** Ends with a ReLU. Default false. */
  readonly relu?: boolean;
}

/** Images that one launch adds: with x and the result there are room for them among the bindings of every adapter. */
const most = 6;

/**
 * x + Σ interpolate(low), bilinear to the size of x, in one launch.
 * @param x `[N, H, W, C]`
 * @param lows `[N, h, w, C]` each, one to six, of the type of x
 * @throws LoupeError `shape`
 * @example const y = interpolateSum(fine, [coarse, coarser], { alignCorners: true, relu: true });
 */
export function interpolateSum(
  x: Tensor,
  lows: readonly Tensor[],
  options: InterpolateSumOptions = {},
): Tensor {
  const { alignCorners = false, relu = false } = options;
  checkSum(x, lows, alignCorners);
  const dtype = floatOf(x, "interpolateSum");
  const [n, h, w, c] = x.shape as [number, number, number, number];
  const sampling = alignCorners ? "bilinear, corners" : "bilinear";
  const sizes = lows.map(({ shape }) => ({ h: shape[1] as number, w: shape[2] as number }));
  const y = x.device.empty(x.shape, dtype);
  const spec = interpolateSumKernel({ n, h, w, c, lows: sizes, sampling, relu, dtype });
  if (y.size) launch(spec, [x, ...lows], [y]);
  return track("interpolateSum", y, [x, ...lows], (dy) => {
    const row = { f: "select(T(0), g, y > T(0))" };
    const d = relu ? map("interpolateSum gradient", row, { g: dy, y }) : dy;
    const down = lows.map((low, k) =>
      carriesGrad(low) ? interpolateAdjoint(d, [sizes[k]!.h, sizes[k]!.w], sampling) : undefined,
    );
    return [d, ...down];
  });
}

function checkSum(x: Tensor, lows: readonly Tensor[], alignCorners: boolean): void {
  const fail = (rule: string) => new LoupeError("shape", `interpolateSum: ${rule}`);
  deviceOf("interpolateSum", [x, ...lows]);
  const [n, h = 0, w = 0, c] = x.shape;
  if (lows.length < 1 || lows.length > most) {
    throw fail(`adds one to ${most} images of another size, got ${lows.length}`);
  }
  for (const t of [x, ...lows]) {
    checkInterpolate(t, { size: [h, w], mode: "bilinear", alignCorners });
    if (t.dtype !== x.dtype) throw fail(`all must be ${x.dtype}, got ${t}; cast first`);
    if (t.shape[0] === n && t.shape[3] === c) continue;
    throw fail(`batch and channels must be those of ${show(x.shape)}, got ${show(t.shape)}`);
  }
}
