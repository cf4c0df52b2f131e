/** Ranking metrics of labels and scores under scikit-learn's names and definitions; exact, ties grouped. */
import { classCounts, type Labels, rankSamples } from "./labels.ts";
import { type BestF1, type Summary, summarise } from "./summary.ts";

/**
 * Area under the ROC curve (trapezoid, a tied pair counts one half): scikit-learn's `roc_auc_score`.
 * NaN when only one class is present. Throws `shape`, `data` or `numeric`.
 *
 * @example rocAucScore([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) // 0.75
 */
export function rocAucScore(yTrue: Labels, yScore: ArrayLike<number>): number {
  return summariseSamples("rocAucScore", yTrue, yScore).rocAuc;
}

/**
 * Step-wise average precision, sum of (R_k - R_(k-1)) P_k: scikit-learn's `average_precision_score`.
 * NaN (scikit-learn: 0 and a warning) when nothing is abnormal. Throws `shape`, `data` or `numeric`.
 *
 * @example averagePrecisionScore([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) // 0.8333333333333333
 */
export function averagePrecisionScore(yTrue: Labels, yScore: ArrayLike<number>): number {
  return summariseSamples("averagePrecisionScore", yTrue, yScore).averagePrecision;
}

/**
 * The largest F1 over all thresholds, with the threshold (abnormal means `score >= threshold`), precision and recall.
 * All NaN when nothing is abnormal. Throws `shape`, `data` or `numeric`.
 *
 * @example f1Max([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) // { f1: 0.8, threshold: 0.35, precision: 2/3, recall: 1 }
 */
export function f1Max(yTrue: Labels, yScore: ArrayLike<number>): BestF1 {
  return summariseSamples("f1Max", yTrue, yScore).best;
}

/** All image-level or flat pixel metrics at once; sorts once. */
export function summariseSamples(where: string, yTrue: Labels, yScore: ArrayLike<number>): Summary {
  const ranking = rankSamples(where, yTrue, yScore);
  return summarise(ranking, classCounts(ranking.owners), 1);
}
