/** Stochastic gradient descent with momentum; PyTorch's `SGD`, including its order of decay, momentum and Nesterov's look ahead. */
import { LoupeError } from "../../error.ts";
import { sgdRule } from "../../kernels/index.ts";
import { nonNegative, Optimiser, type Parameters } from "./optimiser.ts";

export interface SgdSettings {
  readonly lr: number;
  readonly momentum?: number;
  /** How much of a gradient the momentum leaves out, from the second step on. */
  readonly dampening?: number;
  /** Added to the gradient as weightDecay · parameter. */
  readonly weightDecay?: number;
  readonly nesterov?: boolean;
}

/** @example const optimiser = new SGD(net.namedParameters(), { lr: 0.1, momentum: 0.9 }); */
export class SGD extends Optimiser {
  constructor(params: Parameters, settings: SgdSettings) {
    const { lr, momentum = 0, dampening = 0, weightDecay = 0, nesterov = false } = settings;
    nonNegative("SGD", "momentum", momentum);
    nonNegative("SGD", "weightDecay", weightDecay);
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new LoupeError("config", "SGD: nesterov needs a momentum and no dampening");
    }
    super(params, lr, {
      name: "SGD",
      stateNames: momentum ? ["momentum_buffer"] : [],
      settings: { momentum, dampening, weight_decay: weightDecay, nesterov: Number(nesterov) },
      shared: (rate) => [rate, weightDecay, momentum, 1 - dampening],
      kernels: sgdRule({ momentum: momentum !== 0, nesterov }),
    });
  }
}
