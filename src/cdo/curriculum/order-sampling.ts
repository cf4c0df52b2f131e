/** From the part of a ranking that an epoch may draw from to the order of the epoch: always as many images, some more than once. */
import { permutation, type Random } from "../../data/index.ts";
import { type Selection, softWeights } from "./order-pacing.ts";

/**
 * `length` places of the ranking.
 * @param ranking places, the first rank first
 */
export function drawOrder(
  ranking: Uint32Array,
  selection: Selection,
  length: number,
  random: Random,
): Uint32Array {
  if ("decay" in selection) return drawSoftly(ranking, selection.decay, length, random);
  return repeated(ranking.subarray(selection.from, selection.to), length, random);
}

/** All of them in a random order, then all in another, until there are enough: none comes twice more than another. */
function repeated(places: Uint32Array, length: number, random: Random): Uint32Array {
  const order = new Uint32Array(length);
  for (let done = 0; done < length; done += places.length) {
    const round = permutation(places.length, random).subarray(0, length - done);
    round.forEach((i, k) => {
      order[done + k] = places[i] as number;
    });
  }
  return order;
}

/** Systematic sampling: each as often as expected, rounded up or down by one draw for all; then shuffled. */
function drawSoftly(
  ranking: Uint32Array,
  decay: number,
  length: number,
  random: Random,
): Uint32Array {
  const weights = softWeights(decay, ranking.length);
  const total = weights.reduce((a, b) => a + b, 0);
  const start = random.uniform();
  const chosen = new Uint32Array(length);
  let [rank, passed] = [0, weights[0] as number];
  for (let k = 0; k < length; k++) {
    const mark = ((k + start) / length) * total;
    while (passed <= mark && rank < ranking.length - 1) passed += weights[++rank] as number;
    chosen[k] = ranking[rank] as number;
  }
  return permutation(length, random).map((k) => chosen[k] as number);
}

/** Puts `others`, shuffled, at random places between the elements of `order`. */
export function mixed(order: Uint32Array, others: Uint32Array, random: Random): Uint32Array {
  if (others.length === 0) return order;
  const all = new Uint32Array(order.length + others.length);
  const taken = new Set(permutation(all.length, random).subarray(0, others.length));
  const shuffled = permutation(others.length, random);
  let [a, b] = [0, 0];
  for (let k = 0; k < all.length; k++) {
    all[k] = (taken.has(k) ? others[shuffled[b++] as number] : order[a++]) as number;
  }
  return all;
}
