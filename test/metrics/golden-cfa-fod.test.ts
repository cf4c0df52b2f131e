/** The stored numbers of CFA's and FOD's own metric code, from raw maps to AUROC, PRO and thresholds. */
import { expect, test } from "vitest";
import { labelRegions } from "../../src/metrics/components.ts";
import {
  calProMetric,
  evaluate,
  f1Max,
  type PixelInput,
  proAucPixel,
} from "../../src/metrics/index.ts";
import { readPixels } from "../../src/metrics/pixels.ts";
import { belowMaximum, proCurve } from "../../src/metrics/pro.ts";
import { trapezoid } from "../../src/metrics/strips.ts";
import cfa from "../fixtures/cfa/metrics.json" with { type: "json" };
import fod from "../fixtures/fod/metrics.json" with { type: "json" };
import scoring from "../fixtures/fod/scoring.json" with { type: "json" };
import { smooth } from "./fixture.ts";

type Summary = typeof cfa.smoothed;
const near = 1e-6;

/** Rectangles by image: first row, end row, first column, end column; the ends are outside. */
function masksOf(rects: Readonly<Record<string, number[][]>>, count: number, side: number) {
  const masks = new Uint8Array(count * side * side);
  for (const [image, list] of Object.entries(rects)) {
    for (const [top, bottom, left, right] of list as [number, number, number, number][]) {
      for (let y = top; y < bottom; y++) {
        const row = (Number(image) * side + y) * side;
        masks.fill(1, row + left, row + right);
      }
    }
  }
  return masks;
}

/** torch's bilinear interpolation without aligned corners, of one square map. */
function upsample(map: readonly (readonly number[])[], side: number): Float32Array {
  const n = map.length;
  const at = (i: number) => {
    const place = Math.max(0, ((i + 0.5) * n) / side - 0.5);
    const low = Math.floor(place);
    return [low, Math.min(low + 1, n - 1), place - low] as const;
  };
  return Float32Array.from({ length: side * side }, (_, i) => {
    const [y0, y1, fy] = at(Math.floor(i / side));
    const [x0, x1, fx] = at(i % side);
    const across = (y: number) => (1 - fx) * map[y]![x0]! + fx * map[y]![x1]!;
    return (1 - fy) * across(y0) + fy * across(y1);
  });
}

function smoothed(maps: Float32Array, side: number): Float32Array {
  const out = maps.slice();
  const pixels = side * side;
  for (let i = 0; i < out.length; i += pixels) smooth(out.subarray(i, i + pixels), side, side, 4);
  return out;
}

function expectSummary(values: Float32Array, { mean, std, min, max, ...stored }: Summary) {
  const own = values.reduce((a, b) => a + b, 0) / values.length;
  const spread = values.reduce((a, b) => a + (b - own) ** 2, 0) / values.length;
  for (const [found, wanted] of [
    [own, mean],
    [Math.sqrt(spread), std],
    [Math.min(...values), min],
    [Math.max(...values), max],
    ...stored.sample_index.map((at, i) => [values[at], stored.sample[i]]),
  ] as [number, number][]) {
    expect(Math.abs(found - wanted)).toBeLessThan(near);
  }
}

const flatten = (images: readonly Float32Array[]) => {
  const pixels = images[0]!.length;
  const all = new Float32Array(images.length * pixels);
  for (const [i, image] of images.entries()) all.set(image, i * pixels);
  return all;
};

function cfaInput() {
  const { size: side, labels } = cfa;
  const up = flatten(cfa.maps.map((map) => upsample(map, side)));
  const maps = smoothed(up, side);
  const masks = masksOf(cfa.gt_rects_rc, labels.length, side);
  return { up, labels, maps, masks, height: side, width: side };
}

/** As the reference does before it measures: to [0, 1] over all maps, in float32. */
function rescaled(maps: Float32Array): Float32Array {
  const [low, high] = [
    maps.reduce((a, b) => Math.min(a, b)),
    maps.reduce((a, b) => Math.max(a, b)),
  ];
  return maps.map((v) => Math.fround(v - low) / Math.fround(high - low));
}

test("CFA's maps are those behind its numbers", () => {
  const { up, maps } = cfaInput();
  const row = (all: Float32Array) => all.subarray(48 * 48 + 10 * 48, 48 * 48 + 11 * 48);
  for (const [found, wanted] of [
    [row(up), cfa.upsampled_img1_row10],
    [row(maps), cfa.smoothed_img1_row10],
  ] as const) {
    for (const [i, value] of wanted.entries()) {
      expect(Math.abs(found[i]! - value)).toBeLessThan(near);
    }
  }
  expectSummary(maps, cfa.smoothed);
  expectSummary(rescaled(maps), cfa.rescaled);
});

test("protocol cfa gives CFA's AUROCs, PRO and threshold", () => {
  const { up: _, ...input } = cfaInput();
  const { metrics, thresholds, warnings } = evaluate(
    { ...input, maps: rescaled(input.maps) },
    { protocol: "cfa" },
  );
  expect(Object.keys(metrics)).toEqual(["i_roc", "p_roc", "p_pro"]);
  expect(metrics.i_roc).toBe(cfa.image_rocauc);
  expect(Math.abs(metrics.p_roc! - cfa.pixel_rocauc)).toBeLessThan(near);
  expect(Math.abs(metrics.p_pro! - cfa.pro_reference)).toBeLessThan(near);
  expect(Math.abs(thresholds.pixel! - cfa.threshold_f1max)).toBeLessThan(near);
  expect(warnings).toEqual([]);
});

test("CFA's rescaling over the whole test set changes none of its numbers", () => {
  const { up: _, ...input } = cfaInput();
  const plain = evaluate(input, { protocol: "cfa" });
  const scaled = evaluate({ ...input, maps: rescaled(input.maps) }, { protocol: "cfa" });
  for (const [name, value] of Object.entries(scaled.metrics)) {
    expect(Math.abs(plain.metrics[name]! - value), name).toBeLessThan(near);
  }
  const [low, high] = cfa.rescale_min_max as [number, number];
  const threshold = low + cfa.threshold_f1max * (high - low);
  expect(Math.abs(plain.thresholds.pixel! - threshold)).toBeLessThan(near);
});

test("CFA's PRO curve comes out threshold by threshold, and its area with and without the second rescale", () => {
  const { up: _, labels: __, ...rest } = cfaInput();
  const input: PixelInput = { ...rest, maps: rescaled(rest.maps) };
  const pixels = readPixels("test", input);
  const regions = labelRegions(pixels);
  expect(regions.count).toBe(cfa.regions);
  const { pro, fpr } = proCurve(pixels, regions, belowMaximum(pixels, 200), "region");
  for (const [found, wanted] of [
    [fpr, cfa.pro_curve_fpr],
    [pro, cfa.pro_curve_pro],
  ] as const) {
    expect(wanted).toHaveLength(200);
    for (const [i, value] of [...found].reverse().entries()) {
      expect(Math.abs(value - wanted[i]!)).toBeLessThan(near);
    }
  }
  expect(Math.abs(proAucPixel(input) - cfa.pro_reference)).toBeLessThan(near);
  const kept = fpr.findIndex((f) => f <= 0.3);
  const x = fpr.subarray(kept).map((f) => f / fpr[kept]!);
  const plain = trapezoid(x, pro.subarray(kept));
  expect(Math.abs(plain - cfa.pro_no_vertical_rescale)).toBeLessThan(near);
});

function fodInput() {
  const side = 32;
  const maps = flatten(scoring.images.map((image) => Float32Array.from(image.upsampled_32.flat())));
  const high = maps.reduce((a, b) => Math.max(a, b));
  const masks = masksOf(fod.gt_rects_rc, 3, side);
  const [first, second] = [
    masksOf({ 1: fod.gt_rects_rc[1] }, 3, side),
    masksOf({ 2: [fod.gt_rects_rc[2][0]!] }, 3, side),
  ];
  const rawMaps = maps.map((v, i) =>
    Math.fround(Math.fround(v / high) + 0.6 * first[i]! + 0.35 * second[i]!),
  );
  return {
    labels: fod.labels,
    maps: smoothed(rawMaps, side),
    rawMaps,
    masks,
    height: side,
    width: side,
  };
}

test("FOD's maps are those behind its numbers", () => {
  const { maps, rawMaps } = fodInput();
  expectSummary(rawMaps, fod.scores);
  expectSummary(maps, fod.smoothed);
});

test("protocol fod gives FOD's pixel AUROC before smoothing, that after it, image AUROC and threshold", () => {
  const { metrics, thresholds, warnings } = evaluate(fodInput(), { protocol: "fod" });
  expect(Object.keys(metrics)).toEqual(["i_roc", "p_roc", "p_roc_smoothed"]);
  expect(metrics.i_roc).toBe(fod.image_auc);
  expect(Math.abs(metrics.p_roc! - fod.pixel_auc_unsmoothed_reference)).toBeLessThan(near);
  expect(Math.abs(metrics.p_roc_smoothed! - fod.pixel_auc_smoothed)).toBeLessThan(near);
  expect(Math.abs(thresholds.image! - fod.f1_threshold)).toBeLessThan(near);
  expect(warnings).toEqual([]);
});

test("FOD's image scores are the maxima of its smoothed maps", () => {
  const { maps } = fodInput();
  for (const [i, score] of fod.image_scores.entries()) {
    const own = maps.subarray(i * 1024, (i + 1) * 1024).reduce((a, b) => Math.max(a, b));
    expect(Math.abs(own - score)).toBeLessThan(near);
  }
});

test("FOD's unused AUPRO is CDO 2023's with 1000 thresholds", () => {
  const { maps, masks, height, width } = fodInput(); // the smoothed ones
  const area = calProMetric({ maps, masks, height, width }, 1000);
  expect(Math.abs(area - fod.aupro_1000steps_unused_helper)).toBeLessThan(near);
});

test("the pixel threshold under fod is for the maps that images are scored by", () => {
  const input = fodInput();
  const { thresholds } = evaluate(input, { protocol: "fod" });
  expect(thresholds.pixel).toBe(f1Max(input.masks, input.maps).threshold);
});
