/** The checked form of labels and scores, one pair a sample, for the metrics that know nothing of pixels. */
import { LoupeError } from "../error.ts";
import type { FloatArray } from "./pixels.ts";
import { type Ranking, rank } from "./ranking.ts";

/** 0, 1, false or true for each sample; 1 is abnormal. */
export type Labels = ArrayLike<number | boolean>;

/** One byte per label. Throws `data` if one is neither 0 nor 1. */
export function readLabels(where: string, labels: Labels): Uint8Array {
  return Uint8Array.from({ length: labels.length }, (_, i) => {
    const label = Number(labels[i]);
    if (label !== 0 && label !== 1) {
      throw new LoupeError(
        "data",
        `${where}: labels must be 0 or 1, got ${labels[i]} at index ${i}`,
      );
    }
    return label;
  });
}

/** Float32 scores stay float32, all others become float64. Throws `numeric` on NaN and infinity. */
export function readScores(where: string, scores: ArrayLike<number>): FloatArray {
  const values =
    scores instanceof Float32Array || scores instanceof Float64Array
      ? scores
      : Float64Array.from(scores);
  let bad = 0;
  let first = -1;
  for (let i = values.length - 1; i >= 0; i--) {
    if (Number.isFinite(values[i])) continue;
    bad++;
    first = i;
  }
  if (bad > 0) {
    throw new LoupeError(
      "numeric",
      `${where}: scores must be finite, but ${bad} of ${values.length} are NaN or infinite (first at index ${first})`,
    );
  }
  return values;
}

/** Ranks samples; the ranking's owners are the labels. Throws `shape` when the lengths differ or are 0. */
export function rankSamples(where: string, yTrue: Labels, yScore: ArrayLike<number>): Ranking {
  if (yTrue.length !== yScore.length || yTrue.length === 0) {
    throw new LoupeError(
      "shape",
      `${where}: needs one score per label and at least one, got ${yTrue.length} labels and ${yScore.length} scores`,
    );
  }
  const owners = Uint32Array.from(readLabels(where, yTrue));
  return rank([readScores(where, yScore)], owners);
}

/** Number of normal and of abnormal samples, in the form `summarise` takes region areas. */
export function classCounts(owners: Uint32Array): Float64Array {
  let positives = 0;
  for (let i = 0; i < owners.length; i++) if (owners[i] !== 0) positives++;
  return Float64Array.of(owners.length - positives, positives);
}
