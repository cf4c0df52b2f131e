/**
 * How unlike all other images the expert finds an image: the mean over its locations of the distance to the nearest one of a bank, a
 * random share of the locations of all images, in which those of the image itself don't count. It stands in for transfer scoring
 * (Weinshall et al., 1802.03796), which needs labels.
 */
import {
  cdist,
  indexSelect,
  map,
  mean,
  min,
  minimum,
  reshape,
  slice,
  type Tensor,
} from "../../core/index.ts";
import { permutation, seededRandom } from "../../data/index.ts";
import type { DifficultyTask } from "./difficulty.ts";
import { Locations } from "./difficulty-features.ts";

/** Distances that are held at once. */
const mostDistances = 2 ** 22;
/** Locations in the bank: cost grows with it, the ranking hardly changes. */
const mostRows = 4096;
/** Sets the draws apart from all others of the same seed. */
const tag = 0x6b_6e_6e;

/** @param share of all locations that make up the bank */
export async function knnDifficulties(
  task: DifficultyTask,
  share: number,
): Promise<readonly number[]> {
  if (task.places.length < 2) return task.places.map(() => 0); // there are no others
  const locations = new Locations(task);
  const bank = await collectBank(task, locations, share);
  try {
    const scores: number[] = [];
    const use = (rows: Tensor, own: readonly number[]) => [meanNearest(rows, own, bank)];
    for await (const { read } of locations.over(use)) scores.push(...(read[0] as Float32Array));
    return scores;
  } finally {
    bank.rows.dispose();
    bank.owners.dispose();
  }
}

interface Bank {
  /** `[B, C]` */
  readonly rows: Tensor;
  /** Place of the image each is from, `[1, B]`. */
  readonly owners: Tensor;
}

async function collectBank(
  task: DifficultyTask,
  locations: Locations,
  share: number,
): Promise<Bank> {
  const { around, places, seed } = task;
  const chosen = new Set(
    permutation(places.length, seededRandom(seed, tag))
      .subarray(0, mostRows)
      .toSorted()
      .map((i) => places[i] as number),
  );
  const parts: Float32Array[] = [];
  const owners: number[] = [];
  let width = 0;
  const use = (rows: Tensor, own: readonly number[]) => {
    const each = (rows.shape[0] as number) / own.length;
    const count = Math.min(
      Math.max(1, Math.round(share * each)),
      Math.max(1, Math.floor(mostRows / places.length)),
    );
    const picked = own.flatMap((place, i) => {
      if (!chosen.has(place)) return [];
      owners.push(...Array<number>(count).fill(place));
      const some = permutation(each, seededRandom(seed, place, tag)).subarray(0, count);
      return Array.from(some, (k) => i * each + k);
    });
    width = rows.shape[1] as number;
    return [indexSelect(rows, 0, picked)];
  };
  for await (const { read } of locations.over(use)) parts.push(read[0] as Float32Array);
  const rows = new Float32Array(owners.length * width);
  let at = 0;
  for (const part of parts) {
    rows.set(part, at);
    at += part.length;
  }
  const { device } = around;
  return {
    rows: device.tensor(rows, [owners.length, width]).keep(),
    owners: device.tensor(owners, [1, owners.length]).keep(),
  };
}

/** Mean over the rows of each image of the distance to the nearest row of the bank that is another's: `[N]`. */
function meanNearest(rows: Tensor, places: readonly number[], bank: Bank): Tensor {
  const [count, total] = [rows.shape[0] as number, bank.rows.shape[0] as number];
  const each = count / places.length;
  const list = places.flatMap((place) => Array<number>(each).fill(place));
  const a = rows.device.tensor(list, [count, 1]);
  const step = Math.max(64, Math.floor(mostDistances / count / 64) * 64);
  let nearest: Tensor | undefined;
  for (let first = 0; first < total; first += step) {
    const end = Math.min(total, first + step);
    const part = rows.device.scope(() => {
      const d = cdist(rows, slice(bank.rows, 0, first, end));
      const args = { d, a, b: slice(bank.owners, 1, first, end) };
      return min(map("others", { f: "select(d, T(1e30), a == b)" }, args), 1);
    });
    nearest = nearest ? minimum(nearest, part) : part;
  }
  return mean(reshape(nearest as Tensor, [places.length, each]), 1);
}
