/**
 * The memory bank C: what normal patches look like to the descriptor before it learns. Made once, by streaming the training images,
 * and never changed.
 *
 * "mean", as the authors' code: the average of φ at each position over all images; where γ_c > 1, its k-means centres.
 * "paper", Algorithm 1: C₀ are k-means centres of the first image's patches (the patches themselves where γ_c = 1), then each image i
 * moves every centre towards the patch of that image that is nearest to it, C ← C + (x_nearest − C) / (i + 1), i = 0, 1, ….
 * The paper's text was not at hand. That Algorithm 1 starts from k-means of the first sample and updates by nearest neighbours with a
 * moving average is known second-hand, of the update the reference's issues #3 and #12 tell; its rate is not known. This one lets all
 * images count alike, as the code's mean does.
 */
import {
  type Device,
  indexSelect,
  kmeans,
  map,
  mean,
  nearest,
  noGrad,
  type Rng,
  reshape,
  slice,
  type Tensor,
} from "../core/index.ts";
import type { Batch } from "../data/index.ts";
import { upload } from "../detector/index.ts";

export interface BankOptions {
  readonly device: Device;
  /** All training images. */
  readonly batches: AsyncIterable<Batch>;
  /** φ: from images `[n, H, W, 3]` to `[n, h, w, D]`; called without a graph, inside a scope. */
  readonly describe: (images: Tensor) => Tensor;
  /** N, at most h · w. */
  readonly centres: number;
  /** Draws the starts of k-means. */
  readonly rng: Rng;
}

/** scikit-learn's as the reference calls it, with one start, as from version 1.4 on; reference: older versions take the best of ten. */
const lloyd = { maxIterations: 3000, tolerance: 1e-4 } as const;

/**
 * The bank from averages over images.
 * reference: leaves out the images of the last batch when it is not full
 * @returns `[N, D]`, the caller's
 */
export function meanBank(options: BankOptions): Promise<Tensor> {
  return bankOf(options, async (slot) => {
    let seen = 0;
    for await (const batch of options.batches) {
      seen += batch.size;
      const share = batch.size / seen;
      slot.set((average) => {
        const own = mean(patchesOf(options, batch), 0);
        return average ? towards(average, own, share) : own;
      });
      await options.device.settle(); // or images would pile up
    }
    await compress(options, slot);
  });
}

/** The bank of Algorithm 1, see above; `[N, D]`, the caller's. */
export function paperBank(options: BankOptions): Promise<Tensor> {
  return bankOf(options, async (slot) => {
    let seen = 0;
    for await (const batch of options.batches) {
      using patches = new Slot(options.device);
      patches.set(() => patchesOf(options, batch));
      for (let i = 0; i < batch.size; i++) {
        const share = 1 / ++seen;
        slot.set((centres) => {
          const image = imageOf(patches.tensor, i);
          return centres ? moved(centres, image, share) : image;
        });
        if (seen === 1) await compress(options, slot);
      }
      await options.device.settle();
    }
  });
}

/** A tensor that is replaced by what is made of it. */
class Slot {
  readonly #device: Device;
  #tensor: Tensor | undefined;

  constructor(device: Device) {
    this.#device = device;
  }

  get tensor(): Tensor {
    return this.#tensor as Tensor;
  }

  set(make: (before: Tensor | undefined) => Tensor): void {
    const before = this.#tensor;
    this.#tensor = this.#device.scope(() => noGrad(() => make(before))).keep();
    before?.dispose();
  }

  [Symbol.dispose](): void {
    this.#tensor?.dispose();
  }
}

/** What `fill` leaves in the slot; nothing where it fails. */
async function bankOf(
  { device }: BankOptions,
  fill: (slot: Slot) => Promise<void>,
): Promise<Tensor> {
  using slot = new Slot(device);
  await fill(slot);
  return slot.tensor.view();
}

/** `[n, h · w, D]` of a batch. */
function patchesOf({ device, describe }: BankOptions, batch: Batch): Tensor {
  const phi = describe(upload(device, batch)[0]);
  const [n, h, w, d] = phi.shape as [number, number, number, number];
  return reshape(phi, [n, h * w, d]);
}

/** `[P, D]` of one image of `[n, P, D]`. */
function imageOf(patches: Tensor, i: number): Tensor {
  return reshape(slice(patches, 0, i, i + 1), patches.shape.slice(1));
}

/** Each centre this share of the way to the patch nearest to it. */
function moved(centres: Tensor, patches: Tensor, share: number): Tensor {
  const { indices } = nearest(centres, patches, 1, { squared: true, by: "product" });
  const found = reshape(indices, [indices.size]);
  return towards(centres, indexSelect(patches, 0, found), share);
}

function towards(c: Tensor, x: Tensor, share: number): Tensor {
  return map("cfa bank", { f: "c + (x - c) * T(p.share)" }, { c, x }, { share });
}

/** Where fewer centres than rows are wanted: the centres of the rows in place of them. */
async function compress({ centres, rng }: BankOptions, slot: Slot): Promise<void> {
  if (slot.tensor.shape[0] === centres) return;
  const found = await kmeans(slot.tensor, { clusters: centres, rng, ...lloyd });
  found.labels.dispose();
  slot.set(() => found.centres);
}
