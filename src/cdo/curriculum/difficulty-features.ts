/** What the expert sees at each location of the coarsest of its maps, for measures of how unusual an image is. */
import {
  adaptiveAvgPool2d,
  concat,
  type HostArray,
  noGrad,
  normalize,
  reshape,
  type Tensor,
} from "../../core/index.ts";
import type { DifficultyTask } from "./difficulty.ts";

/** Locations along each side of an image. */
const mostLocations = 32;
/** Of features that are kept from one pass over the images to the next, which then needs no network. */
const mostKept = 2 ** 28;

/** From the locations of a batch `[N · P, C]` and the places of its images to tensors that are read back. */
export type UseLocations = (rows: Tensor, places: readonly number[]) => readonly Tensor[];

/** What was read back of a batch. */
interface Read {
  readonly places: readonly number[];
  readonly read: readonly HostArray[];
}

interface KeptBatch {
  readonly places: readonly number[];
  readonly rows: Float32Array<ArrayBuffer>;
  readonly shape: readonly number[];
}

/** The locations of all images, a batch at a time, as often as they are asked for. */
export class Locations {
  readonly #task: DifficultyTask;
  /** Of the batches in turn, unless they are too many. */
  #kept: KeptBatch[] = [];

  constructor(task: DifficultyTask) {
    this.#task = task;
  }

  async *over(use: UseLocations): AsyncGenerator<Read> {
    const kept = this.#kept;
    if (kept.length === 0) return yield* this.#look(use);
    const { device } = this.#task.around;
    for (const { places, rows, shape } of kept) {
      const read = await device.read(() => noGrad(() => use(device.tensor(rows, shape), places)));
      yield { places, read };
    }
  }

  async *#look(use: UseLocations): AsyncGenerator<Read> {
    const { around, places } = this.#task;
    const { device, set, features } = around;
    const kept: KeptBatch[] = [];
    let [done, bytes] = [0, 0];
    for await (const { size, side, images } of set.clean(places)) {
      const own = places.slice(done, done + size);
      done += size;
      let shape: readonly number[] = [];
      const [rows, ...read] = await device.read(() =>
        noGrad(() => {
          const x = device.tensor(images as Float32Array<ArrayBuffer>, [size, side, side, 3]);
          const all = locationsOf(features(x));
          shape = all.shape;
          return [all, ...use(all, own)];
        }),
      );
      bytes += (rows as Float32Array).byteLength;
      if (bytes > mostKept) kept.length = 0;
      else kept.push({ places: own, rows: rows as Float32Array<ArrayBuffer>, shape });
      yield { places: own, read };
    }
    if (bytes <= mostKept) this.#kept = kept;
  }
}

/**
 * Unit vectors of all levels side by side, averaged down to the size of the coarsest (32 × 32 at most), so that the squared distance of two locations
 * is the sum of the levels' discrepancies: `[N · P, C]`, P locations an image.
 */
function locationsOf(levels: readonly Tensor[]): Tensor {
  const [, h, w] = (levels.at(-1) as Tensor).shape as [number, number, number];
  const size = [Math.min(h, mostLocations), Math.min(w, mostLocations)] as const;
  const same = levels.map((x) => adaptiveAvgPool2d(normalize(x), size));
  const all = same.length === 1 ? (same[0] as Tensor) : concat(same, -1);
  const channels = all.shape[3] as number;
  return reshape(all, [all.size / channels, channels]);
}
