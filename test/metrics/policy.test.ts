/** Thresholds and image scores: the edge cases where a detector would otherwise call everything, or nothing, a defect. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { maxF1Threshold, quantileThreshold, topFractionMean } from "../../src/metrics/index.ts";
import scikit from "../fixtures/metrics/scikit.json" with { type: "json" };
import { ranked, score } from "./arbitrary.ts";
import { f1ByThresholds } from "./brute.ts";

describe("maxF1Threshold", () => {
  test("gives the threshold of the best F1 over all images", () => {
    const { threshold, f1, warnings } = maxF1Threshold([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]);
    expect([threshold, f1, warnings]).toEqual([0.35, 0.8, []]);
    fc.assert(
      fc.property(ranked, ({ labels, scores }) => {
        expect(maxF1Threshold(labels, scores).threshold).toBe(
          f1ByThresholds(labels, scores).threshold,
        );
      }),
    );
  });

  test("refuses one class instead of falling back to the lowest score", () => {
    expect(() => maxF1Threshold([0, 0], [1, 2])).toThrow(
      "maxF1Threshold: needs normal and abnormal images, got 2 normal and 0 abnormal; use quantileThreshold",
    );
    expect(() => maxF1Threshold([1], [1])).toThrow("got 0 normal and 1 abnormal");
    expect(() => maxF1Threshold([], [])).toThrow("needs one score per label and at least one");
    expect(() => maxF1Threshold([0, 1], [1, NaN])).toThrow(
      "maxF1Threshold: scores must be finite, but 1 of 2",
    );
  });

  test("says when the best F1 calls every image abnormal", () => {
    const { threshold, warnings } = maxF1Threshold([0, 1, 1], [0.9, 0.2, 0.1]);
    expect(threshold).toBe(0.1);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain("the best F1 (0.8000) calls all 3 images abnormal");
  });
});

describe("quantileThreshold", () => {
  test("is NumPy's linear quantile", () => {
    for (const [q, value] of scikit.quantiles.at) {
      expect(quantileThreshold(scikit.quantiles.values, q!)).toBeCloseTo(value!, 15);
    }
    expect(quantileThreshold([7], 0.3)).toBe(7);
    const scores = Float32Array.of(4, 1, 3, 2);
    expect(quantileThreshold(scores, 0.5)).toBe(2.5);
    expect([...scores]).toEqual([4, 1, 3, 2]);
  });

  test("refuses no scores, scores that are not finite, and shares outside 0 to 1", () => {
    expect(() => quantileThreshold([], 0.99)).toThrow(
      "quantileThreshold: needs the score of at least one normal image, got none",
    );
    expect(() => quantileThreshold([1, NaN], 0.99)).toThrow(
      "quantileThreshold: scores must be finite, but 1 of 2",
    );
    expect(() => quantileThreshold([1], 99)).toThrow(
      "quantileThreshold: q must be from 0 to 1, got 99",
    );
    expect(() => quantileThreshold([1], NaN)).toThrow("got NaN");
  });
});

describe("topFractionMean", () => {
  test("is the mean of the largest values, ties and extreme floats included", () => {
    const finite = score.map((v) => (Math.abs(v) > 1e30 ? v / 1e8 : v));
    fc.assert(
      fc.property(
        fc.array(finite, { minLength: 1, maxLength: 40 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, ratio) => {
          const k = Math.max(1, Math.trunc(ratio * values.length));
          const largest = Array.from(Float32Array.from(values))
            .sort((a, b) => b - a)
            .slice(0, k);
          const wanted = largest.reduceRight((a, b) => a + b, 0) / k;
          expect(topFractionMean(Float32Array.from(values), ratio)).toBe(wanted);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("takes one pixel of a map too small for its share, and the maximum for share 0", () => {
    const map = Float64Array.from({ length: 81 }, (_, i) => (i * 37) % 81);
    expect(topFractionMean(map, 0.01)).toBe(80);
    expect(topFractionMean(map, 0)).toBe(80);
    expect(topFractionMean(map, 0.03)).toBe(79.5);
    expect(topFractionMean(map, 1)).toBe(40);
    expect([...map.subarray(0, 3)]).toEqual([0, 37, 74]);
  });

  test("keeps to the values when their range overflows", () => {
    expect(topFractionMean(Float64Array.of(-1.7e308, 1.7e308, 3), 0.4)).toBe(1.7e308);
    expect(topFractionMean(Float64Array.of(5e-324, 0, 0), 0.4)).toBe(5e-324);
  });

  test("refuses an empty map, NaN and shares outside 0 to 1", () => {
    expect(() => topFractionMean(new Float32Array(0), 0)).toThrow(
      "topFractionMean: the map has no pixels",
    );
    expect(() => topFractionMean(Float32Array.of(1, NaN), 0)).toThrow(
      "topFractionMean: maps must be finite, but image 0 has 1 of 2 values",
    );
    expect(() => topFractionMean(Float32Array.of(1), -0.1)).toThrow(
      "topFractionMean: ratio must be from 0 to 1, got -0.1",
    );
  });
});
