/** The batches of each epoch, in an order and with anomalies that depend on seed and epoch alone, from any step on. */
import {
  type Batch,
  batches,
  framingOf,
  imageCache,
  imagesPerEpoch,
  type LoadOptions,
  type Sample,
  type SamplerName,
  type Sampling,
  type Synthesis,
  samplerOrder,
  seenOf,
  skipBackgroundClasses,
  stepsPerEpoch,
  type Transform,
  testTransform,
  trainTransform,
} from "../data/index.ts";
import type { Detector, FitOptions, TrainingSet } from "../detector/index.ts";
import { LoupeError } from "../error.ts";

/** Epochs that no training reaches: keys of images that are made outside it. */
const beyondEpochs = 2 ** 40;

export interface TrainingBatches extends Pick<FitOptions, "batches" | "stepsPerEpoch"> {
  readonly imagesPerEpoch: number;
  /** Share of the painted pixels of this epoch, so far, that changed enough to count; undefined without a `synthesis`. */
  readonly survived: () => number | undefined;
  readonly set: TrainingSet;
}

/** For `fit`. The same arguments give the same batches, however training was cut into pieces. */
export function trainingBatches(
  samples: readonly Sample[],
  detector: Detector,
  seed: number,
  sampler: SamplerName = "naive",
  reading: Pick<LoadOptions, "maskThreshold"> = {},
): TrainingBatches {
  const sampling = samplingOf(samples, detector, sampler);
  const { batchSize } = sampling;
  const { size } = detector.images;
  const cache = imageCache();
  const listedBatches = (order: Uint32Array, keys: Uint32Array, load: Transform) => {
    const transform: Transform = (sample, at, image, mask) => load(sample, keys[at]!, image, mask);
    const listed = Array.from(order, (place) => samples[place]!);
    return placed(batches(listed, { batchSize, side: size, transform }), order);
  };
  const make = (order: Uint32Array, keys: Uint32Array, epoch: number, synthesis?: Synthesis) => {
    const load = byClass((name) => {
      const options = imageOptions(detector, name, synthesis);
      return trainTransform({ ...options, ...reading, seed, epoch, cache });
    });
    return listedBatches(order, keys, load);
  };
  let tally = { painted: 0, survived: 0 };
  const counted = async function* (from: AsyncIterable<Batch>) {
    tally = { painted: 0, survived: 0 };
    for await (const batch of from) {
      tally.painted += batch.synthetic?.painted ?? 0;
      tally.survived += batch.synthetic?.survived ?? 0;
      yield batch;
    }
  };
  return {
    survived: () => (tally.painted > 0 ? tally.survived / tally.painted : undefined),
    stepsPerEpoch: stepsPerEpoch(sampling),
    imagesPerEpoch: imagesPerEpoch(sampling),
    batches(epoch, firstStep, plan) {
      if (plan?.order && sampler !== "naive") {
        const rule = `the sampler ${sampler} and a curriculum of the images both choose the order`;
        throw new LoupeError("config", `train: ${rule}; leave one of them out`);
      }
      const order = plan?.order
        ? seenOf(plan.order, sampling)
        : samplerOrder(sampling, seed, epoch);
      const keys = keysOf(order, samples.length);
      const first = firstStep * batchSize;
      return counted(make(order.subarray(first), keys.subarray(first), epoch, plan?.synthesis));
    },
    set: {
      samples,
      seed,
      clean(places) {
        const { synthesis, ...framing } = detector.images;
        const kept = synthesis === "none" ? { cache } : {}; // they are what is trained on
        const clean = { ...reading, ...kept, anomalies: false, seed, epoch: 0 } as const;
        const load = trainTransform({ ...framingOf(framing), ...clean });
        const order = Uint32Array.from(places);
        return listedBatches(order, keysOf(order, samples.length), load);
      },
      probe(places, synthesis, key) {
        const order = Uint32Array.from(places);
        return make(order, keysOf(order, samples.length), beyondEpochs + key, synthesis);
      },
    },
  };
}

/** How a method's batches are put together. */
export function samplingOf(
  samples: readonly Sample[],
  { batchSize, images: { dropLast = false } }: Pick<Detector, "batchSize" | "images">,
  sampler: SamplerName = "naive",
): Sampling {
  return { sampler, labels: samples.map(({ label }) => label), batchSize, dropLast };
}

/** Batches whose indices are places in the list of training images. */
async function* placed(from: AsyncIterable<Batch>, order: Uint32Array): AsyncGenerator<Batch> {
  for await (const batch of from) {
    yield { ...batch, indices: batch.indices.map((at) => order[at]!) };
  }
}

/** What an image's randomness in an epoch belongs to: its place, and a place of its own where it is seen once more. */
function keysOf(order: Uint32Array, count: number): Uint32Array {
  const seen = new Uint32Array(count);
  return order.map((place) => place + count * seen[place]!++);
}

/** Classes differ in whether their background is kept free of anomalies. */
function byClass(make: (className: string) => Transform): Transform {
  const made = new Map<string, Transform>();
  return (sample, ...rest) => {
    const load = made.get(sample.className) ?? make(sample.className);
    made.set(sample.className, load);
    return load(sample, ...rest);
  };
}

function imageOptions(detector: Detector, className: string, synthesis?: Synthesis) {
  const { synthesis: kind, detour } = detector.images;
  const framing = framingOf(detector.images);
  if (kind === "none") return { ...framing, anomalies: false as const };
  const skips = skipBackgroundClasses.includes(className);
  const painted = kind === "cdo2023" ? { detour: false, skipBackground: skips } : { detour };
  return { ...framing, anomalies: { ...painted, ...(synthesis ? { synthesis } : {}) } };
}

/** Images to predict, in order. */
export function testBatches(
  samples: readonly Sample[],
  detector: Detector,
  reading: Pick<LoadOptions, "report" | "maskThreshold" | "onFrame"> & {
    readonly batchSize?: number;
  } = {},
): AsyncIterable<Batch> {
  const framing = framingOf(detector.images);
  const { batchSize = detector.batchSize, ...rest } = reading;
  const transform = testTransform({ ...framing, ...rest });
  return batches(samples, { batchSize, side: framing.size, transform });
}
