/** AUPRO against its definition, and the two areas of the references against a literal reading of theirs. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  auproScore,
  calProMetric,
  calProScore,
  type PixelInput,
  proAucPixel,
  rocAucScore,
} from "../../src/metrics/index.ts";
import { arange, exceeded, trapezoid } from "../../src/metrics/strips.ts";
import scikit from "../fixtures/metrics/scikit.json" with { type: "json" };
import { cut, images } from "./arbitrary.ts";
import { auproByThresholds, type BruteMaps, overlapAt } from "./brute.ts";

type Sample = { maps: number[]; masks: number[]; height: number; width: number };

const typed = (
  s: Sample,
  kind: Float32ArrayConstructor | Float64ArrayConstructor = Float32Array,
): PixelInput => ({
  ...s,
  maps: kind.from(s.maps),
  masks: Uint8Array.from(s.masks),
});

const brute = ({ maps, masks, height, width }: Sample): BruteMaps => {
  return { maps: cut(maps, height * width), masks: cut(masks, height * width), width };
};

test("AUPRO is the area under mean overlap at every threshold, interpolated at the limit", () => {
  const limits = fc.constantFrom(0.01, 0.05, 0.3, 0.5, 1);
  fc.assert(
    fc.property(images, limits, fc.constantFrom<4 | 8>(4, 8), (sample, fprLimit, connectivity) => {
      const wanted = auproByThresholds(brute(sample), fprLimit, connectivity);
      for (const kind of [Float32Array, Float64Array]) {
        expect(auproScore(typed(sample, kind), { fprLimit, connectivity })).toBeCloseTo(wanted, 12);
      }
    }),
    { numRuns: 300 },
  );
});

test("with one region and no limit AUPRO is ROC AUC", () => {
  const maps = Float32Array.of(0.3, 0.1, 0.5, 0.5, 0.2, 0.9);
  const masks = Uint8Array.of(0, 0, 1, 1, 1, 0);
  const aupro = auproScore({ maps, masks, height: 1, width: 6 }, { fprLimit: 1 });
  expect(aupro).toBeCloseTo(rocAucScore(masks, maps), 14);
});

test("a small region weighs as much as a large one, and a corner joins two", () => {
  // Region A (one pixel) is found before any false positive, region B (three pixels) never.
  const maps = Float32Array.of(9, 5, 5, 5, 5, 5, 5, 0, 0, 0);
  const masks = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 1, 1, 1);
  expect(auproScore({ maps, masks, height: 1, width: 10 }, { fprLimit: 0.5 })).toBeCloseTo(0.5, 14);
  const corner = {
    maps: Float32Array.of(9, 5, 5, 0),
    masks: Uint8Array.of(1, 0, 0, 1),
    height: 2,
    width: 2,
  };
  expect(auproScore(corner, { fprLimit: 1 })).toBeCloseTo(0.5, 14);
  expect(
    auproScore({ ...corner, masks: Uint8Array.of(1, 0, 0, 255) }, { fprLimit: 1 }),
  ).toBeCloseTo(0.5, 14);
});

test("maps that are all one value follow the diagonal: 0.15 up to FPR 0.3", () => {
  const flat = {
    maps: new Float32Array(8),
    masks: Uint8Array.of(0, 0, 1, 0, 1, 0, 0, 0),
    height: 2,
    width: 4,
  };
  expect(auproScore(flat)).toBeCloseTo(0.15, 14);
});

test("images may come as one array or one by one, in either precision", () => {
  const whole: Sample = {
    maps: [1, 2, 3, 4, 5, 6, 7, 8],
    masks: [0, 1, 0, 0, 1, 0, 0, 1],
    height: 2,
    width: 2,
  };
  const apart = {
    maps: cut(whole.maps, 4).map((m, i) => (i === 0 ? Float32Array.from(m) : Float64Array.from(m))),
    masks: cut(whole.masks, 4).map((m) => Uint8Array.from(m)),
    height: 2,
    width: 2,
  };
  expect(auproScore(apart)).toBe(auproScore(typed(whole)));
});

test("without an abnormal or a normal pixel AUPRO is NaN", () => {
  const maps = Float32Array.of(1, 2);
  expect(auproScore({ maps, masks: Uint8Array.of(0, 0), height: 1, width: 2 })).toBeNaN();
  expect(auproScore({ maps, masks: Uint8Array.of(1, 1), height: 1, width: 2 })).toBeNaN();
});

test("bad input is refused in words", () => {
  const ok = { maps: new Float32Array(12), masks: new Uint8Array(12), height: 2, width: 3 };
  expect(() => auproScore({ ...ok, maps: new Float32Array(13) })).toThrow(
    "auproScore: maps must hold 2 x 3 = 6 values an image, got 1 in image 2",
  );
  expect(() => auproScore({ ...ok, masks: new Uint8Array(6) })).toThrow(
    "auproScore: one mask per map is needed, got 2 maps and 1 masks",
  );
  expect(() => auproScore({ ...ok, masks: [] })).toThrow(
    "auproScore: needs at least one image, got none",
  );
  expect(() => auproScore({ ...ok, height: 0 })).toThrow(
    "auproScore: height and width must be positive integers, got 0 x 3",
  );
  const maps = Float32Array.of(0, 0, 0, 0, 0, 0, 0, NaN, 0, Number.POSITIVE_INFINITY, 0, 0);
  expect(() => auproScore({ ...ok, maps })).toThrow(
    "auproScore: maps must be finite, but image 1 has 2 of 6 values that are NaN or infinite (1 of 2 images affected)",
  );
  const wide = {
    maps: Float64Array.of(-1e308, 1e308),
    masks: Uint8Array.of(0, 1),
    height: 1,
    width: 2,
  };
  expect(() => auproScore(wide)).toThrow(
    "auproScore: the maps' values span more than float64 holds, from -1e+308 to 1e+308",
  );
  expect(() => auproScore(ok, { fprLimit: 0 })).toThrow(
    "auproScore: fprLimit must be above 0 and at most 1, got 0",
  );
  expect(() => auproScore(ok, { fprLimit: NaN })).toThrow("got NaN");
  expect(() => auproScore(ok, { connectivity: 6 as 8 })).toThrow(
    "auproScore: connectivity must be 4 or 8, got 6",
  );
  expect(() => calProScore(ok, 0)).toThrow(
    "calProScore: maxStep must be an integer from 1 to 1000000, got 0",
  );
  expect(() => calProMetric(ok, 1.5)).toThrow(
    "calProMetric: steps must be an integer from 1 to 1000000, got 1.5",
  );
});

/** Keeps, rescales and integrates the sampled points as the references do. */
function literalArea(
  sample: Sample,
  thresholds: number[],
  keep: (fpr: number) => boolean,
  rescale: (pro: number[]) => number[] = (pro) => pro,
): number {
  const points = thresholds
    .map((t) => overlapAt(brute(sample), 8, (v) => v > t))
    .filter((p) => keep(p.fpr));
  // scikit-learn's auc, which integrates there, refuses a single point.
  if (points.length < 2) return Number.NaN;
  const fprs = points.map((p) => p.fpr);
  const low = Math.min(...fprs);
  const high = Math.max(...fprs);
  const x = fprs.map((f) => (f - low) / (high - low));
  const y = rescale(points.map((p) => p.pro));
  return Math.abs(
    x.slice(1).reduce((sum, v, i) => sum + ((v - x[i]!) * (y[i + 1]! + y[i]!)) / 2, 0),
  );
}

/** Maps of moderate size: the references' step arithmetic breaks down at the ends of the float range. */
const moderate = images.map((s) => ({
  ...s,
  maps: s.maps.map((v) => Math.max(-2, Math.min(2, v))),
}));

test("the 2025 area samples max_step thresholds and keeps FPR below 0.3", () => {
  fc.assert(
    fc.property(moderate, fc.integer({ min: 1, max: 40 }), (sample, maxStep) => {
      const [min, max] = [Math.min(...sample.maps), Math.max(...sample.maps)];
      const thresholds = max > min ? [...arange(min, max, (max - min) / maxStep)] : [];
      const wanted = thresholds.length > 0 ? literalArea(sample, thresholds, (f) => f < 0.3) : NaN;
      const actual = calProScore(typed(sample, Float64Array), maxStep);
      if (Number.isFinite(wanted)) expect(actual).toBeCloseTo(wanted, 12);
      else expect(actual).toBeNaN();
    }),
    { numRuns: 300 },
  );
});

test("the 2023 area equals a literal reading where no region has a hole", () => {
  fc.assert(
    fc.property(
      moderate.filter((s) => s.height < 3),
      (sample) => {
        const [min, max] = [Math.min(...sample.maps), Math.max(...sample.maps)];
        const thresholds = Array.from({ length: 200 }, (_, k) => max - k * ((max - min) / 200));
        const wanted = max > min ? literalArea(sample, thresholds, (f) => f <= 0.3) : NaN;
        const actual = calProMetric(typed(sample, Float64Array));
        if (Number.isFinite(wanted)) expect(actual).toBeCloseTo(wanted, 12);
        else expect(actual).toBeNaN();
      },
    ),
  );
});

test("CFA's area equals a literal reading, with both axes rescaled and no hole filled", () => {
  const toOne = (pro: number[]) => {
    const [low, high] = [Math.min(...pro), Math.max(...pro)];
    return pro.map((v) => (v - low) / (high - low));
  };
  let finite = 0;
  fc.assert(
    fc.property(moderate, (sample) => {
      const [min, max] = [Math.min(...sample.maps), Math.max(...sample.maps)];
      const thresholds = Array.from({ length: 200 }, (_, k) => max - k * ((max - min) / 200));
      const wanted = max > min ? literalArea(sample, thresholds, (f) => f <= 0.3, toOne) : NaN;
      const actual = proAucPixel(typed(sample, Float64Array));
      if (Number.isFinite(wanted)) {
        finite++;
        expect(actual).toBeCloseTo(wanted, 12);
      } else expect(actual).toBeNaN();
    }),
    { numRuns: 300 },
  );
  expect(finite).toBeGreaterThan(30);
});

test("CFA's area says nothing of how much is found: an overlap of 1 % at best can count as all", () => {
  // below the limit one of a hundred abnormal pixels is found, before any false alarm
  const masks = Uint8Array.from({ length: 200 }, (_, i) => Number(i < 100));
  const maps = Float64Array.from({ length: 200 }, (_, i) => (i === 0 ? 10 : i < 100 ? 0 : i / 100));
  const input = { maps, masks, height: 1, width: 200 };
  expect(auproScore(input)).toBeCloseTo(0.01, 12);
  expect(proAucPixel(input)).toBeGreaterThan(0.95);
});

test("the 2023 area counts the holes of a region as found: a ring of 8 round 1 can reach 9/8", () => {
  const masks = Uint8Array.of(1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, 0, 0);
  const maps = Float64Array.of(9, 9, 9, 0, 9, 8, 9, 0.1, 9, 9, 9, 0.2, 1, 2, 3, 4);
  // The hole itself is a false positive (1 of 8 normal pixels), after which the curve stays at 9/8.
  const first = auproScore({ maps, masks, height: 4, width: 4 });
  expect(first).toBeCloseTo(1, 14);
  const quirk = calProMetric({ maps, masks, height: 4, width: 4 });
  expect(quirk).toBeGreaterThan(1.05);
  expect(quirk).toBeLessThanOrEqual(9 / 8);
});

test("arange repeats NumPy's to the last bit", () => {
  for (const [start, stop, step, values] of scikit.arange as [number, number, number, number[]][]) {
    expect([...arange(start, stop, step)]).toEqual(values);
  }
  expect(arange(1, 1, 0.1)).toHaveLength(0);
});

test("a value is counted over exactly the thresholds it exceeds, even one bit away from them", () => {
  const thresholds = arange(0.1, 2, 0.1);
  const above = exceeded(thresholds);
  const up = (x: number) => x * (1 + 2 ** -52);
  for (const [k, t] of thresholds.entries()) {
    expect(above(t)).toBe(k);
    expect(above(up(t))).toBe(k + 1);
  }
  expect(above(-1e300)).toBe(0);
  expect(above(1e300)).toBe(thresholds.length);
  expect(exceeded(Float64Array.of(3))(3)).toBe(0);
  expect(exceeded(Float64Array.of(3))(4)).toBe(1);
});

test("the trapezoid area doesn't depend on the direction", () => {
  expect(trapezoid([0, 1, 3], [0, 1, 1])).toBe(2.5);
  expect(trapezoid([3, 1, 0], [1, 1, 0])).toBe(2.5);
  expect(trapezoid([1], [1])).toBe(0);
});
