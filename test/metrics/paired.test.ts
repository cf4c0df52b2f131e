/** Paired differences: spread and the signed-rank test beside SciPy's. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { mean, standardDeviation, wilcoxon } from "../../src/metrics/index.ts";

interface Case {
  readonly name: string;
  readonly d: readonly number[];
  readonly statistic: number;
  readonly p: number;
}
const path = join(import.meta.dirname, "../fixtures/metrics/wilcoxon.json");
const cases = JSON.parse(readFileSync(path, "utf8")) as Case[];

test.each(cases)("the signed-rank test equals SciPy's, or the count of all signs: $name", (c) => {
  const { statistic, pValue } = wilcoxon(c.d);
  expect(statistic).toBe(c.statistic);
  expect(Math.abs(pValue - c.p)).toBeLessThanOrEqual(1e-13 + 1e-11 * c.p);
});

test("five differences of one sign can't reach p < 0.05, six can", () => {
  expect(wilcoxon([1, 2, 3, 4, 5]).pValue).toBe(0.0625);
  expect(wilcoxon([1, 2, 3, 4, 5, 6]).pValue).toBe(0.03125);
});

test("differences that are equal but for rounding are ties", () => {
  const d = [0.3 - 0.2, 0.2 - 0.1, -(0.7 - 0.6), 0.5];
  expect(wilcoxon(d)).toEqual(wilcoxon([0.1, 0.1, -0.1, 0.5]));
  expect(wilcoxon([0.3 - 0.2 - 0.1, 1]).n).toBe(1);
});

test("without a difference that is not zero there is no p", () => {
  expect(wilcoxon([])).toEqual({ n: 0, statistic: 0, pValue: Number.NaN });
  expect(wilcoxon([0, 0]).pValue).toBeNaN();
});

test("the other direction has the same p, for any differences and at any size", () => {
  const numbers = fc.array(fc.integer({ min: -20, max: 20 }), { maxLength: 80 });
  fc.assert(
    fc.property(numbers, (d) => {
      const [a, b] = [wilcoxon(d), wilcoxon(d.map((v) => -3 * v))];
      expect(b.pValue).toBe(a.pValue);
      if (a.n > 0) expect(a.pValue > 0 && a.pValue <= 1).toBe(true);
    }),
  );
});

test("a difference that is not finite is refused", () => {
  expect(() => wilcoxon([1, Number.NaN])).toThrow("wilcoxon: differences must be finite, got NaN");
});

test("mean and standard deviation are those of a sample", () => {
  expect(mean([1, 2, 6])).toBe(3);
  expect(standardDeviation([1, 2, 6])).toBe(Math.sqrt(7));
  expect(standardDeviation([4, 4])).toBe(0);
  expect(mean([])).toBeNaN();
  expect(standardDeviation([5])).toBeNaN();
});
