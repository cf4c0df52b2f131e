/** How hard each normal image is, by the measure of a `DifficultyConfig`; larger is harder. */
import { permutation, seededRandom } from "../../data/index.ts";
import type { DifficultyConfig } from "./difficulty-config.ts";
import { knnDifficulties } from "./difficulty-knn.ts";
import { mahalanobisDifficulties } from "./difficulty-mahalanobis.ts";
import { pixelDifficulties } from "./difficulty-pixels.ts";
import { scoresOfPaths } from "./difficulty-scores.ts";
import type { Surroundings } from "./hook.ts";

export interface DifficultyTask {
  readonly around: Surroundings;
  /** The images, by their places in the list of training images. */
  readonly places: readonly number[];
  readonly seed: number;
}

/** Sets the draws apart from all others of the same seed. */
const randomTag = 0x64_69_66_66;

/**
 * One number for each place.
 * @throws LoupeError `data` when a list of scores lacks an image
 */
export async function difficulties(
  config: DifficultyConfig,
  task: DifficultyTask,
): Promise<readonly number[]> {
  const { around, places, seed } = task;
  switch (config.name) {
    case "teacher-knn":
      return knnDifficulties(task, config.bank ?? 0.05);
    case "teacher-mahalanobis":
      return mahalanobisDifficulties(task, config.shrinkage ?? 0.1);
    case "random":
      return [...permutation(places.length, seededRandom(seed, randomTag))];
    case "scores": {
      const paths = places.map((place) => around.set.samples[place]?.path ?? "");
      return scoresOfPaths(config.scores, paths);
    }
    default:
      return pixelDifficulties(task, config.name);
  }
}
