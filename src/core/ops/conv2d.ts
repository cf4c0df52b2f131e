/** Convolution, channels last, with the gradients of input, weight and bias. */
import { LoupeError } from "../../error.ts";
import type { ConvShape, Float } from "../../kernels/index.ts";
import { carriesGrad, emptyGrad, isGradEnabled, track } from "../autograd.ts";
import { deviceOf, show } from "../launch.ts";
import { freeCopies, operand, weightOperand } from "../precision.ts";
import type { Tensor } from "../tensor.ts";
import { type Conv2dOptions, checkColumns, convShape } from "./conv-geometry.ts";
import { convolve, inputGrad, weightGrad } from "./conv-products.ts";
import { floatOf, requireOneFloat } from "./float.ts";
import { foldMiddle } from "./fold.ts";
import { type EpilogueTensors, type NormTensors, tensorsOf } from "./split-sum.ts";

export { type Conv2dOptions, type Pair, pair } from "./conv-geometry.ts";

/**
 * 2-D convolution (cross-correlation, as PyTorch's). Sums are f32; the result has the type of the operands, f32 or f16, and inside
 * `withPrecision("f16", …)` they are halves.
 * @param x `[N, H, W, C]`
 * @param weight `[kh, kw, C / groups, K]`, of the type of `x`
 * @param bias `[K]`
 * @returns `[N, OH, OW, K]`
 */
export function conv2d(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor,
  options: Conv2dOptions = {},
): Tensor {
  const tensors = bias ? [x, weight, bias] : [x, weight];
  const [a, w] = [operand(x), weightOperand(weight)];
  const { s, y } = begin(a, w, { shift: bias }, options);
  convolve(a, w, y, s, { shift: bias });
  track("conv2d", y, tensors, (dy, arrived) => [
    carriesGrad(x) ? inputGrad(w, dy, s, arrived.take(0, dy.dtype)) : undefined,
    carriesGrad(weight) ? weightGrad(a, dy, s, weight) : undefined,
    bias && carriesGrad(bias)
      ? foldMiddle(dy, 1, s.n * s.oh * s.ow, s.k, {
          name: "conv2d bias gradient",
          fold: "sum",
          into: emptyGrad(bias),
        }).view(bias.shape)
      : undefined,
  ]);
  if (!y.node) freeCopies([x, weight], [a, w]);
  return y;
}

export interface Conv2dFusedOptions extends Conv2dOptions {
  /** `[K]`: multiplies the convolution. */
  readonly scale?: Tensor | undefined;
  /** `[K]`: is added, as a bias. */
  readonly shift?: Tensor | undefined;
  /** A BatchNorm with running statistics, all `[K]`; as `batchNorm` computes it. */
  readonly norm?: NormTensors | undefined;
  /** `[N, OH, OW, K]`: is added, of the result's type. */
  readonly residual?: Tensor | undefined;
  /** Negative results become 0. */
  readonly relu?: boolean;
  /** The result r becomes r · σ(r); not together with `relu`. */
  readonly silu?: boolean;
  /** Type of the result; default: that of `x`. */
  readonly outDtype?: Float;
}

/**
 * Convolution with what follows it in an evaluated network, in one launch and without a gradient:
 * act(norm(scale · conv(x, weight) + shift) + residual), each part optional.
 * @throws LoupeError `shape` where a gradient is wanted: use conv2d there
 * @returns `[N, OH, OW, K]`
 */
export function conv2dFused(x: Tensor, weight: Tensor, options: Conv2dFusedOptions = {}): Tensor {
  const { scale, shift, norm, residual } = options;
  const epilogue = [scale, shift, ...tensorsOf(norm), residual];
  const tensors = [x, weight, ...epilogue].filter((t) => t !== undefined);
  if (isGradEnabled() && tensors.some((t) => carriesGrad(t))) {
    const text = "has no gradient; use conv2d, or run it inside noGrad";
    throw new LoupeError("shape", `conv2dFused: ${text}`);
  }
  if (options.relu && options.silu) {
    throw new LoupeError("shape", "conv2dFused: relu and silu exclude each other; leave one out");
  }
  const [a, w] = [operand(x), weightOperand(weight)];
  const { s, y } = begin(a, w, options, options);
  if (residual && show(residual.shape) !== show(y.shape)) {
    const text = `residual must be ${show(y.shape)}, got ${show(residual.shape)}`;
    throw new LoupeError("shape", `conv2d: ${text}`);
  }
  if (residual && residual.dtype !== y.dtype) {
    throw new LoupeError("shape", `conv2d: residual must be ${y.dtype}, got ${residual}`);
  }
  convolve(a, w, y, s, options);
  freeCopies([x, weight], [a, w]);
  return y;
}

/** Checks, the shape, and room for the output. */
function begin(
  x: Tensor,
  weight: Tensor,
  e: EpilogueTensors,
  options: Conv2dFusedOptions,
): { s: ConvShape; y: Tensor } {
  const norm = tensorsOf(e.norm);
  const others = [e.scale, e.shift, ...norm, e.residual].filter((t) => t !== undefined);
  deviceOf("conv2d", [x, weight, ...others]);
  for (const t of others) floatOf(t, "conv2d");
  const dtype = requireOneFloat("conv2d", x, weight);
  const s = convShape(x, weight, options);
  checkColumns("scale", e.scale, s.k);
  for (const t of norm) checkColumns("norm", t, s.k);
  checkColumns(e.scale || e.residual ? "shift" : "bias", e.shift, s.k);
  return { s, y: x.device.empty([s.n, s.oh, s.ow, s.k], options.outDtype ?? dtype) };
}
