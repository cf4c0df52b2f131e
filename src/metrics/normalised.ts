/**
 * F1, Dice, accuracy and IoU at thresholds of the min-max normalised maps, pooled over all pixels of all images: the
 * columns `mF1_px_a_b_s` (mean over a, a+s, ... <= b + 0.001) and, in parity, `mF1_max_px` (maximum over 0, 0.05, ... 1).
 */
import { LoupeError } from "../error.ts";
import type { Regions } from "./components.ts";
import type { Pixels } from "./pixels.ts";
import { arange, countStrips, exceeded, sumAbove } from "./strips.ts";

export type Overlap = "F1" | "Dice" | "Acc" | "IoU";

/** One value per threshold; `Acc` is recall, as in the reference. */
export type OverlapCurves = { readonly [kind in Overlap]: Float64Array } & {
  readonly thresholds: Float64Array;
};

const mostThresholds = 100_000;

/** The thresholds a, a+s, ... up to b + 0.001, as numpy.arange yields them. Throws `config` if that is no list. */
export function thresholdList(column: string, a: number, b: number, step: number): Float64Array {
  const length = (b + 0.001 - a) / step;
  if (!(step > 0 && length > 0 && length <= mostThresholds)) {
    throw new LoupeError(
      "config",
      `evaluate: ${column} must name 1 to ${mostThresholds} thresholds as <first>_<last>_<step>, got ${a} to ${b} by ${step}`,
    );
  }
  return arange(a, b + 0.001, step);
}

/**
 * The four measures where `(value - min) / (max - min) > t`. `epsilon` is added to every denominator: 1e-8 in the
 * reference, 0 for exact values, where 0/0 is 0. Constant maps exceed no threshold. Without an abnormal pixel all is 0.
 */
export function overlapCurves(
  pixels: Pixels,
  regions: Regions,
  thresholds: Float64Array,
  epsilon: number,
): OverlapCurves {
  const { min, max } = pixels;
  const range = max - min;
  const stripsBelow = exceeded(thresholds);
  const stripOf = range > 0 ? (value: number) => stripsBelow((value - min) / range) : () => 0;
  const none = new Float64Array(regions.areas.length);
  const strips = countStrips(pixels, regions, none, thresholds.length + 1, stripOf);
  const tp = sumAbove(strips.positives);
  const fp = sumAbove(strips.negatives);
  const gt = regions.of.length - regions.areas[0]!;
  const over = (a: number, b: number) => (a === 0 ? 0 : a / (b + epsilon));
  const at = (f: (tp: number, predicted: number) => number) => tp.map((n, k) => f(n, n + fp[k]!));
  return {
    thresholds,
    F1: at((n, predicted) => {
      const precision = over(n, predicted);
      const recall = over(n, gt);
      return over(2 * precision * recall, precision + recall);
    }),
    Dice: at((n, predicted) => over(2 * n, predicted + gt)),
    Acc: at((n) => over(n, gt)),
    IoU: at((n, predicted) => over(n, predicted + gt - n)),
  };
}
