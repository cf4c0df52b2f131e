/**
 * The loss of IKD (informative knowledge distillation): pixels whose discrepancy d = ‖e − a‖² is above a margin count, and between
 * them also how alike they are to each other.
 *
 *   margin ← α · margin + (1 − α) · (mean d + β · std d)
 *   L_l = mean over d ≥ margin of d  +  γ · mean (Qe Qeᵀ − Qa Qaᵀ)²,  Q the unit vectors of those pixels;  mean d if there are none
 *
 * ‖Qe Qeᵀ − Qa Qaᵀ‖² = ‖Qeᵀ Qe‖² − 2 ‖Qeᵀ Qa‖² + ‖Qaᵀ Qa‖² needs matrices of channels only, not of pixels.
 */
import {
  add,
  div,
  ge,
  matmul,
  maximum,
  mean,
  mul,
  noGrad,
  normalize,
  reshape,
  slice,
  square,
  stack,
  std,
  sub,
  sum,
  type Tensor,
  unitDistance,
  where,
} from "../../core/index.ts";
import { LoupeError } from "../../error.ts";
import { type Levels, overLevels } from "./features.ts";

export interface IkdOptions {
  /** Standard deviations above the mean. Default 2. */
  readonly beta?: number;
  /** Weight of the similarities. Default 1. */
  readonly gamma?: number;
  /** Share of the former margin that stays. Default 0.01. */
  readonly alpha?: number;
}

/** The loss, and the margins for the next call, `[levels]`, without a gradient. */
export interface IkdResult {
  readonly loss: Tensor;
  readonly margins: Tensor;
}

/**
 * @param margins of the call before, `[levels]`; zeros at first
 * @param teacher feature maps `[N, h, w, C]` of each level
 */
export function ikdLoss(
  teacher: Levels,
  student: Levels,
  margins: Tensor,
  { beta = 2, gamma = 1, alpha = 0.01 }: IkdOptions = {},
): IkdResult {
  if (margins.size !== teacher.length) {
    const text = `margins must be [${teacher.length}], one per level, got ${margins}`;
    throw new LoupeError("shape", `ikdLoss: ${text}`);
  }
  const next: Tensor[] = [];
  const loss = overLevels("ikdLoss", teacher, student, (e, a, l) => {
    const whole = unitDistance(a, e);
    const d = reshape(whole, [whole.size]);
    const [margin, chosen] = noGrad(() => {
      const high = add(mean(d), mul(std(d), beta));
      const moved = add(
        mul(slice(reshape(margins, [-1]), 0, l, l + 1), alpha),
        mul(high, 1 - alpha),
      );
      return [moved, ge(d, moved)] as const;
    });
    next.push(margin);
    const count = noGrad(() => sum(chosen));
    const some = noGrad(() => maximum(count, 1));
    const hard = div(sum(mul(chosen, d)), some);
    const likeness = similarity(e, a, reshape(chosen, [d.size, 1]));
    const mined = add(hard, mul(div(likeness, square(some)), gamma));
    return where(count, mined, mean(d));
  });
  return { loss, margins: noGrad(() => reshape(stack(next), [teacher.length])) };
}

/** ‖Qe Qeᵀ − Qa Qaᵀ‖² over the chosen pixels. */
function similarity(teacher: Tensor, student: Tensor, chosen: Tensor): Tensor {
  const rows = (x: Tensor) => {
    const unit = normalize(x);
    return mul(reshape(unit, [chosen.size, -1]), chosen);
  };
  const [e, a] = [rows(teacher), rows(student)];
  const of = (x: Tensor, y: Tensor) => sum(square(matmul(x, y, { transposeA: true })));
  return add(sub(of(e, e), mul(of(e, a), 2)), of(a, a));
}
