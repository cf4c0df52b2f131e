import { describe, expect, test } from "vitest";
import {
  type Distribution,
  distributionsScene,
  overlapCoefficient,
  ScoreCounter,
  sceneImage,
  sceneSvg,
} from "../../../src/report/index.ts";

const counts = (bins: readonly number[]) => {
  return { bins: Float64Array.from(bins), total: bins.reduce((a, b) => a + b, 0), above: 0 };
};
const overlap = (good: readonly number[], defective: readonly number[]) =>
  overlapCoefficient({
    low: 0,
    high: 1,
    threshold: 0.5,
    good: counts(good),
    defective: counts(defective),
  });

function counted(good: readonly number[], defective: readonly number[], threshold: number) {
  const all = [...good, ...defective];
  const counter = new ScoreCounter(Math.min(...all), Math.max(...all), threshold);
  for (const score of good) counter.add(0, score);
  for (const score of defective) counter.add(1, score);
  return counter.result();
}

const shares = (from: number, to: number, n: number) =>
  Array.from({ length: n }, (_, i) => from + ((to - from) * (i + 0.5)) / n);

describe("the overlap coefficient", () => {
  test("is the sum of the smaller shares: by hand 0 + 1/4 + 0 and 1/8 + 1/4", () => {
    expect(overlap([2, 2, 0], [0, 1, 3])).toBe(0.25);
    expect(overlap([1, 7], [3, 1])).toBe(0.125 + 0.25);
  });

  test("is 0 apart, 1 alike whatever the numbers, NaN with one kind", () => {
    expect(overlap([5, 0], [0, 9])).toBe(0);
    expect(overlap([1, 3], [10, 30])).toBe(1);
    expect(overlap([1, 3], [0, 0])).toBeNaN();
  });

  test("of two even spreads that share half their range is one half", () => {
    const d = counted(shares(0, 2, 8192), shares(1, 3, 8192), 1.5);
    expect(overlapCoefficient(d)).toBeCloseTo(0.5, 2);
    expect([d.good.above, d.defective.above]).toEqual([2048, 6144]);
  });
});

describe("counting", () => {
  const totals = ({ good, defective }: Distribution) => [
    good.bins.reduce((a, b) => a + b),
    defective.bins.reduce((a, b) => a + b),
  ];

  test("scores apart at the threshold do not overlap, however few: it is an edge between bins", () => {
    const d = counted([0.1, 0.2, 0.3], [0.301, 0.5, 0.9], 0.301);
    expect(overlapCoefficient(d)).toBe(0);
    expect([d.good.above, d.defective.above]).toEqual([0, 3]);
    expect(totals(d)).toEqual([3, 3]);
  });

  test("few scores have few bins, many 64", () => {
    expect(counted([0, 1], [0, 1], 0).good.bins.length).toBeLessThanOrEqual(9);
    const many = counted(shares(0, 1, 5000), shares(0, 1, 5000), -1);
    expect(many.good.bins.length).toBeGreaterThanOrEqual(64);
    expect(many.good.bins.length).toBeLessThanOrEqual(66);
  });

  test("equal scores, one kind and a threshold far away are counted too", () => {
    const equal = counted([0.5, 0.5], [0.5], 0.5);
    expect([totals(equal), overlapCoefficient(equal)]).toEqual([[2, 1], 1]);
    const far = counted([1, 2], [3], 1e300);
    expect([totals(far), far.defective.above]).toEqual([[2, 1], 0]);
    expect(far.good.bins.length).toBeLessThanOrEqual(72);
    const lone = counted([-1, -2, -3], [], -2);
    expect([lone.good.above, totals(lone)]).toEqual([2, [3, 0]]);
  });
});

describe("the picture", () => {
  const images = counted([0.1, 0.2], [0.3, 0.4], 0.25);
  const run = { name: "base", detail: "seed 1", images };

  test("has a panel for each run with its numbers, image scores above pixel scores", () => {
    const runs = [
      { ...run, pixels: images },
      { ...run, name: "other", pixels: images },
    ];
    const scene = distributionsScene([{ title: "nut", runs }])!;
    const svg = sceneSvg(scene, "d");
    expect(svg.match(/>base, seed 1</g)).toHaveLength(2);
    expect(svg.indexOf(">nut: image scores<")).toBeLessThan(svg.indexOf(">nut: pixel scores<"));
    expect(svg).toContain(">good (2): 0.0 %<");
    expect(svg).toContain(">defective (2): 100.0 %<");
    expect(svg).toContain(">overlap 0.000<");
    expect(svg).toContain(">threshold 0.250<");
    expect(sceneImage(scene).width).toBeGreaterThan(800);
  });

  test("leaves out what is missing, and is none without anything", () => {
    const svg = sceneSvg(distributionsScene([{ title: "nut", runs: [run] }])!, "d");
    expect(svg).not.toContain("nut: pixel scores");
    expect(distributionsScene([{ title: "nut", runs: [] }])).toBeUndefined();
    const good = counted([0.1, 0.2], [], 0.25);
    const one = sceneSvg(
      distributionsScene([{ title: "nut", runs: [{ ...run, images: good }] }])!,
      "",
    );
    expect(one).toContain(">defective (none)<");
    expect(one).toContain(">overlap --<");
  });

  test("names from outside are text, never markup", () => {
    const name = `</text><script>alert(1)</script>&\u0000\u202e`;
    const scene = distributionsScene([{ title: name, runs: [{ ...run, name, detail: name }] }])!;
    const svg = sceneSvg(scene, "d");
    expect(svg).not.toContain("<script>");
    expect(svg).not.toContain("\u0000");
    expect(svg).not.toContain("\u202e");
    expect(() => sceneImage(scene)).not.toThrow();
  });
});
