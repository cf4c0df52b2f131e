/**
 * How far an image lies from the distribution of all of them: a Gaussian for each location, as in PaDiM (Defard et al., 2011.08785), and
 * the 99th percentile of the distances over the locations.
 *
 *   m(p)² = 1/C · Σ_c (x_pc − μ_pc)² / σ'²_pc,   σ'² = (1 − shrinkage) · σ²_pc + shrinkage · mean_c σ²_pc
 *
 * // reference: PaDiM has a full covariance of 100 to 550 channels; independent channels need no inversion and no choice of them
 */
import { map, mean, reshape, sqrt, square, sum, type Tensor } from "../../core/index.ts";
import type { DifficultyTask } from "./difficulty.ts";
import { Locations } from "./difficulty-features.ts";
import { ascending, quantile } from "./order-statistics.ts";

/** Keeps a location that is the same in all images from dividing by 0; features are unit vectors. */
const leastVariance = 1e-8;

export async function mahalanobisDifficulties(
  task: DifficultyTask,
  shrinkage: number,
): Promise<readonly number[]> {
  const locations = new Locations(task);
  const { mean: mu, inverse, channels } = await gaussian(task, locations, shrinkage);
  const { device } = task.around;
  const shape = [1, mu.length / channels, channels];
  const [m, s] = [device.tensor(mu, shape).keep(), device.tensor(inverse, shape).keep()];
  try {
    const use = (rows: Tensor, places: readonly number[]) => {
      const x = reshape(rows, [places.length, ...shape.slice(1)]);
      const f = "(x - m) * (x - m) * s";
      return [sqrt(mean(map("mahalanobis", { f }, { x, m, s }), 2))];
    };
    const scores: number[] = [];
    for await (const { places, read } of locations.over(use)) {
      const all = read[0] as Float32Array;
      const each = all.length / places.length;
      places.forEach((_, i) => {
        scores.push(quantile(ascending([...all.subarray(i * each, (i + 1) * each)]), 0.99));
      });
    }
    return scores;
  } finally {
    m.dispose();
    s.dispose();
  }
}

interface Gaussian {
  /** `[P · C]` */
  readonly mean: Float32Array<ArrayBuffer>;
  /** 1/σ'² `[P · C]`. */
  readonly inverse: Float32Array<ArrayBuffer>;
  readonly channels: number;
}

/** Sums of a batch are made on the GPU, and added up in double precision. */
async function gaussian(
  task: DifficultyTask,
  locations: Locations,
  shrinkage: number,
): Promise<Gaussian> {
  let channels = 0;
  let sums = new Float64Array();
  let squares = new Float64Array();
  const use = (rows: Tensor, places: readonly number[]) => {
    channels = rows.shape[1] as number;
    const x = reshape(rows, [places.length, rows.size / places.length]);
    return [sum(x, 0), sum(square(x), 0)];
  };
  for await (const { read } of locations.over(use)) {
    const [s, q] = read as [Float32Array, Float32Array];
    if (sums.length === 0) [sums, squares] = [new Float64Array(s), new Float64Array(q)];
    else
      s.forEach((v, i) => {
        sums[i] = (sums[i] as number) + v;
        squares[i] = (squares[i] as number) + (q[i] as number);
      });
  }
  const n = task.places.length;
  const average = sums.map((v) => v / n);
  const variance = squares.map((v, i) => Math.max(0, v / n - (average[i] as number) ** 2));
  const inverse = new Float32Array(variance.length);
  for (let at = 0; at < variance.length; at += channels) {
    const own = variance.subarray(at, at + channels);
    const shared = (shrinkage * own.reduce((a, b) => a + b, 0)) / channels + leastVariance;
    own.forEach((v, c) => {
      inverse[at + c] = 1 / ((1 - shrinkage) * v + shared);
    });
  }
  return { mean: Float32Array.from(average), inverse, channels };
}
