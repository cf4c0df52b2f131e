/** Batch normalisation over all axes but the last, with its gradients. */
import { LoupeError } from "../../error.ts";
import {
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
import { carriesGrad, track } from "../autograd.ts";
import { deviceOf, launch, requireDType, show } from "../launch.ts";
import type { Tensor } from "../tensor.ts";

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
}

/** What a gradient needs: the statistics x was normalised with. */
interface Saved {
  readonly layout: Channels;
  readonly mean: Tensor;
  readonly variance: Tensor;
  readonly eps: number;
}

/**
 * (x − mean) / √(variance + eps) · weight + bias for each channel, as PyTorch's `batch_norm`.
 * @param x `[N, H, W, C]`, or any shape whose last axis is C
 * @throws LoupeError `shape` when C does not fit, or a training batch has fewer than two values per channel
 */
export function batchNorm(x: Tensor, options: BatchNormOptions): Tensor {
  const { weight, bias, runningMean, runningVar, training, momentum = 0.1, eps = 1e-5 } = options;
  checkBatchNorm(x, options, momentum, eps);
  const c = x.shape.at(-1) as number;
  const y = x.device.empty(x.shape);
  const inputs = [x, weight, bias].filter((t) => t !== undefined);
  if (x.size === 0) return track("batchNorm", y, inputs, () => inputs.map(zerosLike));
  const layout = channelsOf(x.size / c, c);
  const [mean, variance] = training
    ? batchStatistics(x, layout, runningMean, runningVar, momentum)
    : [runningMean, runningVar];
  const affine = [weight, bias].filter((t) => t !== undefined);
  const spec = batchNormKernel(layout, { weight: !!weight, bias: !!bias, eps });
  launch(spec, [x, mean, variance, ...affine], [y]);
  const saved: Saved = { layout, mean, variance, eps };
  return track("batchNorm", y, inputs, (dy) => {
    const { dx, dw, db } = gradients(x, weight, bias, dy, saved, training);
    return [dx, ...(weight ? [dw] : []), ...(bias ? [db] : [])];
  });
}

const zerosLike = (t: Tensor) => t.device.zeros(t.shape);

/** Mean and biased variance `[C]` of the batch; moves the running statistics towards them. */
function batchStatistics(
  x: Tensor,
  layout: Channels,
  runningMean: Tensor,
  runningVar: Tensor,
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

function gradients(
  x: Tensor,
  weight: Tensor | undefined,
  bias: Tensor | undefined,
  dy: Tensor,
  saved: Saved,
  training: boolean,
): { dx?: Tensor; dw?: Tensor; db?: Tensor } {
  const { layout, mean, variance, eps } = saved;
  const wanted = carriesGrad(x);
  const affine = [weight, bias].some((t) => t && carriesGrad(t));
  const { dw, db } = affine || training ? affineGradients(x, dy, saved) : {};
  if (!wanted) return { ...(dw && { dw }), ...(db && { db }) };
  const dx = x.device.empty(x.shape);
  const scale = weight ? [weight] : [];
  if (dw && db && training) {
    const spec = batchNormGradKernel(layout, { weight: !!weight, eps });
    launch(spec, [dy, x, mean, variance, db, dw, ...scale], [dx]);
  } else {
    const spec = batchNormEvalGradKernel(layout, { weight: !!weight, eps });
    launch(spec, [dy, variance, ...scale], [dx]);
  }
  return { dx, ...(dw && { dw }), ...(db && { db }) };
}

/** Σ dy · x̂ and Σ dy for each channel, in one pass over x and dy. */
function affineGradients(x: Tensor, dy: Tensor, saved: Saved): { dw: Tensor; db: Tensor } {
  const { layout, mean, variance, eps } = saved;
  const [sums, dots] = partSums(x, layout);
  const [db, dw] = [x.device.empty([layout.c]), x.device.empty([layout.c])];
  launch(batchNormSumsKernel(layout), [x, dy, mean], [sums, dots]);
  launch(batchNormSumsFinishKernel(layout, eps), [sums, dots, variance], [db, dw]);
  sums.dispose();
  dots.dispose();
  return { dw, db };
}

function checkBatchNorm(x: Tensor, o: BatchNormOptions, momentum: number, eps: number): void {
  const named = Object.entries({
    weight: o.weight,
    bias: o.bias,
    runningMean: o.runningMean,
    runningVar: o.runningVar,
  }).filter((e): e is [string, Tensor] => e[1] !== undefined);
  const tensors = [x, ...named.map(([, t]) => t)];
  deviceOf("batchNorm", tensors);
  requireDType("batchNorm", "f32", ...tensors);
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
  if (!(momentum >= 0 && momentum <= 1)) throw fail(`momentum must be in [0, 1], got ${momentum}`);
  if (!(eps >= 0 && Number.isFinite(eps))) throw fail(`eps must be 0 or more, got ${eps}`);
}
