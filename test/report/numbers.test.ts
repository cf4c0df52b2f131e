import { describe, expect, test } from "vitest";
import { distinctNumbers, judge, shortNumber, verdictOf } from "../../src/report/caption.ts";
import { fixed, percent } from "../../src/report/index.ts";

describe("fixed decimals", () => {
  // The right column is what Python's "%.2f" % x prints.
  test.each([
    [0.125, "0.12"],
    [0.375, "0.38"],
    [0.625, "0.62"],
    [0.875, "0.88"],
    [-0.125, "-0.12"],
    [-0.375, "-0.38"],
    [2.675, "2.67"],
    [1.005, "1.00"],
    [98.125, "98.12"],
    [98.37500000000001, "98.38"],
    [100, "100.00"],
    [0, "0.00"],
    [5e-324, "0.00"],
    [123456789.125, "123456789.12"],
    [Number.POSITIVE_INFINITY, "inf"],
    [Number.NaN, "--"],
  ])("of %d are %s, as in Python", (value, text) => {
    expect(fixed(value, 2)).toBe(text);
  });

  test("take other numbers of decimals", () => {
    expect([0.5, 1.5, 2.5, 3.5].map((v) => fixed(v, 0))).toEqual(["0", "2", "2", "4"]);
    expect(fixed(0.03125, 4)).toBe("0.0312");
    expect(fixed(1 / 3, 20)).toBe("0.33333333333333331483");
  });

  test("a fraction is a percentage times a hundred with two decimals", () => {
    expect([0, 1, 0.98765, 0.98125].map((v) => percent(v))).toEqual([
      "0.00",
      "100.00",
      "98.77",
      "98.12",
    ]);
    expect(percent(0.5, 0)).toBe("50");
  });
});

describe("numbers in captions", () => {
  test("have three significant digits", () => {
    const shown = [0, 0.5, 12.345, 0.001234, 0.000123456, -7654321, 999.9].map((v) =>
      shortNumber(v),
    );
    expect(shown).toEqual(["0", "0.500", "12.3", "0.00123", "1.23e-4", "-7.65e+6", "1.00e+3"]);
  });

  test("have more where score and threshold would look the same", () => {
    expect(distinctNumbers(0.5, 0.5)).toEqual(["0.500", "0.500"]);
    expect(distinctNumbers(0.50001, 0.5)).toEqual(["0.50001", "0.50000"]);
    const [a, b] = distinctNumbers(0.1 + 0.2, 0.3);
    expect(a).not.toBe(b);
  });
});

describe("a verdict", () => {
  test("is defective from the threshold on", () => {
    expect([0.49, 0.5, 0.51].map((v) => verdictOf(v, 0.5))).toEqual([
      "good",
      "defective",
      "defective",
    ]);
  });

  test("names its mistake where the label is known", () => {
    expect(judge(0.6, 0.5, 0).mistake).toBe("false alarm");
    expect(judge(0.4, 0.5, 1).mistake).toBe("missed");
    expect([judge(0.6, 0.5, 1), judge(0.4, 0.5, 0), judge(0.4, 0.5)].map((j) => j.mistake)).toEqual(
      [undefined, undefined, undefined],
    );
  });
});
