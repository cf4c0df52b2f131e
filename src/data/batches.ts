/**
 * Samples as batches, in a seeded order, loaded ahead: while one batch trains, the next is read and decoded. The order of
 * loading never changes what is loaded, because a sample's randomness belongs to its index.
 */
import { LoupeError } from "../error.ts";
import type { Sample } from "./dataset.ts";
import { permutation, type Random } from "./random.ts";
import type { Survival } from "./synthesis/synthesis.ts";
import type { Transform } from "./transforms.ts";

/**
 * `size` samples: `images` `[size, side, side, 3]` normalised, `masks` `[size, side, side, 1]` 0..1, `labels` 0 normal
 * 1 defective, `paths` and `indices` (places in the list of samples) in the order of the batch.
 */
export type Batch = {
  readonly size: number;
  readonly side: number;
  readonly images: Float32Array;
  readonly masks: Float32Array;
  readonly labels: Uint8Array;
  readonly paths: readonly string[];
  readonly indices: Uint32Array;
  /** Of all synthetic anomalies that a `synthesis` made: how much of what was painted counts as abnormal. */
  readonly synthetic?: Survival;
};

/** How samples become batches. `side`: the size the transform was made for, in pixels. */
export type BatchOptions = {
  readonly batchSize: number;
  readonly side: number;
  readonly transform: Transform;
  /** Shuffles from this stream; without it the samples come in order. */
  readonly shuffle?: Random;
  /** Exactly these places in the list of samples, in this order, for going on in the middle of an epoch. */
  readonly order?: Uint32Array;
  /** How many batches are loaded ahead; default 1. */
  readonly prefetch?: number;
};

/** Samples of one batch that are read at the same time: decoders wait for disk and threads. */
const atOnce = 8;

/** How many batches there will be. */
export function batchCount(samples: number, { batchSize }: BatchOptions): number {
  return Math.ceil(samples / batchSize);
}

/**
 * The batches of one epoch. Throws what the transform throws when its batch is due, `LoupeError("config")` for a batch
 * size or prefetch that is not a whole number.
 */
export async function* batches(
  samples: readonly Sample[],
  options: BatchOptions,
): AsyncGenerator<Batch, void, undefined> {
  const { batchSize, shuffle, prefetch = 1 } = options;
  const whole = (n: number, least: number) => Number.isSafeInteger(n) && n >= least;
  if (!whole(batchSize, 1) || !whole(prefetch, 0) || !whole(options.side, 1)) {
    const got = `batchSize ${batchSize}, prefetch ${prefetch}, side ${options.side}`;
    throw new LoupeError("config", `batches: must be whole numbers, got ${got}`);
  }
  const order = options.order ?? orderOf(samples.length, shuffle);
  if (order.some((index) => index >= samples.length)) {
    const worst = Math.max(...order);
    throw new LoupeError(
      "config",
      `batches: order has ${worst}, there are ${samples.length} samples`,
    );
  }
  const count = batchCount(order.length, options);
  const ahead: Promise<Batch>[] = [];
  let last: Promise<unknown> = Promise.resolve();
  let stopped = false;
  try {
    for (let k = 0, begun = 0; k < count; k++) {
      for (; begun < count && begun <= k + prefetch; begun++) {
        const indices = order.subarray(begun * batchSize, (begun + 1) * batchSize);
        const batch = last.then(() => loadBatch(samples, indices, options, () => stopped));
        batch.catch(() => undefined); // It is thrown when the batch is due.
        ahead.push(batch);
        last = batch;
      }
      yield await ahead.shift()!;
    }
  } finally {
    stopped = true;
  }
}

function orderOf(count: number, shuffle: Random | undefined): Uint32Array {
  return shuffle ? permutation(count, shuffle) : Uint32Array.from({ length: count }, (_, i) => i);
}

async function loadBatch(
  samples: readonly Sample[],
  indices: Uint32Array,
  { side, transform }: BatchOptions,
  isStopped: () => boolean,
): Promise<Batch> {
  const size = indices.length;
  const pixels = side * side;
  const images = new Float32Array(size * pixels * 3);
  const masks = new Float32Array(size * pixels);
  let synthetic: Survival | undefined;
  let next = 0;
  const loadSome = async () => {
    for (let i = next++; i < size && !isStopped(); i = next++) {
      const index = indices[i]!;
      const image = images.subarray(i * pixels * 3, (i + 1) * pixels * 3);
      const mask = masks.subarray(i * pixels, (i + 1) * pixels);
      const told = await transform(samples[index]!, index, image, mask);
      if (told) synthetic = sumOf(synthetic, told);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, size) }, loadSome));
  const chosen = Array.from(indices, (index) => samples[index]!);
  const labels = Uint8Array.from(chosen, ({ label }) => label);
  const paths = chosen.map(({ path }) => path);
  const rest = synthetic ? { synthetic } : {};
  return { size, side, images, masks, labels, paths, indices: indices.slice(), ...rest };
}

function sumOf(a: Survival = { painted: 0, survived: 0 }, b: Survival): Survival {
  return { painted: a.painted + b.painted, survived: a.survived + b.survived };
}
