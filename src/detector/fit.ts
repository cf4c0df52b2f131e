/**
 * The training loop, the same for every method: batches in, losses out. The GPU gets a step before the loss of the one before is
 * read, so that it never waits for the host. It stops at the first loss that is not a number, and
 * between two steps when asked to, so that the caller can save a state that resumes to the same bits.
 */
import type { Device, Tensor } from "../core/index.ts";
import type { Batch } from "../data/index.ts";
import { LoupeError } from "../error.ts";
import type { EpochPlan } from "./course.ts";
import type { Detector, StepPosition } from "./detector.ts";

/** How far a training run has come. */
export interface Progress {
  /** Epochs that are complete. */
  readonly epoch: number;
  /** Steps done in the epoch under way. */
  readonly step: number;
}

export interface FitOptions {
  /** The batches of one epoch from a given step on; the same for the same arguments. `plan`: the method's, if it makes one. */
  readonly batches: (
    epoch: number,
    firstStep: number,
    plan: EpochPlan | undefined,
  ) => AsyncIterable<Batch>;
  readonly stepsPerEpoch: number;
  /** Where to go on; default: the beginning. */
  readonly start?: Progress;
  /** Called after each step. */
  readonly onStep?: (step: StepPosition & { readonly loss: number }) => void;
  /** Called after each epoch, and waited for, with its mean loss over the steps made in this call and the plan it had. */
  readonly onEpoch?: (
    epoch: number,
    meanLoss: number,
    plan: EpochPlan | undefined,
  ) => Promise<void> | void;
  /** Stops after the step that the GPU has been given; before the first when it is aborted already. */
  readonly signal?: AbortSignal;
}

/**
 * Trains until the detector's last epoch or until stopped; says how far it came.
 * @throws LoupeError `numeric` at a loss that is not finite; the detector's weights are worth nothing then, and what was saved before
 *   is not touched
 */
export async function fit(detector: Detector, options: FitOptions): Promise<Progress> {
  const { start = { epoch: 0, step: 0 }, signal } = options;
  checkStart(detector, options, start);
  let at = start;
  while (at.epoch < detector.epochs && !signal?.aborted) {
    at = await fitEpoch(detector, options, at);
  }
  return at;
}

/** The rest of one epoch. */
async function fitEpoch(
  detector: Detector,
  { batches, stepsPerEpoch, onStep, onEpoch, signal }: FitOptions,
  { epoch, step: first }: Progress,
): Promise<Progress> {
  let step = first;
  let total = 0;
  const plan = detector.planEpoch?.(epoch);
  const finish = async ({ at, batch, told }: QueuedStep) => {
    const values = await told;
    const value = values[0] as number;
    total += value;
    detector.observe?.(values.subarray(1), value, batch);
    onStep?.({ ...at, loss: value });
  };
  let queued: QueuedStep | undefined;
  for await (const batch of batches(epoch, first, plan)) {
    if (step === stepsPerEpoch) throw wrongCount(epoch, "more than", stepsPerEpoch);
    const iteration = epoch * stepsPerEpoch + step;
    const at = { epoch, iteration, iterationsPerEpoch: stepsPerEpoch };
    const next = { at, batch, told: trainOn(detector, batch, at) };
    next.told.catch(() => {}); // thrown when it is waited for
    step++;
    if (queued) await finish(queued); // while the GPU has the next one to do
    queued = next;
    if (signal?.aborted) break;
  }
  if (queued) await finish(queued);
  if (step < stepsPerEpoch) {
    if (signal?.aborted) return { epoch, step };
    throw wrongCount(epoch, `only ${step} of`, stepsPerEpoch);
  }
  await detector.endEpoch?.(epoch);
  await onEpoch?.(epoch, total / (step - first), plan);
  return { epoch: epoch + 1, step: 0 };
}

/** A step that the GPU has been given, and its loss and what else it tells when it is done. */
interface QueuedStep {
  readonly at: StepPosition;
  readonly batch: Batch;
  readonly told: Promise<Float32Array>;
}

function checkStart(detector: Detector, { stepsPerEpoch }: FitOptions, start: Progress): void {
  const whole = (n: number, least: number) => Number.isSafeInteger(n) && n >= least;
  if (!whole(stepsPerEpoch, 1)) {
    const got = `got ${stepsPerEpoch}`;
    throw new LoupeError("config", `fit: stepsPerEpoch must be a whole number from 1, ${got}`);
  }
  const { epoch, step } = start;
  const last = epoch === detector.epochs ? 0 : stepsPerEpoch - 1; // after the last epoch there is no step
  if (whole(epoch, 0) && whole(step, 0) && epoch <= detector.epochs && step <= last) return;
  const place = `epoch ${epoch}, step ${step} to go on from`;
  const size = `${detector.epochs} epochs of ${stepsPerEpoch} steps`;
  const next = "use the images, batch size and epochs that it was begun with";
  throw new LoupeError("checkpoint", `fit: there is no ${place} in ${size}; ${next}`);
}

function wrongCount(epoch: number, what: string, steps: number): LoupeError {
  return new LoupeError("data", `fit: epoch ${epoch + 1} gave ${what} ${steps} batches`);
}

async function trainOn(detector: Detector, batch: Batch, at: StepPosition): Promise<Float32Array> {
  const { device } = detector;
  const [told] = await device.read(() => {
    const [images, masks] = upload(device, batch);
    return [detector.trainStep(images, masks, at)];
  });
  const value = told?.[0] ?? Number.NaN;
  if (told && Number.isFinite(value)) return told as Float32Array;
  throw diverged(detector, batch.paths, at, value);
}

/** A resume would come to the same bits, so it is no way out. */
function diverged(
  { method, epochs, config }: Detector,
  paths: readonly string[],
  { epoch, iteration, iterationsPerEpoch }: StepPosition,
  loss: number,
): LoupeError {
  const step = iteration - epoch * iterationsPerEpoch + 1;
  const where = `step ${step} of ${iterationsPerEpoch} in epoch ${epoch + 1} of ${epochs}`;
  const more = paths.length > 3 ? ` and ${paths.length - 3} more` : "";
  const ways = `a lower --learning-rate${config.precision === "f16" ? " or --precision f32" : ""}`;
  const next = `start again with ${ways}, or look at the images of this step: ${paths.slice(0, 3).join(", ")}${more}`;
  const kept = "the last checkpoint is from before it and is kept";
  return new LoupeError("numeric", `${method}: the loss is ${loss} at ${where}; ${kept}; ${next}`);
}

/** A batch on the GPU: images `[N, H, W, 3]` and masks `[N, H, W, 1]`. */
export function upload(device: Device, batch: Batch): [Tensor, Tensor] {
  const { size, side, images, masks } = batch;
  return [
    device.tensor(images as Float32Array<ArrayBuffer>, [size, side, side, 3]),
    device.tensor(masks as Float32Array<ArrayBuffer>, [size, side, side, 1]),
  ];
}
