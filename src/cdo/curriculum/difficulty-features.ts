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
import type { Batch } from "../../data/index.ts";
import type { DifficultyTask } from "./difficulty.ts";

/**
 * Unit vectors of all levels side by side, averaged down to the size of the coarsest, so that the squared distance of two locations
 * is the sum of the levels' discrepancies: `[N · P, C]`, `P` locations an image.
 */
function locations(levels: readonly Tensor[]): Tensor {
  const [, h, w] = (levels.at(-1) as Tensor).shape as [number, number, number];
  const same = levels.map((x) => adaptiveAvgPool2d(normalize(x), [h, w]));
  const all = same.length === 1 ? (same[0] as Tensor) : concat(same, -1);
  return reshape(all, [all.size / (all.shape[3] as number), all.shape[3] as number]);
}

/** Calls `use` on the locations of each batch in turn and gives what it returned, read back, with the place of each image. */
export async function* overLocations(
  { around: { device, set, features }, places }: DifficultyTask,
  use: (locations: Tensor, places: readonly number[]) => readonly Tensor[],
): AsyncGenerator<{ readonly places: readonly number[]; readonly read: readonly HostArray[] }> {
  let done = 0;
  for await (const batch of set.clean(places)) {
    const own = places.slice(done, done + batch.size);
    done += batch.size;
    const read = await device.read(() =>
      noGrad(() => use(locations(features(upload(batch))), own)),
    );
    yield { places: own, read };
  }

  function upload({ size, side, images }: Batch): Tensor {
    return device.tensor(images as Float32Array<ArrayBuffer>, [size, side, side, 3]);
  }
}
