/**
 * Where to draw the line between normal and abnormal images. Every policy means `score >= threshold` is abnormal, and
 * none falls back to another: a policy that its data can't support throws.
 */
import { LoupeError } from "../error.ts";
import { type Labels, readScores } from "./labels.ts";
import { summariseSamples } from "./scores.ts";
import type { BestF1 } from "./summary.ts";

/** The threshold of the best F1, and what to tell the user about it. */
export interface F1Threshold extends BestF1 {
  readonly warnings: readonly string[];
}

/**
 * The threshold of the largest F1 (scikit-learn's precision-recall curve; of equal F1 the lowest). Needs both classes:
 * with one class every choice is arbitrary, so that throws `data`. Throws `shape`, `data` or `numeric`.
 */
export function maxF1Threshold(labels: Labels, scores: ArrayLike<number>): F1Threshold {
  const { best, positives, negatives } = summariseSamples("maxF1Threshold", labels, scores);
  if (positives === 0 || negatives === 0) {
    throw new LoupeError(
      "data",
      `maxF1Threshold: needs normal and abnormal images, got ${negatives} normal and ${positives} abnormal; ` +
        "use quantileThreshold on the scores of normal images, or set a threshold",
    );
  }
  const all = positives + negatives;
  const called = Math.round((best.recall * positives) / best.precision);
  const warnings =
    called === all
      ? [
          `maxF1Threshold: the best F1 (${best.f1.toFixed(4)}) calls all ${all} images abnormal: the scores do not ` +
            "separate the classes; don't use this threshold to inspect",
        ]
      : [];
  return { ...best, warnings };
}

/**
 * The q-quantile of the scores of normal images (numpy's default, linear between order statistics): about a share
 * 1 - q of normal images will be called abnormal. At q = 1 this is the highest normal score, which itself still counts
 * as abnormal. Throws `config`, `data` or `numeric`.
 *
 * @example quantileThreshold([1, 2, 3, 4], 0.5) // 2.5
 */
export function quantileThreshold(scoresOfGood: ArrayLike<number>, q: number): number {
  if (!(q >= 0 && q <= 1)) {
    throw new LoupeError("config", `quantileThreshold: q must be from 0 to 1, got ${q}`);
  }
  if (scoresOfGood.length === 0) {
    throw new LoupeError(
      "data",
      "quantileThreshold: needs the score of at least one normal image, got none",
    );
  }
  const sorted = Float64Array.from(readScores("quantileThreshold", scoresOfGood)).sort();
  const at = q * (sorted.length - 1);
  const below = Math.floor(at);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (at - below);
}
