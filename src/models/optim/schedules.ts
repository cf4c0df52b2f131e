/**
 * Learning rates as pure functions of a step counted from 0, iteration or epoch: nothing to save, nothing to resume.
 * Closed forms of PyTorch's schedulers.
 */
import { LoupeError } from "../../error.ts";

/** The rate of step t = 0, 1, … */
export type Schedule = (t: number) => number;

/** lr · gamma^⌊t / stepSize⌋. */
export function stepLR(o: { lr: number; stepSize: number; gamma?: number }): Schedule {
  const { lr, stepSize, gamma = 0.1 } = o;
  positive("stepLR", "stepSize", stepSize);
  return (t) => lr * gamma ** Math.floor(t / stepSize);
}

/** lr · gamma^t. */
export function exponentialLR(o: { lr: number; gamma: number }): Schedule {
  return (t) => o.lr * o.gamma ** t;
}

/** etaMin + (lr − etaMin) · (1 + cos(π t / tMax)) / 2; rises again after tMax, as PyTorch's does. */
export function cosineAnnealingLR(o: { lr: number; tMax: number; etaMin?: number }): Schedule {
  const { lr, tMax, etaMin = 0 } = o;
  positive("cosineAnnealingLR", "tMax", tMax);
  return (t) => etaMin + ((lr - etaMin) * (1 + Math.cos((Math.PI * t) / tMax))) / 2;
}

/** From lr · startFactor to lr · endFactor in a straight line over totalIters steps, then constant. */
export function linearLR(o: {
  lr: number;
  startFactor?: number;
  endFactor?: number;
  totalIters?: number;
}): Schedule {
  const { lr, startFactor = 1 / 3, endFactor = 1, totalIters = 5 } = o;
  positive("linearLR", "totalIters", totalIters);
  return (t) =>
    lr * (startFactor + ((endFactor - startFactor) * Math.min(t, totalIters)) / totalIters);
}

/** Starts at `startFactor` times the schedule and grows in a straight line to the schedule itself, reached at step `steps`. */
export function warmUp(schedule: Schedule, o: { steps: number; startFactor?: number }): Schedule {
  const { steps, startFactor = 0 } = o;
  if (steps === 0) return schedule;
  positive("warmUp", "steps", steps);
  return (t) => schedule(t) * (startFactor + ((1 - startFactor) * Math.min(t, steps)) / steps);
}

/**
 * One drop by gamma after a share of the epochs, counted in iterations: lr · gamma^⌊t / T⌋ with
 * T = ⌊decayAt · epochs⌋ · iterationsPerEpoch. CDO (2025): timm's step schedule, asked before every update.
 * reference: with a single epoch T is 0 and timm divides by it; here the rate stays lr.
 */
export function epochStepLR(o: {
  lr: number;
  epochs: number;
  iterationsPerEpoch: number;
  decayAt?: number;
  gamma?: number;
}): Schedule {
  const { lr, epochs, iterationsPerEpoch, decayAt = 0.8, gamma = 0.1 } = o;
  positive("epochStepLR", "epochs", epochs);
  positive("epochStepLR", "iterationsPerEpoch", iterationsPerEpoch);
  const stepSize = Math.floor(decayAt * epochs) * iterationsPerEpoch;
  return stepSize < 1 ? () => lr : stepLR({ lr, stepSize, gamma });
}

/** A schedule of epochs as one of iterations. */
export function perEpoch(schedule: Schedule, iterationsPerEpoch: number): Schedule {
  positive("perEpoch", "iterationsPerEpoch", iterationsPerEpoch);
  return (t) => schedule(Math.floor(t / iterationsPerEpoch));
}

function positive(where: string, name: string, value: number): void {
  if (Number.isInteger(value) && value >= 1) return;
  throw new LoupeError("config", `${where}: ${name} must be a whole number from 1, got ${value}`);
}
