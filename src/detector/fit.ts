/**
 * The training loop, the same for every method: batches in, losses out. It stops at the first loss that is not a number, and
 * between two steps when asked to, so that the caller can save a state that resumes to the same bits.
 */
import type { Device, Tensor } from "../core/index.ts";
import type { Batch } from "../data/index.ts";
import { LoupeError } from "../error.ts";
import type { Detector, StepPosition } from "./detector.ts";

/** How far a training run has come. */
export interface Progress {
  /** Epochs that are complete. */
  readonly epoch: number;
  /** Steps done in the epoch under way. */
  readonly step: number;
}

export interface FitOptions {
  /** The batches of one epoch from a given step on; the same for the same arguments. */
  readonly batches: (epoch: number, firstStep: number) => AsyncIterable<Batch>;
  readonly stepsPerEpoch: number;
  /** Where to go on; default: the beginning. */
  readonly start?: Progress;
  /** Called after each step. */
  readonly onStep?: (step: StepPosition & { readonly loss: number }) => void;
  /** Called after each epoch with its mean loss over the steps made in this call. */
  readonly onEpoch?: (epoch: number, meanLoss: number) => Promise<void> | void;
  /** Stops after the step under way. */
  readonly signal?: AbortSignal;
}

/** Trains until the detector's last epoch or until stopped; says how far it came. */
export async function fit(detector: Detector, options: FitOptions): Promise<Progress> {
  const { stepsPerEpoch, start = { epoch: 0, step: 0 } } = options;
  for (let epoch = start.epoch; epoch < detector.epochs; epoch++) {
    let step = epoch === start.epoch ? start.step : 0;
    let total = 0;
    let count = 0;
    for await (const batch of options.batches(epoch, step)) {
      const at = {
        epoch,
        iteration: epoch * stepsPerEpoch + step,
        iterationsPerEpoch: stepsPerEpoch,
      };
      const loss = await trainOn(detector, batch, at);
      step++;
      total += loss;
      count++;
      options.onStep?.({ ...at, loss });
      if (options.signal?.aborted && step < stepsPerEpoch) return { epoch, step };
    }
    if (step !== stepsPerEpoch) {
      throw new LoupeError(
        "data",
        `fit: epoch ${epoch + 1} gave ${step} batches instead of ${stepsPerEpoch}`,
      );
    }
    await options.onEpoch?.(epoch, total / Math.max(1, count));
    if (options.signal?.aborted) return { epoch: epoch + 1, step: 0 };
  }
  return { epoch: detector.epochs, step: 0 };
}

async function trainOn(detector: Detector, batch: Batch, at: StepPosition): Promise<number> {
  const { device, method } = detector;
  const [loss] = await device.read(() => {
    const [images, masks] = upload(device, batch);
    return [detector.trainStep(images, masks, at)];
  });
  const value = loss?.[0] ?? Number.NaN;
  if (Number.isFinite(value)) return value;
  throw new LoupeError(
    "numeric",
    `${method}: the loss is ${value} in step ${at.iteration + 1} (epoch ${at.epoch + 1}); ` +
      "the last checkpoint is kept; lower --learning-rate or look at the images of the batch: " +
      `${batch.paths.slice(0, 3).join(", ")}${batch.paths.length > 3 ? ", …" : ""}`,
  );
}

/** A batch on the GPU: images `[N, H, W, 3]` and masks `[N, H, W, 1]`. */
export function upload(device: Device, batch: Batch): [Tensor, Tensor] {
  const { size, side, images, masks } = batch;
  return [
    device.tensor(images as Float32Array<ArrayBuffer>, [size, side, side, 3]),
    device.tensor(masks as Float32Array<ArrayBuffer>, [size, side, side, 1]),
  ];
}
