/** Rows for the classes of one model and their mean, from made-up predictions. */
import { expect, test } from "vitest";
import { classRows, evaluateClasses } from "../../src/cli/class-evaluation.ts";
import { classTable, metricCsv } from "../../src/cli/results.ts";
import { evaluatePredictions, type Prediction } from "../../src/detector/index.ts";

/** Maps of two pixels; `found`: whether the defect of the second one is seen. */
const predicted = (label: 0 | 1, score: number, found = true): Prediction => ({
  path: `${label}-${score}.png`,
  label,
  score,
  map: Float32Array.of(0, 0, 0, found ? score : 0),
  mask: Uint8Array.of(0, 0, 0, label),
});

const samples = (...names: string[]) => names.map((className) => ({ className }));
const a = [predicted(0, 1), predicted(1, 2), predicted(1, 3)];
/** Scores of another range, wrongly ordered. */
const b = [predicted(0, 90), predicted(1, 80, false)];

test("one class has the row that it had, and no others", () => {
  const all = samples("a", "a", "a");
  expect(evaluateClasses(all, a, 2, "exact")).toEqual(evaluatePredictions(a, 2, "exact"));
  expect(classRows("a", evaluatePredictions(a, 2, "exact"))).toHaveLength(1);
});

test("each class is measured alone, wherever its images are in the list, and the mean is that of the rows", () => {
  const mixed = [a[0]!, b[0]!, a[1]!, b[1]!, a[2]!];
  const result = evaluateClasses(samples("a", "b", "a", "b", "a"), mixed, 2, "exact");
  expect(result.classes).toEqual({
    a: evaluatePredictions(a, 2, "exact"),
    b: evaluatePredictions(b, 2, "exact"),
  });
  expect(result.classes?.a?.metrics.mAUROC_sp_max).toBe(1);
  expect(result.classes?.b?.metrics.mAUROC_sp_max).toBe(0);
  expect(result.metrics.mAUROC_sp_max).toBe(0.5);
  expect(result.thresholds).toEqual({});
});

test("a class without one of its values is left out of the mean of every column, and that is said", () => {
  const good = [predicted(0, 5), predicted(0, 6)];
  const result = evaluateClasses(samples("a", "a", "a", "c", "c"), [...a, ...good], 2, "exact");
  expect(result.metrics).toEqual(result.classes?.a?.metrics);
  expect(result.classes?.c?.metrics.mAUROC_sp_max).toBeNaN();
  expect(result.warnings).toContain("average (1/2) of the classes: the others lack a metric");
  expect(result.warnings.some((text) => text.startsWith("c: "))).toBe(true);
});

test("tables have a row for each class and the mean below; the best on test stands with the mean", () => {
  const result = evaluateClasses(samples("a", "a", "a", "b", "b"), [...a, ...b], 2, "exact");
  const lines = metricCsv("", result, { mAUROC_sp_max: { value: 0.75, epoch: 2 } }).split("\n");
  expect(lines.map((line) => line.split(",")[0])).toEqual(["", "a", "b", "average", ""]);
  expect(lines[0]).toMatch(/,mAUROC_sp_max_best_on_test$/);
  expect(lines.slice(1, 4).map((line) => line.split(",").at(-1))).toEqual(["", "", "75.00"]);
  expect(classTable(result, "last epoch")).toMatch(/average +50\.00/);
});
