/**
 * k-means as scikit-learn's `KMeans` does it: first centres by k-means++, then Lloyd's iterations. Rows are centred first, so that sums
 * keep their digits.
 */
import { LoupeError } from "../error.ts";
import { noGrad } from "./autograd.ts";
import { lloyd } from "./kmeans-lloyd.ts";
import { startRows } from "./kmeans-start.ts";
import { show } from "./launch.ts";
import { add, cast, mean, sub, variance } from "./ops/index.ts";
import type { Rng } from "./rng.ts";
import type { Tensor } from "./tensor.ts";

export interface KmeansOptions {
  /** K, from 1 to the number of rows. */
  readonly clusters: number;
  /** Draws the first centres by k-means++. Either this or `initial`. */
  readonly rng?: Rng;
  /** The first centres, `[K, D]`. */
  readonly initial?: Tensor;
  /** Default 300. */
  readonly maxIterations?: number;
  /** Done when the centres' squared moves sum to at most this times the mean variance of a column. Default 1e-4. */
  readonly tolerance?: number;
  /** So many times anew, from other first centres; the one of smallest inertia stays. Default 1. */
  readonly restarts?: number;
}

/** Tensors are the caller's. */
export interface Kmeans {
  /** `[K, D]`, f32. */
  readonly centres: Tensor;
  /** The nearest centre of each row, `[P]`, i32. */
  readonly labels: Tensor;
  /** The sum of the squared distances of rows to their centres. */
  readonly inertia: number;
  readonly iterations: number;
}

/**
 * Groups rows `[P, D]`, f32 or f16, around K centres. The same rows and seed give the same bits. A centre without rows moves to the row
 * that is farthest from its own. Where there are fewer different rows than K, some centres are equal.
 * @throws LoupeError `config` for numbers that don't fit, `shape` for tensors, `numeric` when a row or first centre holds NaN or infinity
 * @example const { centres } = await kmeans(rows, { clusters: 8, rng: new Rng(42) });
 */
export async function kmeans(rows: Tensor, options: KmeansOptions): Promise<Kmeans> {
  check(rows, options);
  const { clusters, rng, initial, tolerance = 1e-4, maxIterations = 300 } = options;
  const { device } = rows;
  const centred = device.scope(() =>
    noGrad(() => {
      const wide = cast(rows, "f32");
      const middle = mean(wide, 0);
      const x = sub(wide, middle);
      const offset = initial && mean(sub(cast(initial, "f32"), middle));
      return { middle, x, spread: mean(variance(x, 0, { correction: 0 })), offset };
    }),
  );
  const { middle, x, spread, offset } = centred;
  let best: Kmeans | undefined;
  try {
    const most = tolerance * (await spread.item());
    if (!Number.isFinite(most)) throw notFinite("the variance of rows", rows);
    if (initial && !Number.isFinite(await offset?.item()))
      throw notFinite("the mean of initial", initial);
    for (let start = 0; start < (initial ? 1 : (options.restarts ?? 1)); start++) {
      const begin = () =>
        initial ? sub(cast(initial, "f32"), middle) : startRows(x, clusters, rng as Rng);
      const found = await lloyd(
        x,
        device.scope(() => noGrad(begin)),
        most,
        maxIterations,
      );
      const better = !best || found.inertia < best.inertia;
      discard(better ? best : found);
      if (better) best = found;
    }
    const { centres, ...rest } = best as Kmeans;
    const placed = device.scope(() => noGrad(() => add(centres, middle)));
    centres.dispose();
    return { centres: placed, ...rest };
  } catch (error) {
    discard(best);
    throw error;
  } finally {
    for (const t of [middle, x, spread, offset]) t?.dispose();
  }
}

function check(rows: Tensor, options: KmeansOptions): void {
  const { clusters, rng, initial, maxIterations = 300, tolerance = 1e-4, restarts = 1 } = options;
  const [count, width] = rows.shape as [number, number];
  if (rows.shape.length !== 2 || width === 0) {
    throw new LoupeError("shape", `kmeans: rows must be [P, D], got ${show(rows.shape)}`);
  }
  for (const [name, value] of Object.entries({ clusters, maxIterations, restarts })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new LoupeError("config", `kmeans: ${name} must be a whole number from 1, got ${value}`);
  }
  if (clusters > count) {
    throw new LoupeError("config", `kmeans: ${clusters} clusters of ${count} rows; ask for fewer`);
  }
  if (!(tolerance >= 0)) {
    throw new LoupeError("config", `kmeans: tolerance must be at least 0, got ${tolerance}`);
  }
  if ((rng === undefined) === (initial === undefined)) {
    throw new LoupeError("config", "kmeans: needs either rng or initial");
  }
  if (initial && initial.shape.join() !== [clusters, width].join()) {
    const text = `initial must be ${show([clusters, width])}, got ${show(initial.shape)}`;
    throw new LoupeError("shape", `kmeans: ${text}`);
  }
}

function notFinite(what: string, { shape }: Tensor): LoupeError {
  const text = `${what} ${show(shape)} is not a finite number`;
  return new LoupeError("numeric", `kmeans: ${text}; look for NaN, infinity or huge numbers`);
}

function discard(found: Kmeans | undefined): void {
  found?.centres.dispose();
  found?.labels.dispose();
}
