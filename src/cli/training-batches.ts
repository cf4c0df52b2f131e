/** The batches of each epoch, in an order and with anomalies that depend on seed and epoch alone, from any step on. */
import {
  type Batch,
  batches,
  imageCache,
  type LoadOptions,
  permutation,
  type Sample,
  seededRandom,
  skipBackgroundClasses,
  type Transform,
  testTransform,
  trainTransform,
} from "../data/index.ts";
import type { Detector, FitOptions } from "../detector/index.ts";

/** For `fit`. The same arguments give the same batches, however training was cut into pieces. */
export function trainingBatches(
  samples: readonly Sample[],
  detector: Detector,
  seed: number,
): Pick<FitOptions, "batches" | "stepsPerEpoch"> {
  const { batchSize } = detector;
  const { size } = detector.images;
  const cache = imageCache();
  return {
    stepsPerEpoch: Math.ceil(samples.length / batchSize),
    batches(epoch, firstStep) {
      const order = permutation(samples.length, seededRandom(seed, epoch)).subarray(
        firstStep * batchSize,
      );
      const load = trainTransform({ ...imageOptions(detector, samples), seed, epoch, cache });
      const transform: Transform = (sample, place, image, mask) =>
        load(sample, order[place]!, image, mask);
      const left = Array.from(order, (index) => samples[index]!);
      return batches(left, { batchSize, side: size, transform });
    },
  };
}

function imageOptions(detector: Detector, samples: readonly Sample[]) {
  const { size, version, synthesis, detour } = detector.images;
  if (synthesis === "none") return { size, version, anomalies: false as const };
  const skips = skipBackgroundClasses.includes(samples[0]?.className ?? "");
  const anomalies = synthesis === "cdo2023" ? { detour: false, skipBackground: skips } : { detour };
  return { size, version, anomalies };
}

/** Images to predict, in order. */
export function testBatches(
  samples: readonly Sample[],
  detector: Detector,
  reading: Pick<LoadOptions, "report" | "maskThreshold"> & { readonly batchSize?: number } = {},
): AsyncIterable<Batch> {
  const { size, version } = detector.images;
  const { batchSize = detector.batchSize, ...rest } = reading;
  const transform = testTransform({ size, version, ...rest });
  return batches(samples, { batchSize, side: size, transform });
}
