/** Batch normalisation over all axes but the last, alone or with the sum and the ReLU that follow it in residual networks. */
import { LoupeError } from "../../error.ts";
import {
  type BatchNormGradParts,
  batchNormEvalGradKernel,
  batchNormGradKernel,
  batchNormKernel,
  batchNormSumsFinishKernel,
  batchNormSumsKernel,
  batchStatsFinishKernel,
  batchStatsKernel,
  type Channels,
  channelsOf,
  chunksOf,
} from "../../kernels/index.ts";
import { carriesGrad, emptyGrad, isGradEnabled, track } from "../autograd.ts";
import { deviceOf, launch, requireDType, show } from "../launch.ts";
import { once } from "../recompute.ts";
import type { Tensor } from "../tensor.ts";
import { floatOf, requireFloat } from "./float.ts";
import { add, cast, relu } from "./pointwise.ts";

export interface BatchNormOptions {
  /** `[C]`, with `bias` the affine map after normalising; left out it is 1. */
  readonly weight?: Tensor | undefined;
  /** `[C]`; left out it is 0. */
  readonly bias?: Tensor | undefined;
  /** `[C]`; used when not training, updated in place when training. */
  readonly runningMean: Tensor;
  /** `[C]`, the unbiased variance. */
  readonly runningVar: Tensor;
  /** True: statistics of this batch. False: the running ones. */
  readonly training: boolean;
  /** Share of this batch in the running statistics. Default 0.1. */
  readonly momentum?: number;
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
  /** Of x's shape; added after the affine map. */
  readonly residual?: Tensor | undefined;
  /** Ends with a ReLU. Default false. */
  readonly relu?: boolean;
}

/** What a gradient needs: the statistics x was normalised with, and what was made of it. */
interface Saved extends BatchNormOptions {
  readonly x: Tensor;
  readonly layout: Channels;
  readonly mean: Tensor;
  readonly variance: Tensor;
  readonly parts: BatchNormGradParts;
}

/**
 * (x − mean) / √(variance + eps) · weight + bias for each channel, as PyTorch's `batch_norm`; with `residual` and `relu`
 * relu(… + residual), in the same pass over memory, forward and backward. The result has the type of x, f32 or f16; statistics,
 * weight, bias and their gradients are f32.
 * @param x `[N, H, W, C]`, or any shape whose last axis is C
 * @throws LoupeError `shape` when C does not fit, or a training batch has fewer than two values per channel
 */
export function batchNorm(x: Tensor, options: BatchNormOptions): Tensor {
  const { weight, bias, residual, training, momentum = 0.1, eps = 1e-5 } = options;
  checkBatchNorm(x, options, momentum, eps);
  if (residual && residual.dtype !== x.dtype) {
    return batchNorm(x, { ...options, residual: cast(residual, x.dtype) });
  }
  const inputs = [x, weight, bias, residual].filter((t) => t !== undefined);
  const rest = residual !== undefined || options.relu === true;
  if (rest && !training && isGradEnabled() && inputs.some(carriesGrad)) return apart(x, options);
  const c = x.shape.at(-1) as number;
  const y = x.device.empty(x.shape, x.dtype);
  if (x.size === 0) return track("batchNorm", y, inputs, () => inputs.map(zerosLike));
  const layout = channelsOf(x.size / c, c, floatOf(x));
  const given = { weight: !!weight, bias: !!bias, residual: !!residual };
  const parts = { ...given, relu: options.relu === true, eps };
  const [mean, variance] = training
    ? (once(() => batchStatistics(x, layout, options, momentum)) as [Tensor, Tensor])
    : [options.runningMean, options.runningVar];
  const data = residual ? [x, residual] : [x];
  const affine = [weight, bias].filter((t) => t !== undefined);
  launch(batchNormKernel(layout, parts), [...data, mean, variance, ...affine], [y]);
  const mask = !parts.relu ? "none" : residual ? "result" : "input";
  const saved: Saved = { ...options, x, layout, mean, variance, parts: { ...parts, mask } };
  return track("batchNorm", y, inputs, (dy) => gradients(saved, y, dy));
}

const zerosLike = (t: Tensor) => t.device.zeros(t.shape, t.dtype);

/** Op by op: for gradients under running statistics, which nothing here trains with. */
function apart(x: Tensor, { residual, relu: ends, ...plain }: BatchNormOptions): Tensor {
  const y = batchNorm(x, plain);
  const sum = residual ? add(y, residual) : y;
  return ends ? relu(sum) : sum;
}

/** Mean and biased variance `[C]` of the batch; moves the running statistics towards them. */
function batchStatistics(
  x: Tensor,
  layout: Channels,
  { runningMean, runningVar }: BatchNormOptions,
  momentum: number,
): [Tensor, Tensor] {
  const { c } = layout;
  const [means, squares] = partSums(x, layout);
  const [mean, variance] = [x.device.empty([c]), x.device.empty([c])];
  launch(batchStatsKernel(layout), [x], [means, squares]);
  launch(
    batchStatsFinishKernel(layout, momentum),
    [means, squares],
    [mean, variance, runningMean, runningVar],
  );
  means.dispose();
  squares.dispose();
  return [mean, variance];
}

function partSums({ device }: Tensor, layout: Channels): [Tensor, Tensor] {
  const shape = [chunksOf(layout).chunks * layout.repeat, layout.c];
  return [device.empty(shape), device.empty(shape)];
}

/** The gradients of x, and of weight, bias and residual where they are there, in this order. */
function gradients(saved: Saved, y: Tensor, dy: Tensor): (Tensor | undefined)[] {
  const { x, weight, bias, residual, training } = saved;
  const affine = [weight, bias].some((t) => t && carriesGrad(t));
  const sums = affine || training ? channelSums(saved, y, dy) : undefined;
  const d = sums?.masked ?? dy;
  return [
    carriesGrad(x) ? inputGradient(saved, d, sums?.channel) : undefined,
    ...(weight ? [sums?.dw] : []),
    ...(bias ? [sums?.db] : []),
    ...(residual ? [d] : []),
  ];
}

function inputGradient(saved: Saved, dy: Tensor, channel: Tensor | undefined): Tensor {
  const { x, layout, weight, bias, training, variance, parts } = saved;
  const dx = x.device.empty(x.shape, x.dtype);
  const scale = weight ? [weight] : [];
  if (channel && training) {
    const shift = bias && parts.mask === "input" ? [bias] : [];
    launch(batchNormGradKernel(layout, parts), [dy, x, channel, ...scale, ...shift], [dx]);
  } else {
    launch(batchNormEvalGradKernel(layout, parts), [dy, variance, ...scale], [dx]);
  }
  return dx;
}

interface ChannelSums {
  readonly dw: Tensor;
  readonly db: Tensor;
  /** What dx needs of each channel, `[4, C]`. */
  readonly channel: Tensor;
  /** dy where the result's ReLU let it through, if that was read from the result. */
  readonly masked?: Tensor;
}

/** Σ dy · x̂ and Σ dy for each channel, in one pass over x and dy. */
function channelSums(saved: Saved, y: Tensor, dy: Tensor): ChannelSums {
  const { x, layout, mean, variance, weight, bias, parts } = saved;
  const { device } = x;
  const [sums, dots] = partSums(x, layout);
  const db = bias ? emptyGrad(bias) : device.empty([layout.c]);
  const dw = weight ? emptyGrad(weight) : device.empty([layout.c]);
  const channel = device.empty([4, layout.c]);
  const own = parts.mask === "input" ? [variance, weight, bias] : [];
  const masked = parts.mask === "result" ? [device.empty(x.shape, x.dtype)] : [];
  const inputs = [x, dy, mean, ...own, ...(masked[0] ? [y] : [])].filter((t) => t !== undefined);
  launch(batchNormSumsKernel(layout, parts), inputs, [sums, dots, ...masked]);
  launch(
    batchNormSumsFinishKernel(layout, parts.eps),
    [sums, dots, mean, variance],
    [db, dw, channel],
  );
  sums.dispose();
  dots.dispose();
  return { dw, db, channel, ...(masked[0] && { masked: masked[0] }) };
}

function checkBatchNorm(x: Tensor, o: BatchNormOptions, momentum: number, eps: number): void {
  const named = Object.entries({
    weight: o.weight,
    bias: o.bias,
    runningMean: o.runningMean,
    runningVar: o.runningVar,
  }).filter((e): e is [string, Tensor] => e[1] !== undefined);
  const tensors = [x, ...named.map(([, t]) => t), ...(o.residual ? [o.residual] : [])];
  deviceOf("batchNorm", tensors);
  requireFloat("batchNorm", x, ...(o.residual ? [o.residual] : []));
  requireDType("batchNorm", "f32", ...named.map(([, t]) => t));
  const fail = (rule: string) =>
    new LoupeError("shape", `batchNorm: ${rule} (input ${show(x.shape)})`);
  const c = x.shape.at(-1);
  if (c === undefined || x.shape.length < 2) throw fail("input must be [..., C]");
  for (const [name, t] of named) {
    if (t.shape.length === 1 && t.size === c) continue;
    throw fail(`${name} must be [${c}], got ${show(t.shape)}`);
  }
  const each = c === 0 ? 0 : x.size / c;
  if (o.training && each < 2) {
    const found = `got ${each}; raise the batch or image size, or set training to false`;
    throw fail(`training needs at least 2 values per channel, ${found}`);
  }
  const { residual } = o;
  if (residual && show(residual.shape) !== show(x.shape)) {
    throw fail(`residual must have the input's shape, got ${show(residual.shape)}`);
  }
  if (!(momentum >= 0 && momentum <= 1)) throw fail(`momentum must be in [0, 1], got ${momentum}`);
  if (!(eps >= 0 && Number.isFinite(eps))) throw fail(`eps must be 0 or more, got ${eps}`);
}
