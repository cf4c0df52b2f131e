/**
 * The exact metrics of a ranking in one descending walk over its tied groups. With P abnormal and N normal scores, and
 * TP, FP counted at each group's threshold (score >= threshold):
 *
 *   ROC AUC = sum dTP (N - FP0 - dFP/2) / (P N)          trapezoid, ties one straight segment
 *   AP      = sum dTP/P * TP / (TP + FP)                 step-wise, as scikit-learn's
 *   F1      = max 2 TP / (TP + FP + P)
 *   AUPRO   = mean over regions of the area under its overlap curve up to FP = L, over L, with L = limit * N
 *
 * Each area is the sum, over abnormal scores, of the width to their right, so sums stay in (half) integers and nothing
 * drifts over millions of pixels.
 */
import { type Ranking, scoreAt, tieStart } from "./ranking.ts";

/** The best F1 and where it is reached; all NaN when nothing is abnormal. */
export interface BestF1 {
  readonly f1: number;
  /** Abnormal means `score >= threshold`. Of equal F1, the lowest threshold (scikit-learn's curve order, argmax). */
  readonly threshold: number;
  readonly precision: number;
  readonly recall: number;
}

export interface Summary {
  readonly positives: number;
  readonly negatives: number;
  /** NaN unless both classes are present. */
  readonly rocAuc: number;
  /** NaN when nothing is abnormal. */
  readonly averagePrecision: number;
  readonly best: BestF1;
  /** NaN unless both classes are present. */
  readonly aupro: number;
}

/** `areas[r]` is the number of scores of region r (entry 0: normal ones); `fprLimit` in (0, 1]. */
export function summarise(ranking: Ranking, areas: Float64Array, fprLimit: number): Summary {
  const { owners, size } = ranking;
  const negatives = areas[0]!;
  const positives = size - negatives;
  const limit = fprLimit * negatives;
  const inRegion = new Float64Array(areas.length);
  let tp = 0;
  let fp = 0;
  let area = 0;
  let precisionSum = 0;
  let bestF1 = 0;
  let best = { at: -1, tp: 0, fp: 0 };
  for (let end = size; end > 0; ) {
    const start = tieStart(ranking, end);
    let hits = 0;
    for (let i = start; i < end; i++) if (owners[i] !== 0) hits++;
    const misses = end - start - hits;
    if (hits > 0) {
      area += hits * (negatives - fp - misses / 2);
      const width = widthRightOf(fp, misses, limit);
      if (width > 0) {
        for (let i = start; i < end; i++) inRegion[owners[i]!]! += width;
      }
      precisionSum += hits * ((tp + hits) / (tp + hits + fp + misses));
    }
    tp += hits;
    fp += misses;
    const f1 = (2 * tp) / (tp + fp + positives);
    if (f1 >= bestF1 && tp > 0) {
      bestF1 = f1;
      best = { at: start, tp, fp };
    }
    end = start;
  }
  const bothClasses = positives > 0 && negatives > 0;
  return {
    positives,
    negatives,
    rocAuc: bothClasses ? area / positives / negatives : Number.NaN,
    averagePrecision: precisionSum / positives,
    best: bestOf(ranking, best, positives, bestF1),
    aupro: bothClasses ? meanOverRegions(inRegion, areas) / limit : Number.NaN,
  };
}

/**
 * How much of the axis from 0 to `limit` lies right of a score in a group where FP goes from `fp` to `fp + misses`:
 * the group is a straight segment, cut at the limit by linear interpolation.
 */
function widthRightOf(fp: number, misses: number, limit: number): number {
  if (fp >= limit) return 0;
  if (fp + misses <= limit) return limit - fp - misses / 2;
  return (limit - fp) ** 2 / (2 * misses);
}

function meanOverRegions(inRegion: Float64Array, areas: Float64Array): number {
  let sum = 0;
  for (let r = 1; r < areas.length; r++) sum += inRegion[r]! / areas[r]!;
  return sum / (areas.length - 1);
}

function bestOf(
  ranking: Ranking,
  { at, tp, fp }: { at: number; tp: number; fp: number },
  positives: number,
  f1: number,
): BestF1 {
  if (at < 0) {
    return { f1: Number.NaN, threshold: Number.NaN, precision: Number.NaN, recall: Number.NaN };
  }
  return { f1, threshold: scoreAt(ranking, at), precision: tp / (tp + fp), recall: tp / positives };
}
