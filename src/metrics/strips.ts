/**
 * Counting pixels between thresholds: the reference's pixel metrics look at a fixed list of thresholds instead of every
 * score, so one pass that drops each pixel into the strip between two thresholds serves them all.
 */
import type { Regions } from "./components.ts";
import type { Pixels } from "./pixels.ts";

/** Per strip, from the lowest to the highest. */
export interface Strips {
  readonly positives: Float64Array;
  readonly negatives: Float64Array;
  /** Sum of the weights of the regions whose pixels fall into the strip. */
  readonly overlap: Float64Array;
}

/** Drops every pixel into strip `stripOf(value)` of `count`; `weights[r]` is what a pixel of region r adds to the overlap. */
export function countStrips(
  pixels: Pixels,
  regions: Regions,
  weights: Float64Array,
  count: number,
  stripOf: (value: number) => number,
): Strips {
  const positives = new Float64Array(count);
  const negatives = new Float64Array(count);
  const overlap = new Float64Array(count);
  let at = 0;
  for (const map of pixels.maps) {
    for (let i = 0; i < map.length; i++, at++) {
      const strip = stripOf(map[i]!);
      const region = regions.of[at]!;
      if (region === 0) negatives[strip]!++;
      else {
        positives[strip]!++;
        overlap[strip]! += weights[region]!;
      }
    }
  }
  return { positives, negatives, overlap };
}

/** Entry k of the result: the sum of the strips above threshold k. The lowest strip lies under all thresholds. */
export function sumAbove(strips: Float64Array): Float64Array {
  const above = new Float64Array(strips.length - 1);
  let sum = 0;
  for (let k = above.length - 1; k >= 0; k--) {
    sum += strips[k + 1]!;
    above[k] = sum;
  }
  return above;
}

/** How many of the ascending, evenly spaced `thresholds` a value exceeds (strictly); exact whatever the rounding. */
export function exceeded(thresholds: Float64Array): (value: number) => number {
  const n = thresholds.length;
  const first = thresholds[0] ?? 0;
  const perStep = n > 1 ? (n - 1) / (thresholds[n - 1]! - first) : 0;
  return (value) => {
    const guess = Math.ceil((value - first) * perStep);
    let k = guess > 0 ? Math.min(guess, n) : 0;
    while (k < n && value > thresholds[k]!) k++;
    while (k > 0 && !(value > thresholds[k - 1]!)) k--;
    return k;
  };
}

/** numpy.arange(start, stop, step) to the last bit: the step is rounded once, through start + step. */
export function arange(start: number, stop: number, step: number): Float64Array {
  const length = Math.max(0, Math.ceil((stop - start) / step));
  const delta = start + step - start;
  return Float64Array.from({ length }, (_, i) => (i === 1 ? start + step : start + i * delta));
}

/** Area under the line through the points (x, y), by the trapezoid rule; descending x counts as positive too. */
export function trapezoid(x: ArrayLike<number>, y: ArrayLike<number>): number {
  let area = 0;
  for (let i = 1; i < x.length; i++) area += ((x[i]! - x[i - 1]!) * (y[i]! + y[i - 1]!)) / 2;
  return Math.abs(area);
}
