/** Losses, with PyTorch's names and reductions. */
import { LoupeError } from "../../error.ts";
import { crossEntropyGradKernel, crossEntropyKernel, sizeOf } from "../../kernels/index.ts";
import { track } from "../autograd.ts";
import { deviceOf, launch, requireDType, show } from "../launch.ts";
import type { Tensor } from "../tensor.ts";
import { requireFloat } from "./float.ts";
import { map } from "./map.ts";
import { cast, div } from "./pointwise.ts";
import { mean, sum } from "./reduce.ts";

/** What becomes of the losses of all elements. */
export type Reduction = "mean" | "sum" | "none";

export interface LossOptions {
  /** Default "mean". */
  readonly reduction?: Reduction;
}

/** (input − target)², averaged by default; both of one shape. f32, also of f16. */
export function mseLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  requireFloat("mseLoss", input, target);
  if (input.shape.join() !== target.shape.join()) {
    const text = `input ${show(input.shape)} and target ${show(target.shape)} differ`;
    throw new LoupeError("shape", `mseLoss: ${text}`);
  }
  const row = {
    f: "(x - t) * (x - t)",
    d: { x: "T(2) * g * (x - t)", t: "T(-2) * g * (x - t)" },
  };
  const losses = map("mseLoss", row, { x: cast(input, "f32"), t: cast(target, "f32") });
  const reduction = checkReduction("mseLoss", options.reduction);
  if (reduction === "none") return losses;
  return reduction === "sum" ? sum(losses) : mean(losses);
}

export interface CrossEntropyOptions extends LossOptions {
  /** A weight per class `[C]`; without a gradient. */
  readonly weight?: Tensor;
  /** Targets of this value do not count. Default −100. */
  readonly ignoreIndex?: number;
  /** 0 … 1: this share of each target is spread over all classes. Default 0. */
  readonly labelSmoothing?: number;
}

/**
 * Cross-entropy between logits `[…, C]` and classes `[…]` (i32). A mean divides by the weights of the targets that count. A target
 * that is neither a class nor ignored makes the loss NaN. Made for few classes: one thread walks a row.
 */
export function crossEntropy(
  logits: Tensor,
  targets: Tensor,
  options: CrossEntropyOptions = {},
): Tensor {
  const { weight, ignoreIndex = -100, labelSmoothing = 0 } = options;
  const reduction = checkReduction("crossEntropy", options.reduction);
  checkTargets(logits, targets, options);
  if (logits.dtype === "f16") return crossEntropy(cast(logits, "f32"), targets, options);
  const { device } = logits;
  const classes = logits.shape.at(-1) as number;
  const rows = sizeOf(targets.shape);
  const sizes = { rows, classes, ignoreIndex, smoothing: labelSmoothing, weighted: !!weight };
  const inputs = weight ? [logits, targets, weight] : [logits, targets];
  const losses = device.empty(targets.shape);
  const counts = device.empty(targets.shape);
  if (rows) launch(crossEntropyKernel(sizes), inputs, [losses, counts]);
  track("crossEntropy", losses, [logits], (dy) => {
    const dx = device.empty(logits.shape);
    if (dx.size) launch(crossEntropyGradKernel(sizes), [...inputs, dy], [dx]);
    return [dx];
  });
  if (reduction === "mean") return div(sum(losses), sum(counts));
  counts.dispose();
  return reduction === "none" ? losses : sum(losses);
}

function checkTargets(
  logits: Tensor,
  targets: Tensor,
  { weight, ignoreIndex = -100, labelSmoothing = 0 }: CrossEntropyOptions,
): void {
  deviceOf("crossEntropy", weight ? [logits, targets, weight] : [logits, targets]);
  requireFloat("crossEntropy", logits);
  if (weight) requireDType("crossEntropy", "f32", weight);
  requireDType("crossEntropy", "i32", targets);
  const fail = (rule: string) => new LoupeError("shape", `crossEntropy: ${rule}`);
  const classes = logits.shape.at(-1);
  const text = `logits ${show(logits.shape)}, targets ${show(targets.shape)}`;
  if (!classes) throw fail(`logits must be [..., C] with at least one class (${text})`);
  if (logits.shape.slice(0, -1).join() !== targets.shape.join()) {
    throw fail(`needs one target for each row of logits (${text})`);
  }
  if (weight && (weight.shape.length !== 1 || weight.size !== classes)) {
    throw fail(`weight must be [${classes}], got ${show(weight.shape)}`);
  }
  if (!Number.isInteger(ignoreIndex)) throw fail(`ignoreIndex must be whole, got ${ignoreIndex}`);
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw fail(`labelSmoothing must be from 0 to 1, got ${labelSmoothing}`);
  }
}

function checkReduction(op: string, reduction: Reduction = "mean"): Reduction {
  if (["mean", "sum", "none"].includes(reduction)) return reduction;
  throw new LoupeError("config", `${op}: reduction must be mean, sum or none, got ${reduction}`);
}
