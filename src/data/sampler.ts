/**
 * In which order training images are seen, as a function of (seed, epoch) alone, so that training can go on at any step to the
 * same bits. `naive`: each image once. `balanced`: in each batch as many anomalous images as normal ones, for training with
 * a few real anomalies. Source: CDO 2025, data/sampler/balance_sampler.py.
 */
import { LoupeError } from "../error.ts";
import { permutation, seededRandom } from "./random.ts";

export const samplerNames = ["naive", "balanced"] as const;
export type SamplerName = (typeof samplerNames)[number];

/** Whether an image is normal (0) or anomalous (1), by place in the list of training images. */
export type SampleLabels = readonly (0 | 1)[];

/** A kind's `cycle`-th order of the places `0..count-1` among its images. */
type Shuffle = (kind: "normal" | "anomalous", cycle: number, count: number) => Uint32Array;

/** Each of `count` images once. */
export function naiveOrder(count: number, seed: number, epoch: number): Uint32Array {
  return permutation(count, seededRandom(seed, epoch));
}

/**
 * Whole batches, one behind the other: first their normal images, `batchSize / 2` rounded down, then anomalous ones.
 * Both kinds come from endless orders, each shuffled anew when it is through, which go on from epoch to epoch. Without
 * anomalous images all are normal. Throws as `stepsPerEpoch`.
 */
export function balancedOrder(
  labels: SampleLabels,
  batchSize: number,
  seed: number,
  epoch: number,
): Uint32Array {
  const key = { normal: 0, anomalous: 1 };
  return balancedFrom(labels, batchSize, epoch, (kind, cycle, count) =>
    permutation(count, seededRandom(seed, streamTag, key[kind], cycle)),
  );
}

/** Sets the sampler's draws apart from all others of the same seed. */
const streamTag = 0x62_61_6c;

/** As `balancedOrder`, with the orders given, so that recorded ones can be tried. */
export function balancedFrom(
  labels: SampleLabels,
  batchSize: number,
  epoch: number,
  shuffle: Shuffle,
): Uint32Array {
  const steps = balancedSteps(labels, batchSize);
  const { normal, anomalous } = placesOf(labels);
  const half = share(anomalous.length, batchSize);
  const order = new Uint32Array(steps * batchSize);
  const lay = (kind: "normal" | "anomalous", places: readonly number[], from: number) => {
    const many = kind === "normal" ? half : batchSize - half;
    let cycle = -1;
    let shuffled = new Uint32Array();
    for (let k = 0; k < steps * many; k++) {
      const at = epoch * steps * many + k;
      const wanted = Math.floor(at / places.length);
      if (wanted !== cycle) shuffled = Uint32Array.from(shuffle(kind, wanted, places.length));
      cycle = wanted;
      const place = places[shuffled[at % places.length]!]!;
      order[Math.floor(k / many) * batchSize + from + (k % many)] = place;
    }
  };
  lay("normal", normal, 0);
  if (half < batchSize) lay("anomalous", anomalous, half);
  return order;
}

/** How images become an epoch's batches. */
export type Sampling = {
  readonly sampler: SamplerName;
  readonly labels: SampleLabels;
  readonly batchSize: number;
  /** Leave out a last batch that is not full, unless it is the only one; default false. */
  readonly dropLast?: boolean;
};

/** The order of one epoch under either sampler; as many places as images are seen. */
export function samplerOrder(sampling: Sampling, seed: number, epoch: number): Uint32Array {
  const { sampler, labels, batchSize } = sampling;
  if (sampler === "balanced") return balancedOrder(labels, batchSize, seed, epoch);
  return seenOf(naiveOrder(labels.length, seed, epoch), sampling);
}

/** What of an order over all images is seen: all of it, or whole batches alone. */
export function seenOf(
  order: Uint32Array,
  sampling: Pick<Sampling, "batchSize" | "dropLast">,
): Uint32Array {
  return order.subarray(0, seenCount(order.length, sampling));
}

function seenCount(
  images: number,
  { batchSize, dropLast = false }: Pick<Sampling, "batchSize" | "dropLast">,
): number {
  return dropLast && images > batchSize ? images - (images % batchSize) : images;
}

/**
 * Batches of one epoch: `naive` all images, the last batch as large as what is left if that is seen; `balanced` one more than the
 * normal images fill. Throws `LoupeError("config")` for a batch size that has no half, `data` without a normal image.
 */
export function stepsPerEpoch(sampling: Sampling): number {
  return Math.ceil(imagesPerEpoch(sampling) / sampling.batchSize);
}

/** How many images an epoch shows. Throws as `stepsPerEpoch`. */
export function imagesPerEpoch(sampling: Sampling): number {
  const { sampler, labels, batchSize } = sampling;
  if (sampler === "balanced") return balancedSteps(labels, batchSize) * batchSize;
  return seenCount(labels.length, sampling);
}

function balancedSteps(labels: SampleLabels, batchSize: number): number {
  const { normal, anomalous } = placesOf(labels);
  if (!Number.isSafeInteger(batchSize) || batchSize < (anomalous.length > 0 ? 2 : 1)) {
    const rule = "a batch holds normal and anomalous images, so it needs room for two";
    throw new LoupeError("config", `sampler balanced: ${rule}, got batch size ${batchSize}`);
  }
  if (normal.length === 0) {
    const rule = `needs normal images, got none (${anomalous.length} anomalous)`;
    throw new LoupeError("data", `sampler balanced: ${rule}; use the sampler naive`);
  }
  return Math.floor(normal.length / share(anomalous.length, batchSize)) + 1;
}

/** How many of a batch are normal. */
function share(anomalous: number, batchSize: number): number {
  return anomalous === 0 ? batchSize : Math.floor(batchSize / 2);
}

function placesOf(labels: SampleLabels): { normal: number[]; anomalous: number[] } {
  const all = [...labels.keys()];
  return {
    normal: all.filter((i) => labels[i] === 0),
    anomalous: all.filter((i) => labels[i] === 1),
  };
}
