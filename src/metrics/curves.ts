/** The curves behind the ranking metrics, one point per distinct score: scikit-learn's `roc_curve` and `precision_recall_curve`. */
import { type Labels, rankSamples } from "./labels.ts";
import { type Ranking, scoreAt, tieStart } from "./ranking.ts";

/** Points from the highest threshold to the lowest. */
export interface RocCurve {
  readonly fpr: Float64Array;
  readonly tpr: Float64Array;
  /** The first is Infinity: nothing is called abnormal. */
  readonly thresholds: Float64Array;
}

/** Points from the lowest threshold to the highest; a last point (precision 1, recall 0) has no threshold. */
export interface PrecisionRecallCurve {
  readonly precision: Float64Array;
  readonly recall: Float64Array;
  readonly thresholds: Float64Array;
}

/**
 * The ROC curve. `dropIntermediate` leaves out points that lie on the line between their neighbours, as scikit-learn
 * does. An axis whose class is missing is NaN. Throws `shape`, `data` or `numeric`.
 *
 * @example rocCurve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).fpr // [0, 0, 0.5, 0.5, 1]
 */
export function rocCurve(
  yTrue: Labels,
  yScore: ArrayLike<number>,
  { dropIntermediate = true }: { readonly dropIntermediate?: boolean } = {},
): RocCurve {
  const { tp, fp, scores } = countsByThreshold(rankSamples("rocCurve", yTrue, yScore));
  const last = scores.length - 1;
  const kept = Uint32Array.from(scores.keys()).filter(
    (k) => !dropIntermediate || k === 0 || k === last || bends(fp, k) || bends(tp, k),
  );
  const axis = (count: Float64Array) =>
    Float64Array.from({ length: kept.length + 1 }, (_, i) => {
      return (i === 0 ? 0 : count[kept[i - 1]!]!) / count[last]!;
    });
  const thresholds = Float64Array.from({ length: kept.length + 1 }, (_, i) => {
    return i === 0 ? Number.POSITIVE_INFINITY : scores[kept[i - 1]!]!;
  });
  return { fpr: axis(fp), tpr: axis(tp), thresholds };
}

/**
 * Precision and recall at every distinct score. Recall is NaN (scikit-learn: 1 and a warning) when nothing is abnormal.
 * Throws `shape`, `data` or `numeric`.
 *
 * @example precisionRecallCurve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).precision // [0.5, 2/3, 0.5, 1, 1]
 */
export function precisionRecallCurve(
  yTrue: Labels,
  yScore: ArrayLike<number>,
): PrecisionRecallCurve {
  const { tp, fp, scores } = countsByThreshold(rankSamples("precisionRecallCurve", yTrue, yScore));
  const n = scores.length;
  const positives = tp[n - 1]!;
  const precision = new Float64Array(n + 1);
  const recall = new Float64Array(n + 1);
  for (let k = 0; k < n; k++) {
    precision[n - 1 - k] = tp[k]! / (tp[k]! + fp[k]!);
    recall[n - 1 - k] = tp[k]! / positives;
  }
  precision[n] = 1;
  return { precision, recall, thresholds: scores.reverse() };
}

interface Counts {
  readonly tp: Float64Array;
  readonly fp: Float64Array;
  readonly scores: Float64Array;
}

/** TP and FP at each distinct score, from the highest down. */
function countsByThreshold(ranking: Ranking): Counts {
  let groups = 0;
  for (let end = ranking.size; end > 0; end = tieStart(ranking, end)) groups++;
  const tp = new Float64Array(groups);
  const fp = new Float64Array(groups);
  const scores = new Float64Array(groups);
  let hits = 0;
  for (let end = ranking.size, k = 0; end > 0; k++) {
    const start = tieStart(ranking, end);
    for (let i = start; i < end; i++) if (ranking.owners[i] !== 0) hits++;
    tp[k] = hits;
    fp[k] = ranking.size - start - hits;
    scores[k] = scoreAt(ranking, start);
    end = start;
  }
  return { tp, fp, scores };
}

function bends(counts: Float64Array, k: number): boolean {
  return counts[k + 1]! - counts[k]! !== counts[k]! - counts[k - 1]!;
}
