/**
 * Parity with the per-region-overlap areas of the reference implementations, which sample a list of thresholds and
 * rescale the axis instead of interpolating at the limit: CDO 2025 without ADEval, CDO 2023, which FOD has too, and CFA. Use
 * `auproScore` for numbers of your own.
 */
import { LoupeError } from "../error.ts";
import { labelRegions, type Regions } from "./components.ts";
import { holesOf } from "./holes.ts";
import { type PixelInput, type Pixels, readPixels } from "./pixels.ts";
import { arange, countStrips, exceeded, sumAbove, trapezoid } from "./strips.ts";

const fprLimit = 0.3;

/** Mean overlap and false-positive rate at each of some ascending thresholds (abnormal means `value > threshold`). */
export interface ProCurve {
  readonly thresholds: Float64Array;
  readonly pro: Float64Array;
  readonly fpr: Float64Array;
}

/**
 * CDO 2025's `cal_pro_score`: `maxStep` thresholds from the minimum up, points with FPR < 0.3, FPR rescaled to [0, 1] by
 * its own range. NaN for constant maps (the reference raises) and without an abnormal pixel.
 * Throws `shape`, `data`, `numeric` or `config`.
 */
export function calProScore(input: PixelInput, maxStep = 200): number {
  const pixels = readPixels("calProScore", input);
  return calProOf(pixels, labelRegions(pixels), maxStep);
}

export function calProOf(pixels: Pixels, regions: Regions, maxStep: number): number {
  checkSteps("calProScore: maxStep", maxStep);
  const step = (pixels.max - pixels.min) / maxStep;
  if (!(step > 0)) return Number.NaN;
  const curve = proCurve(pixels, regions, arange(pixels.min, pixels.max, step), "region");
  return rescaledArea(curve, (fpr) => fpr < fprLimit);
}

/**
 * CDO 2023's `cal_pro_metric`: 200 thresholds from the maximum down, points with FPR <= 0.3, FPR rescaled by its own
 * range. Can exceed 1: holes of a region count as found but not as area. NaN for constant maps and without an abnormal
 * pixel. FOD's `compute_pro_retrieval_metrics`, which its authors don't report, is the same with `steps` 1000.
 * Throws `shape`, `data`, `numeric` or `config`.
 */
export function calProMetric(input: PixelInput, steps = 200): number {
  const pixels = readPixels("calProMetric", input);
  return calProMetricOf(pixels, labelRegions(pixels), steps);
}

export function calProMetricOf(pixels: Pixels, regions: Regions, steps = 200): number {
  checkSteps("calProMetric: steps", steps);
  const curve = proCurve(pixels, regions, belowMaximum(pixels, steps), "filled");
  return rescaledArea(curve, (fpr) => fpr <= fprLimit);
}

/**
 * CFA's `pro_auc_pxl`: 200 thresholds from the maximum down, points with FPR <= 0.3, both FPR and overlap rescaled by their own
 * ranges. NaN for constant maps, without an abnormal pixel, and where the overlap never changes.
 * Throws `shape`, `data` or `numeric`.
 */
export function proAucPixel(input: PixelInput): number {
  const pixels = readPixels("proAucPixel", input);
  return proAucPixelOf(pixels, labelRegions(pixels));
}

export function proAucPixelOf(pixels: Pixels, regions: Regions): number {
  const curve = proCurve(pixels, regions, belowMaximum(pixels, 200), "region");
  // reference: the overlap is rescaled too, so that the largest below the limit counts as all of it
  return rescaledArea(curve, (fpr) => fpr <= fprLimit, stretched);
}

/** Ascending to the maximum, one step apart; the minimum is none of them. None for constant maps. */
export function belowMaximum({ min, max }: Pixels, steps: number): Float64Array {
  const step = (max - min) / steps;
  if (!(step > 0)) return new Float64Array(0);
  return Float64Array.from({ length: steps }, (_, k) => max - (steps - 1 - k) * step);
}

function checkSteps(what: string, steps: number): void {
  if (Number.isInteger(steps) && steps >= 1 && steps <= 1e6) return;
  throw new LoupeError("config", `${what} must be an integer from 1 to 1000000, got ${steps}`);
}

/** The curve at ascending `thresholds`; `overlap` says whether the holes of a region count as found with it. */
export function proCurve(
  pixels: Pixels,
  regions: Regions,
  thresholds: Float64Array,
  overlap: "region" | "filled",
): ProCurve {
  const weights = regions.areas.map((area) => 1 / area / regions.count);
  const stripOf = exceeded(thresholds);
  const strips = countStrips(pixels, regions, weights, thresholds.length + 1, stripOf);
  // reference: overlap on the hole-filled region, divided by the unfilled area
  if (overlap === "filled") {
    const n = pixels.height * pixels.width;
    for (const { pixel, region } of holesOf(pixels, regions)) {
      const value = pixels.maps[Math.floor(pixel / n)]![pixel % n]!;
      strips.overlap[stripOf(value)]! += weights[region]!;
    }
  }
  const normal = regions.areas[0]!;
  return {
    thresholds,
    pro: regions.count > 0 ? sumAbove(strips.overlap) : thresholds.map(() => Number.NaN),
    fpr: sumAbove(strips.negatives).map((fp) => fp / normal),
  };
}

/** Area under PRO over FPR, of the points whose FPR is kept, with FPR stretched to [0, 1] and PRO as `overlap` says. */
function rescaledArea(
  { pro, fpr }: ProCurve,
  keep: (fpr: number) => boolean,
  overlap = (y: Float64Array) => y,
): number {
  const y = pro.filter((_, k) => keep(fpr[k]!));
  const x = fpr.filter(keep);
  if (x.length < 2) return Number.NaN;
  return trapezoid(stretched(x), overlap(y));
}

/** To [0, 1]. Both axes fall along the list, so their range is last to first. */
function stretched(values: Float64Array): Float64Array {
  const low = values.at(-1)!;
  const range = values[0]! - low;
  return values.map((v) => (v - low) / range);
}
