/** Ranking metrics against scikit-learn's values, stored, and against their definitions on random ties. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  averagePrecisionScore,
  f1Max,
  precisionRecallCurve,
  rocAucScore,
  rocCurve,
} from "../../src/metrics/index.ts";
import cdo from "../fixtures/metrics/cdo.json" with { type: "json" };
import scikit from "../fixtures/metrics/scikit.json" with { type: "json" };
import { ranked } from "./arbitrary.ts";
import { apByThresholds, aurocByPairs, f1ByThresholds } from "./brute.ts";

const close = (actual: ArrayLike<number>, wanted: readonly number[], digits = 14) => {
  expect(actual).toHaveLength(wanted.length);
  for (const [i, value] of wanted.entries()) expect(actual[i]).toBeCloseTo(value, digits);
};

test("the stored mini examples come out as scikit-learn's", () => {
  for (const { labels, scores, ...wanted } of cdo.image_level_mini) {
    if (typeof wanted.auroc === "number") {
      expect(rocAucScore(labels, scores)).toBeCloseTo(wanted.auroc, 14);
    } else {
      expect(rocAucScore(labels, scores)).toBeNaN();
    }
    expect(averagePrecisionScore(labels, scores)).toBeCloseTo(wanted.ap, 14);
    expect(f1Max(labels, scores).f1).toBeCloseTo(wanted.f1_max, 14);
    const curve = precisionRecallCurve(labels, scores);
    close(curve.precision, wanted.pr_precision, 11);
    close(curve.recall, wanted.pr_recall, 11);
    expect([...curve.thresholds]).toEqual(wanted.pr_thresholds);
  }
});

test("areas and curves equal scikit-learn's on tied scores", () => {
  for (const c of scikit.ranked) {
    expect(rocAucScore(c.labels, c.scores)).toBeCloseTo(c.auc, 14);
    expect(averagePrecisionScore(c.labels, c.scores)).toBeCloseTo(c.ap, 14);
    const roc = rocCurve(c.labels, c.scores);
    close(roc.fpr, c.fpr);
    close(roc.tpr, c.tpr);
    expect([...roc.thresholds]).toEqual([Number.POSITIVE_INFINITY, ...c.rocThresholds]);
    close(rocCurve(c.labels, c.scores, { dropIntermediate: false }).fpr, c.fullFpr);
    const pr = precisionRecallCurve(c.labels, c.scores);
    close(pr.precision, c.precision);
    close(pr.recall, c.recall);
    expect([...pr.thresholds]).toEqual(c.prThresholds);
  }
});

describe("on random scores full of ties, zeros of both signs and extreme floats", () => {
  const containers = [
    (x: number[]) => x,
    (x: number[]) => Float32Array.from(x),
    (x: number[]) => Float64Array.from(x),
  ];

  test("ROC AUC is the share of rightly ranked pairs", () => {
    fc.assert(
      fc.property(ranked, ({ labels, scores }) => {
        for (const as of containers) {
          expect(rocAucScore(labels, as(scores))).toBeCloseTo(aurocByPairs(labels, scores), 12);
        }
      }),
    );
  });

  test("average precision is the sum over thresholds", () => {
    fc.assert(
      fc.property(ranked, ({ labels, scores }) => {
        for (const as of containers) {
          expect(averagePrecisionScore(labels, as(scores))).toBeCloseTo(
            apByThresholds(labels, scores),
            12,
          );
        }
      }),
    );
  });

  test("F1-max is the best over thresholds, and of equal ones the lowest", () => {
    fc.assert(
      fc.property(ranked, ({ labels, scores }) => {
        for (const as of containers) {
          const wanted = f1ByThresholds(labels, scores);
          const { f1, threshold, precision, recall } = f1Max(labels, as(scores));
          expect(f1).toBe(wanted.f1);
          expect(threshold).toBe(wanted.threshold);
          expect((2 * precision * recall) / (precision + recall)).toBeCloseTo(f1, 12);
        }
      }),
    );
  });
});

test("float64 scores that float32 would tie are told apart", () => {
  const scores = [1, 1 + 2 ** -40, -1 - 2 ** -40, -1];
  expect(rocAucScore([0, 1, 0, 1], scores)).toBe(0.75);
  expect(rocAucScore([0, 1, 0, 1], Float32Array.from(scores))).toBe(0.5);
  expect(precisionRecallCurve([0, 1, 0, 1], scores).thresholds).toEqual(
    Float64Array.of(-1 - 2 ** -40, -1, 1, 1 + 2 ** -40),
  );
});

test("many scores are ranked as few are: a large shuffled case against the closed form", () => {
  const n = 300_000;
  // Abnormal scores are those of the normal ones plus a shift of n/10 ranks.
  const scores = Float32Array.from({ length: 2 * n }, (_, i) => {
    const rank = ((i >> 1) * 7919) % n;
    return rank + (i % 2) * (n / 10) - n / 2;
  });
  const labels = Uint8Array.from({ length: 2 * n }, (_, i) => i % 2);
  // Pairs (p, q) with p + s > q, ties half: (n^2 - (n-s)(n-s-1)/2 - (n-s)/2) / n^2.
  const kept = n - n / 10;
  expect(rocAucScore(labels, scores)).toBeCloseTo(
    (n * n - (kept * (kept - 1)) / 2 - kept / 2) / (n * n),
    14,
  );
});

test("a view into a larger buffer is ranked by its own values", () => {
  const whole = Float32Array.of(9, 9, 0.1, 0.4, 0.35, 0.8, -9);
  expect(rocAucScore([0, 0, 1, 1], whole.subarray(2, 6))).toBe(0.75);
  expect([...whole]).toEqual([...Float32Array.of(9, 9, 0.1, 0.4, 0.35, 0.8, -9)]);
});

test("a ROC curve starts at the origin", () => {
  const { fpr, tpr } = rocCurve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]);
  expect([...fpr]).toEqual([0, 0, 0.5, 0.5, 1]);
  expect([...tpr]).toEqual([0, 0.5, 0.5, 1, 1]);
});

test("labels may be booleans", () => {
  expect(rocAucScore([false, true], [0.1, 0.2])).toBe(1);
});

test("what one class leaves undefined is NaN", () => {
  expect(rocAucScore([0, 0], [1, 2])).toBeNaN();
  expect(rocAucScore([1, 1], [1, 2])).toBeNaN();
  expect(averagePrecisionScore([0, 0], [1, 2])).toBeNaN();
  expect(f1Max([0], [1])).toEqual({ f1: NaN, threshold: NaN, precision: NaN, recall: NaN });
  expect([...precisionRecallCurve([0, 0], [1, 2]).recall.subarray(0, 2)]).toEqual([NaN, NaN]);
  expect([...rocCurve([1, 1], [1, 2]).fpr]).toEqual([NaN, NaN, NaN]);
  expect([...rocCurve([1, 1], [1, 2]).tpr]).toEqual([0, 0.5, 1]);
});

test("a single sample has a curve of one step", () => {
  expect(averagePrecisionScore([1], [3])).toBe(1);
  expect(f1Max([1], [3])).toEqual({ f1: 1, threshold: 3, precision: 1, recall: 1 });
  expect([...rocCurve([1], [3]).thresholds]).toEqual([Number.POSITIVE_INFINITY, 3]);
});

test("bad input is refused in words", () => {
  expect(() => rocAucScore([0, 1], [1])).toThrow(
    "rocAucScore: needs one score per label and at least one, got 2 labels and 1 scores",
  );
  expect(() => f1Max([], [])).toThrow(
    "f1Max: needs one score per label and at least one, got 0 labels and 0 scores",
  );
  expect(() => rocCurve([0, 255], [1, 2])).toThrow(
    "rocCurve: labels must be 0 or 1, got 255 at index 1",
  );
  expect(() => precisionRecallCurve([0, 1, 0], [1, NaN, Number.NEGATIVE_INFINITY])).toThrow(
    "precisionRecallCurve: scores must be finite, but 2 of 3 are NaN or infinite (first at index 1)",
  );
});
