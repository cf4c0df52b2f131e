/** Where "defective" begins: each policy, its edges, and what it costs. */
import { expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import { chooseThresholds, type Scored, type ThresholdOptions } from "../../src/detector/index.ts";
import { quantileOf } from "../../src/detector/quantile.ts";
import { LoupeError } from "../../src/error.ts";
import { quantileThreshold } from "../../src/metrics/index.ts";

/** Images whose map holds the score once and smaller values. */
const images = (label: number, scores: readonly number[]): Scored[] =>
  scores.map((score) => ({ label, score, map: Float32Array.of(score, score / 2, 0) }));

const refused = (options: ThresholdOptions, predictions: readonly Scored[] = images(0, [1])) => {
  try {
    chooseThresholds(predictions, options);
  } catch (error) {
    if (error instanceof LoupeError) return [error.code, error.message];
  }
  return undefined;
};

test("max-f1 takes the image threshold of the best F1, and the pixel threshold it is told", () => {
  const predictions = [...images(0, [0.1, 0.2, 0.5]), ...images(1, [0.4, 0.8])];
  const { thresholds, warnings } = chooseThresholds(predictions, { policy: "max-f1" }, 0.3);
  expect(thresholds).toEqual({
    policy: "max-f1",
    image: 0.4,
    pixel: 0.3,
    source: "best F1 on 5 labelled test images",
  });
  expect(warnings).toEqual([]);
});

test("max-f1 without a pixel threshold leaves 99.9 % of the pixels of good images below", () => {
  const predictions = [...images(0, [2, 4]), ...images(1, [8])];
  const pixels = Float32Array.of(2, 1, 0, 4, 2, 0);
  for (const unknown of [undefined, Number.NaN]) {
    const { thresholds } = chooseThresholds(predictions, { policy: "max-f1" }, unknown);
    expect(thresholds.pixel).toBe(quantileThreshold(pixels, 0.999));
    expect(thresholds.source).toBe(
      "best F1 on 3 labelled test images; pixels: 99.9 % of those of good images stay below",
    );
  }
});

test("max-f1 that calls every image defective says so", () => {
  const predictions = [...images(0, [3]), ...images(1, [1, 2, 4])];
  const { warnings } = chooseThresholds(predictions, { policy: "max-f1" }, 1);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain("calls all 4 images abnormal");
});

test("max-f1 without good or without defective images is refused with the next step", () => {
  const next = "use the policy quantile, which needs good images only, or manual";
  expect(refused({ policy: "max-f1" }, images(0, [1, 2]))).toEqual([
    "data",
    `thresholds: max-f1 needs good and defective images, got 2 good and 0 defective; ${next}`,
  ]);
  expect(refused({ policy: "max-f1" }, images(1, [1]))).toEqual([
    "data",
    `thresholds: max-f1 needs good and defective images, got 0 good and 1 defective; ${next}`,
  ]);
  expect(refused({ policy: "max-f1" }, [])?.[1]).toContain("got 0 good and 0 defective");
});

test("quantile looks at good images only, at their scores and at all their pixels", () => {
  const good = [0.5, 0.1, 0.3, 0.2, 0.4];
  const { thresholds, warnings } = chooseThresholds([...images(0, good), ...images(1, [9])], {
    policy: "quantile",
    quantile: 0.75,
  });
  const pixels = good.flatMap((v) => [Math.fround(v), Math.fround(v / 2), 0]);
  expect(thresholds).toEqual({
    policy: "quantile",
    image: 0.4,
    pixel: quantileThreshold(pixels, 0.75),
    source: "75 % of 5 good images stay below",
  });
  expect(warnings).toEqual([]);
});

test("few good images for a quantile are a warning, just enough are none", () => {
  const warningsFor = (n: number, quantile: number) =>
    chooseThresholds(images(0, Array(n).fill(1)), { policy: "quantile", quantile }).warnings;
  expect(warningsFor(99, 0.99)).toEqual([
    "thresholds: 99 good images are few for a quantile of 0.99; it is near their largest score",
  ]);
  expect(warningsFor(100, 0.99)).toEqual([]);
  expect(warningsFor(10, 0.9)).toEqual([]);
  expect(warningsFor(9, 0.9)).toHaveLength(1);
  expect(warningsFor(1000, 1)).toHaveLength(1);
  expect(warningsFor(1, 0)).toEqual([]);
});

test("one good image gives its own score, and shares read well", () => {
  const { thresholds } = chooseThresholds(images(0, [0.25]), {
    policy: "quantile",
    quantile: 0.57,
  });
  expect(thresholds.image).toBe(0.25);
  expect(thresholds.source).toBe("57 % of 1 good images stay below");
  const { thresholds: fine } = chooseThresholds(images(0, [1]), { policy: "quantile" });
  expect(fine.source).toBe("99 % of 1 good images stay below");
});

test("quantile without good images, or out of 0 to 1, is refused", () => {
  expect(refused({ policy: "quantile" }, images(1, [1]))).toEqual([
    "data",
    "thresholds: quantile needs good images, got none; put some into the test split, or use the policy manual",
  ]);
  for (const quantile of [-0.1, 1.1, Number.NaN]) {
    expect(refused({ policy: "quantile", quantile })).toEqual([
      "config",
      `thresholds: quantile must be from 0 to 1, got ${quantile}`,
    ]);
  }
});

test("manual takes both numbers as they are, without any image", () => {
  const { thresholds } = chooseThresholds([], { policy: "manual", image: 0, pixel: -1 });
  expect(thresholds).toEqual({ policy: "manual", image: 0, pixel: -1, source: "given by hand" });
});

test("manual without both numbers is refused by the name of the one", () => {
  expect(refused({ policy: "manual", image: 1 })?.[1]).toBe(
    "thresholds: manual needs a number for the pixel threshold, it is missing",
  );
  expect(refused({ policy: "manual", image: Number.NaN, pixel: 1 })?.[1]).toBe(
    "thresholds: manual needs a number for the image threshold, got NaN",
  );
});

test("a policy that does not exist is refused", () => {
  expect(refused({ policy: "best" } as unknown as ThresholdOptions)).toEqual([
    "config",
    'thresholds: no policy "best"; use max-f1, quantile or manual',
  ]);
});

/** Numbers of every kind: signs, zeros, subnormal and huge ones, many ties. */
function numbers(n: number, seed: number): Float32Array {
  const rng = new Rng(seed);
  const kinds = rng.integersHost(n, 0, 6);
  return rng.normalHost(n).map((v, i) => {
    const special = [v, v * 1e-42, v * 1e37, Math.round(v), -0, 0.1];
    return special[kinds[i]!]!;
  });
}

test("the quantile of many arrays is that of one array of all their numbers", () => {
  for (const [seed, sizes] of [
    [1, [1000, 1, 0, 333]],
    [2, [7]],
    [3, [1]],
    [4, [2]],
  ] as const) {
    const arrays = sizes.map((n, i) => numbers(n, seed * 10 + i));
    const all = Float32Array.from(arrays.flatMap((a) => [...a]));
    for (const q of [0, 1e-9, 0.1, 0.25, 0.5, 0.7777, 0.99, 0.999, 1]) {
      expect(quantileOf(arrays, q) - quantileThreshold(all, q), `q = ${q}`).toBe(0);
    }
  }
  expect(() => quantileOf([new Float32Array()], 0.5)).toThrow("there are no numbers");
});

test("2,000 maps of 512 × 512 cost seconds and no memory to speak of", () => {
  const map = new Rng(1).normalHost(512 * 512, 0.1, 0.05);
  const good: Scored[] = Array.from({ length: 2000 }, () => ({ label: 0, score: 1, map }));
  const before = process.resourceUsage().maxRSS;
  const { thresholds } = chooseThresholds(good, { policy: "quantile", quantile: 0.999 });
  expect(process.resourceUsage().maxRSS - before).toBeLessThan(64 * 1024); // KiB
  // every number is there 2,000 times, so the quantile is one of the map's own
  expect(thresholds.pixel).toBeCloseTo(quantileThreshold(map, 0.999), 3);
});
