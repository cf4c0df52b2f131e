/**
 * Lloyd's iterations: each row joins its nearest centre, each centre becomes the mean of its rows. What is in order where centres have
 * no rows is decided on the host, which reads labels and distances once in an iteration.
 */
import { noGrad } from "./autograd.ts";
import type { Kmeans } from "./kmeans.ts";
import { concat, div, indexAdd, indexSelect, nearest, neg, square, sub, sum } from "./ops/index.ts";
import type { Tensor } from "./tensor.ts";

/** Where each row belongs. */
interface Assigned {
  readonly labels: Tensor;
  readonly places: Int32Array;
  /** Squared, `[P]`. */
  readonly distances: Float32Array;
}

/**
 * From the first centres, which it takes over, until no row changes its centre, the centres' squared moves sum to at most `tolerance`,
 * or so many iterations are done.
 */
export async function lloyd(
  x: Tensor,
  start: Tensor,
  tolerance: number,
  maxIterations: number,
): Promise<Kmeans> {
  let centres = start;
  let before: Int32Array | undefined;
  let [iterations, moved, same] = [0, Number.POSITIVE_INFINITY, false];
  while (iterations < maxIterations && !same && !(moved <= tolerance)) {
    const assigned = await assign(x, centres);
    const old = centres;
    const [next, shift] = x.device.scope(() => noGrad(() => means(x, old, assigned)));
    assigned.labels.dispose();
    old.dispose();
    centres = next;
    moved = await shift.item();
    shift.dispose();
    same = before?.every((place, row) => place === assigned.places[row]) ?? false;
    before = assigned.places;
    iterations++;
  }
  const { labels, distances } = await assign(x, centres);
  return { centres, labels, inertia: distances.reduce((a, b) => a + b, 0), iterations };
}

async function assign(x: Tensor, centres: Tensor): Promise<Assigned> {
  const { values, labels } = x.device.scope(() =>
    noGrad(() => {
      const found = nearest(x, centres, 1, { squared: true, by: "product" });
      return { values: found.values, labels: found.indices.view([x.shape[0] as number]) };
    }),
  );
  const [distances, places] = await Promise.all([values.data(), labels.data()]);
  values.dispose();
  return { labels, places: places as Int32Array, distances: distances as Float32Array };
}

/** The means of the rows of each centre, and the sum of the squared moves. */
function means(
  x: Tensor,
  centres: Tensor,
  { labels, places, distances }: Assigned,
): [Tensor, Tensor] {
  const { device } = x;
  const clusters = centres.shape[0] as number;
  const counts = new Float32Array(clusters);
  for (const place of places) counts[place] = (counts[place] as number) + 1;
  const sums = indexAdd(device.zeros(centres.shape), 0, labels, x);
  const filled = filledFrom(x, sums, counts, places, distances);
  const divisors = device.tensor(
    counts.map((n) => Math.max(1, n)),
    [clusters, 1],
  );
  const averages = div(filled, divisors);
  // reference: what still has no rows goes to the largest cluster, as there
  const largest = counts.indexOf(Math.max(...counts));
  const next = counts.includes(0)
    ? indexSelect(
        averages,
        0,
        Array.from(counts, (n, i) => (n > 0 ? i : largest)),
      )
    : averages;
  return [next, sum(square(sub(next, centres)))];
}

/** The sums with the farthest rows handed over to clusters that have none; `counts` follows. */
function filledFrom(
  x: Tensor,
  sums: Tensor,
  counts: Float32Array,
  places: Int32Array,
  distances: Float32Array,
): Tensor {
  const empty = Array.from(counts.keys()).filter((i) => counts[i] === 0);
  if (empty.length === 0 || distances.every((d) => d === 0)) return sums;
  const order = Array.from(distances.keys());
  const farthest = order
    .sort((p, q) => (distances[q] as number) - (distances[p] as number) || p - q)
    .slice(0, empty.length);
  const givers = farthest.map((row) => places[row] as number);
  farthest.forEach((_, i) => {
    const [giver, taker] = [givers[i] as number, empty[i] as number];
    counts[giver] = (counts[giver] as number) - 1;
    counts[taker] = 1;
  });
  const taken = indexSelect(x, 0, farthest);
  return indexAdd(sums, 0, [...givers, ...empty], concat([neg(taken), taken], 0));
}
