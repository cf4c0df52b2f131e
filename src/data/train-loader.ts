/**
 * Makes the training items of a whole run: one memory for decoded images over all epochs, and on request threads beside
 * the one that trains. Items are the same bits with any number of threads.
 */
import { startWorkers } from "#codec";
import { LoupeError } from "../error.ts";
import { imageCache } from "./cache.ts";
import type { Synthesis } from "./synthesis/synthesis.ts";
import { type TrainOptions, type Transform, trainTransform, withSynthesis } from "./transforms.ts";

/** As for `trainTransform`, for all epochs. */
export type LoaderOptions = Omit<TrainOptions, "epoch" | "cache" | "onFrame"> & {
  /** Threads that load; 0 (default) loads in this one, as a page always does. See `usefulWorkers`. */
  readonly workers?: number;
  /** How much memory decoded images may take, in bytes; default 512 MiB. */
  readonly cacheBytes?: number;
};

/** The items of each epoch. `close` ends the threads. */
export type TrainLoader = {
  /** `synthesis`: of this epoch, instead of the one that `anomalies` has. */
  readonly transform: (epoch: number, synthesis?: Synthesis) => Transform;
  readonly close: () => Promise<void>;
};

/**
 * Starts loading for a run. Throws `LoupeError("config")` for a number of workers that is not whole, or workers
 * together with `read`, which can't leave its thread.
 */
export function trainLoader(options: LoaderOptions): TrainLoader {
  const { workers = 0, cacheBytes = 512 * 2 ** 20, report, read, ...shared } = options;
  if (!Number.isSafeInteger(workers) || workers < 0 || workers > 64) {
    throw new LoupeError("config", `workers: must be a whole number of 0 to 64, got ${workers}`);
  }
  if (workers > 0 && read) {
    throw new LoupeError(
      "config",
      "workers: they read files themselves; leave out read or workers",
    );
  }
  trainTransform({ ...shared, epoch: 0 }); // Checks the options here, not in a thread.
  const threads = workers > 0 ? startWorkers(workers, shared, cacheBytes, report) : undefined;
  if (threads) return threads;
  const cache = imageCache(cacheBytes);
  const rest = { ...(report ? { report } : {}), ...(read ? { read } : {}) };
  return {
    transform: (epoch, synthesis) =>
      trainTransform({ ...withSynthesis(shared, synthesis), ...rest, epoch, cache }),
    close: () => Promise.resolve(),
  };
}
