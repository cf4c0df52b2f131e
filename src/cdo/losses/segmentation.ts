/** Losses between predicted probabilities and a mask, for whoever trains a head on maps or features with real anomalies. */
import {
  add,
  cast,
  clamp,
  crossEntropy,
  div,
  eq,
  log,
  logSoftmax,
  maximum,
  mean,
  mul,
  neg,
  noGrad,
  pow,
  type Reduction,
  reshape,
  softmax,
  sub,
  sum,
  type Tensor,
} from "../../core/index.ts";
import { LoupeError } from "../../error.ts";

/**
 * 1 − mean over images of (2 Σ p·t + 1) / (Σ p + Σ t + 1).
 * @param p probabilities `[N, …]`
 * @param target 0 … 1 of the same shape
 */
export function binaryDiceLoss(p: Tensor, target: Tensor): Tensor {
  sameShape("binaryDiceLoss", p, target);
  const [a, b] = [p, target].map((x) => reshape(x, [x.shape[0] ?? 0, -1])) as [Tensor, Tensor];
  const both = add(mul(sum(mul(a, b), 1), 2), 1);
  return sub(1, mean(div(both, add(add(sum(a, 1), sum(b, 1)), 1))));
}

export interface FocalOptions {
  /**
   * Weights of the classes: a list, which is scaled to the sum 1, or a number, which is that of class `balanceIndex`, the others having
   * one minus it. Default: all 1.
   */
  readonly alpha?: number | readonly number[];
  /** Default 2. */
  readonly gamma?: number;
  /** Default 0. */
  readonly balanceIndex?: number;
  /** Is moved from the right class to the others and added to the probability. Default 1e-5. */
  readonly smooth?: number;
  /** Default "mean". */
  readonly reduction?: Reduction;
}

/**
 * −α (1 − p_t)^γ log p_t with p_t the probability of the right class. Lin et al., "Focal Loss for Dense Object Detection" (2017).
 * @param p probabilities `[…, C]`, which sum to 1 over the classes
 * @param target classes `[…]` as numbers
 */
export function focalLoss(p: Tensor, target: Tensor, options: FocalOptions = {}): Tensor {
  const { gamma = 2, smooth = 1e-5 } = options;
  const classes = p.shape.at(-1) ?? 0;
  if (classes < 2 || p.shape.slice(0, -1).join() !== target.shape.join()) {
    const rule = "needs probabilities [..., C] of two classes or more and one target for each";
    throw new LoupeError("shape", `focalLoss: ${rule}, got ${p} and ${target}`);
  }
  const [right, weight] = noGrad(() => {
    const hit = oneHot(target, classes);
    const alphas = p.device.tensor(alphasOf(classes, options), [classes]);
    return [clamp(hit, smooth / (classes - 1), 1 - smooth), sum(mul(hit, alphas), -1)];
  });
  const pt = add(sum(mul(right, p), -1), smooth);
  const focus = pow(clamp(sub(1, pt), 0), gamma);
  return reduced(neg(mul(weight, mul(focus, log(pt)))), options.reduction);
}

function oneHot(target: Tensor, classes: number): Tensor {
  const list = target.device.tensor(
    Float32Array.from({ length: classes }, (_, c) => c),
    [classes],
  );
  return eq(reshape(cast(target, "f32"), [...target.shape, 1]), list);
}

function alphasOf(
  classes: number,
  { alpha, balanceIndex = 0 }: FocalOptions,
): Float32Array<ArrayBuffer> {
  if (alpha === undefined) return new Float32Array(classes).fill(1);
  if (typeof alpha === "number") {
    if (!Number.isInteger(balanceIndex) || balanceIndex < 0 || balanceIndex >= classes) {
      const rule = `balanceIndex must be one of ${classes} classes`;
      throw new LoupeError("config", `focalLoss: ${rule}, got ${balanceIndex}`);
    }
    return Float32Array.from({ length: classes }, (_, c) =>
      c === balanceIndex ? alpha : 1 - alpha,
    );
  }
  const total = alpha.reduce((a, b) => a + b, 0);
  if (alpha.length !== classes || !(total > 0)) {
    const rule = `alpha must be ${classes} weights with a sum above 0`;
    throw new LoupeError("config", `focalLoss: ${rule}, got [${alpha}]`);
  }
  return Float32Array.from(alpha, (a) => a / total);
}

export interface BinaryFocalOptions {
  /** Weight of the ones, the zeros having one minus it; below 0 (default −1) both weigh 1. */
  readonly alpha?: number;
  /** Default 4. */
  readonly gamma?: number;
  /** Default "mean". */
  readonly reduction?: Reduction;
}

/**
 * Binary cross-entropy times (1 − p_t)^γ; logarithms are at least −100, as PyTorch's.
 * @param p probabilities of any shape
 * @param target 0 … 1 of the same shape
 */
export function binaryFocalLoss(
  p: Tensor,
  target: Tensor,
  options: BinaryFocalOptions = {},
): Tensor {
  const { alpha = -1, gamma = 4, reduction } = options;
  sameShape("binaryFocalLoss", p, target);
  const least = (x: Tensor) => maximum(log(x), -100);
  const rest = sub(1, target);
  const entropy = neg(add(mul(target, least(p)), mul(rest, least(sub(1, p)))));
  const pt = add(mul(p, target), mul(sub(1, p), rest));
  const focused = mul(entropy, pow(clamp(sub(1, pt), 0), gamma));
  if (alpha < 0) return reduced(focused, reduction);
  return reduced(mul(focused, add(mul(target, alpha), mul(rest, 1 - alpha))), reduction);
}

export interface SegmentOptions {
  /** Of the focal term. Default 1. */
  readonly weight?: number;
  /**
   * What the focal term sees: the probabilities (default), or the raw logits.
   * reference: the logits, of which a negative one makes the loss NaN
   */
  readonly focalOf?: "probabilities" | "logits";
}

/**
 * Cross-entropy plus a weighted focal loss.
 * @param logits `[N, H, W, C]`
 * @param target classes `[N, H, W]` as numbers
 */
export function segmentCrossEntropy(
  logits: Tensor,
  target: Tensor,
  { weight = 1, focalOf = "probabilities" }: SegmentOptions = {},
): Tensor {
  const p = focalOf === "logits" ? logits : softmax(logits, -1);
  const entropy = crossEntropy(logits, cast(target, "i32"));
  return add(entropy, mul(focalLoss(p, target), weight));
}

/**
 * Cross-entropy with targets that are themselves probabilities: mean of −Σ t · log softmax(x).
 * @param logits `[…, C]`
 * @param target of the same shape
 */
export function softTargetCrossEntropy(logits: Tensor, target: Tensor): Tensor {
  sameShape("softTargetCrossEntropy", logits, target);
  return neg(mean(sum(mul(target, logSoftmax(logits, -1)), -1)));
}

function sameShape(op: string, a: Tensor, b: Tensor): void {
  if (a.shape.join() === b.shape.join()) return;
  throw new LoupeError("shape", `${op}: needs two tensors of one shape, got ${a} and ${b}`);
}

function reduced(losses: Tensor, reduction: Reduction = "mean"): Tensor {
  if (reduction === "none") return losses;
  return reduction === "sum" ? sum(losses) : mean(losses);
}
