/**
 * Adam (Kingma and Ba, ICLR 2015) and AdamW (Loshchilov and Hutter, ICLR 2019), with AMSGrad; PyTorch's formulas and defaults.
 * w ← w − lr / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε).
 */
import { adamPowers, adamRule as kernelsOf } from "../../kernels/index.ts";
import { nonNegative, Optimiser, type Parameters, type Rule, share } from "./optimiser.ts";

export interface AdamSettings {
  /** Default 0.001. */
  readonly lr?: number;
  /** Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8. */
  readonly eps?: number;
  /** Adam adds weightDecay · parameter to the gradient (default 0); AdamW shrinks the parameter by lr · weightDecay (default 0.01). */
  readonly weightDecay?: number;
  readonly amsgrad?: boolean;
}

/** @example const optimiser = new Adam(net.namedParameters(), { lr: 1e-3, betas: [0.5, 0.999] }); */
export class Adam extends Optimiser {
  constructor(params: Parameters, settings: AdamSettings = {}) {
    super(params, settings.lr ?? 1e-3, adamRule("Adam", settings, 0));
  }
}

/** @example const optimiser = new AdamW(net.namedParameters(), { lr: 4e-4, weightDecay: 1e-4 }); */
export class AdamW extends Optimiser {
  constructor(params: Parameters, settings: AdamSettings = {}) {
    super(params, settings.lr ?? 1e-3, adamRule("AdamW", settings, 0.01));
  }
}

function adamRule(name: "Adam" | "AdamW", settings: AdamSettings, decay: number): Rule {
  const { betas = [0.9, 0.999], eps = 1e-8, weightDecay = decay, amsgrad = false } = settings;
  const [b1, b2] = betas;
  share(name, "betas[0]", b1);
  share(name, "betas[1]", b2);
  nonNegative(name, "eps", eps);
  nonNegative(name, "weightDecay", weightDecay);
  const powers = adamPowers(b1, b2);
  return {
    name,
    stateNames: ["exp_avg", "exp_avg_sq", ...(amsgrad ? ["max_exp_avg_sq"] : [])],
    settings: { beta1: b1, beta2: b2, eps, weight_decay: weightDecay, amsgrad: Number(amsgrad) },
    shared: (lr) => [lr, b1, 1 - b1, b2, 1 - b2, eps, weightDecay, 1 - lr * weightDecay, ...powers],
    kernels: kernelsOf({ amsgrad, decoupled: name === "AdamW" }),
  };
}
