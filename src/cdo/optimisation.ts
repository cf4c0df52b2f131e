/**
 * How the loss is brought down: which optimiser, the learning rate over time, the average of the weights. The two versions of the
 * reference are the defaults; the other values are those that its configs name.
 */
import { fields, type StepPosition } from "../detector/index.ts";
import { LoupeError } from "../error.ts";
import {
  Adam,
  AdamW,
  cosineAnnealingLR,
  epochStepLR,
  exponentialLR,
  type Parameters,
  type Schedule,
  SGD,
  warmUp,
} from "../models/index.ts";

export type LrSchedule = "step" | "exponential" | "cosine" | "constant";

export interface Optimisation {
  readonly optimiser: "adam" | "adamw" | "sgd";
  /** Of Adam and AdamW. */
  readonly betas: readonly [number, number];
  /** Of SGD. */
  readonly momentum: number;
  /** Adam and SGD add it to the gradient, AdamW shrinks the weights. */
  readonly weightDecay: number;
  /**
   * "step": times `lrDecay` after the share `lrDecayAt` of the epochs, and after each further such share. "exponential": times `lrDecay`
   * after each epoch. "cosine": half a wave down to 0, by iteration.
   */
  readonly lrSchedule: LrSchedule;
  /** Default: 0.1 of "step", 0.95 of "exponential"; the others have none and stay at 1. */
  readonly lrDecay: number;
  readonly lrDecayAt: number;
  /** The learning rate grows from a thousandth over so many epochs. */
  readonly warmupEpochs: number;
  /** Evaluate and save the average of the weights with this decay, such as 0.999; 0: the weights themselves. */
  readonly ema: number;
}

const shared = { momentum: 0.9, lrDecayAt: 0.8, warmupEpochs: 0, ema: 0 } as const;

const decays: Readonly<Record<LrSchedule, number>> = {
  step: 0.1,
  exponential: 0.95,
  cosine: 1,
  constant: 1,
};

/** Of each version of CDO. */
export const optimisationDefaults: Readonly<Record<"2025" | "2023", Optimisation>> = {
  "2025": {
    ...shared,
    optimiser: "adam",
    betas: [0.5, 0.999],
    weightDecay: 0,
    lrSchedule: "step",
    lrDecay: decays.step,
  },
  "2023": {
    ...shared,
    optimiser: "adamw",
    betas: [0.9, 0.999],
    weightDecay: 1e-4,
    lrSchedule: "exponential",
    lrDecay: decays.exponential,
  },
};

const below1 = (v: number) => v >= 0 && v < 1;
const share = (v: number) => v > 0 && v <= 1;

export const optimisationRules: fields.FieldRules<Optimisation> = {
  optimiser: fields.oneOf("adam", "adamw", "sgd"),
  betas: fields.numbers(2, "two numbers from 0 to below 1", (values) => values.every(below1)),
  momentum: fields.number("0 (off) or more, below 1", below1),
  weightDecay: fields.number("0 (off) or more", (v) => v >= 0),
  lrSchedule: fields.oneOf("step", "exponential", "cosine", "constant"),
  lrDecay: fields.number("above 0, at most 1", share),
  lrDecayAt: fields.number("a share of the epochs above 0, at most 1", share),
  warmupEpochs: fields.whole(0),
  ema: fields.number("0 (off) or more, below 1", below1),
};

/** The decay that a schedule has when none is given. */
export function defaultDecay(schedule: LrSchedule): number {
  return decays[schedule];
}

/** Throws `LoupeError("config")` for a setting that nothing would come of. */
export function refuseIdleOptimisation(config: Optimisation, defaults: Optimisation): void {
  const { optimiser, lrSchedule } = config;
  const expected = { ...defaults, lrDecay: decays[lrSchedule] };
  const withOptimiser = optimiser === "sgd" ? (["betas"] as const) : (["momentum"] as const);
  const decaying = lrSchedule === "step" || lrSchedule === "exponential";
  const withSchedule = [
    ...(lrSchedule === "step" ? [] : (["lrDecayAt"] as const)),
    ...(decaying ? [] : (["lrDecay"] as const)),
  ];
  const refuse = (names: readonly (keyof Optimisation)[], why: string) => {
    const field = names.find((name) => String(config[name]) !== String(expected[name]));
    if (field === undefined) return;
    throw new LoupeError("config", `cdo: ${field} has no effect with ${why}; leave it out`);
  };
  refuse(withOptimiser, `optimiser "${optimiser}"`);
  refuse(withSchedule, `lrSchedule "${lrSchedule}"`);
}

/** The optimiser, at the learning rate of the first iteration without warm-up. */
export function createOptimiser(
  parameters: Parameters,
  config: Optimisation & { readonly learningRate: number },
): Adam | AdamW | SGD {
  const { optimiser, learningRate: lr, betas, momentum, weightDecay } = config;
  if (optimiser === "sgd") return new SGD(parameters, { lr, momentum, weightDecay });
  const Kind = optimiser === "adam" ? Adam : AdamW;
  return new Kind(parameters, { lr, betas, weightDecay });
}

type Rate = (at: StepPosition) => number;
type Rated = Optimisation & { readonly learningRate: number; readonly epochs: number };

/** The learning rate of each step. */
export function learningRateOf(config: Rated): Rate {
  const rate = unwarmed(config);
  const { warmupEpochs } = config;
  if (warmupEpochs === 0) return rate;
  return (at) => {
    const steps = warmupEpochs * at.iterationsPerEpoch;
    const warmed: Schedule = warmUp(() => rate(at), { steps, startFactor: 1e-3 });
    return warmed(at.iteration);
  };
}

function unwarmed({ lrSchedule, learningRate: lr, epochs, lrDecay, lrDecayAt }: Rated): Rate {
  switch (lrSchedule) {
    case "constant":
      return () => lr;
    case "exponential": // by epoch
      return ({ epoch }) => exponentialLR({ lr, gamma: lrDecay })(epoch);
    case "step":
      return ({ iteration, iterationsPerEpoch }) =>
        epochStepLR({ lr, epochs, iterationsPerEpoch, decayAt: lrDecayAt, gamma: lrDecay })(
          iteration,
        );
    case "cosine":
      return ({ iteration, iterationsPerEpoch }) =>
        cosineAnnealingLR({ lr, tMax: epochs * iterationsPerEpoch })(iteration);
  }
}
