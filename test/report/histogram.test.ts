import { describe, expect, test } from "vitest";
import { histogram } from "../../src/report/index.ts";

const sets = { labels: [0, 0, 0, 0, 1, 1, 1], scores: [0, 0.06, 0.07, 0.3, 0.55, 0.95, 1] };
const barsOf = (text: string) => [...text].filter((c) => "▁▂▃▄▅▆▇█".includes(c)).length;

describe("a histogram", () => {
  test("shows both classes over one axis, with the threshold where it falls", () => {
    expect(histogram(sets, { threshold: 0.5, width: 16, height: 2 })).toBe(
      [
        "                  █       ┊",
        "good (4)          ██  █   ┊",
        "                          ┊",
        "                          ┊      █",
        "defective (3)             █      █",
        "                  ────────┴───────",
        "                  0           1.00",
        "                   threshold 0.500",
      ].join("\n"),
    );
  });

  test("scales each class to its own highest bar and shows the smallest count", () => {
    const labels = [...new Array(1000).fill(0), 0, 1];
    const scores = [...new Array(1000).fill(0), 0.5, 1];
    const lines = histogram({ labels, scores }, { width: 16, height: 1 }).split("\n");
    expect(lines[0]).toBe("good (1001)       █       ▁");
    expect(lines[2]).toBe("defective (1)                    █");
  });

  test("leaves out a class without images and the mark without a threshold", () => {
    const text = histogram({ labels: [0, 0], scores: [1, 2] }, { width: 16, height: 1 });
    expect(text).toBe(
      [
        "good (2)          █              █",
        "                  ────────────────",
        "                  1.00        2.00",
      ].join("\n"),
    );
  });

  test("works when all scores are equal and when the threshold lies outside", () => {
    const equal = histogram(
      { labels: [0, 1], scores: [3, 3] },
      { threshold: 3, width: 16, height: 1 },
    );
    expect(equal).toContain("3.00");
    expect(barsOf(equal)).toBe(2);
    const far = histogram({ labels: [0, 1], scores: [3, 4] }, { threshold: 40, width: 30 });
    expect(
      far
        .split("\n")
        .find((line) => line.includes("┴"))!
        .endsWith("┴"),
    ).toBe(true);
    expect(far).toContain("threshold 40.0");
  });

  test("has no line longer than it was asked to be", () => {
    for (const threshold of [-9, 0, 0.5, 9]) {
      const lines = histogram(sets, { threshold, width: 20 }).split("\n");
      expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(38);
    }
  });

  test("refuses what it can't draw", () => {
    expect(() => histogram({ labels: [], scores: [] })).toThrow(
      "needs at least one score, got none",
    );
    expect(() => histogram({ labels: [0], scores: [] })).toThrow(
      "histogram: 1 labels for 0 scores",
    );
    expect(() => histogram({ labels: [0], scores: [Number.NaN] })).toThrow(
      "finite numbers, got NaN",
    );
    expect(() => histogram(sets, { threshold: Number.POSITIVE_INFINITY })).toThrow("got Infinity");
    expect(() => histogram(sets, { width: 3 })).toThrow(
      "histogram: width must be 16 to 400 and height 1 to 40, got 3 and 3",
    );
  });
});
