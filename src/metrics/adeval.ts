/**
 * Parity with ADEval 1.1.0, which the 2025 CDO code uses with 50 strips: AUROC, area under precision over recall, and
 * AUPRO read off a histogram of n equal strips instead of every score. Coarse when one pixel stretches the range.
 */
import { LoupeError } from "../error.ts";
import { labelRegions, type Regions } from "./components.ts";
import { type PixelInput, type Pixels, readPixels } from "./pixels.ts";
import { countStrips, type Strips, sumAbove, trapezoid } from "./strips.ts";

export interface AdevalScores {
  readonly p_auroc: number;
  /** Trapezoid area under precision over recall; not average precision. */
  readonly p_aupr: number;
  readonly p_aupro: number;
}

const fprLimit = 0.3;
/** The reference widens the range of the maps by this much at either end. */
const margin = 1e-9;

/**
 * ADEval's pixel metrics over `strips` equal strips of the maps' range. NaN where the missing of a class leaves one
 * undefined (the reference raises). Throws `shape`, `data`, `numeric` or `config`.
 */
export function adevalScores(input: PixelInput, strips = 50): AdevalScores {
  const pixels = readPixels("adevalScores", input);
  return adevalOf(pixels, labelRegions(pixels), strips);
}

export function adevalOf(pixels: Pixels, regions: Regions, strips: number): AdevalScores {
  const { fpr, recall, precision, pro } = adevalCurves(pixels, regions, strips);
  return {
    p_auroc: trapezoid(fpr, recall),
    p_aupr: trapezoid(recall, precision),
    p_aupro: areaUpTo(fpr, pro, fprLimit) / fprLimit,
  };
}

/** What ADEval counts and the curves it draws, at the `strips + 1` edges of its strips from the lowest up. */
export interface AdevalCurves {
  /** With one more strip below the range and one above it. */
  readonly counted: Strips;
  readonly fpr: Float64Array;
  readonly recall: Float64Array;
  readonly precision: Float64Array;
  readonly pro: Float64Array;
}

export function adevalCurves(pixels: Pixels, regions: Regions, strips: number): AdevalCurves {
  if (!(Number.isInteger(strips) && strips >= 1 && strips <= 1e6)) {
    throw new LoupeError(
      "config",
      `adeval: strips must be an integer from 1 to 1000000, got ${strips}`,
    );
  }
  const low = pixels.min - margin;
  const high = pixels.max + margin;
  // reference: region weights are float32
  const weights = regions.areas.map((area) => Math.fround(1 / area));
  const stripOf = (value: number) => {
    return 1 + Math.min(Math.trunc(((value - low) * strips) / (high - low)), strips - 1);
  };
  const counted = countStrips(pixels, regions, weights, strips + 2, stripOf);
  const tp = sumAbove(counted.positives);
  const fp = sumAbove(counted.negatives);
  const overlap = sumAbove(counted.overlap);
  return {
    counted,
    fpr: fp.map((n) => n / fp[0]!),
    recall: tp.map((n) => n / tp[0]!),
    precision: tp.map((n, k) => (n + fp[k]! > 0 ? n / (n + fp[k]!) : 1)),
    pro: overlap.map((w) => w / overlap[0]!),
  };
}

/** Area under y over descending x, from x = 0 to `limit`; the segment that crosses the limit is interpolated. */
function areaUpTo(x: Float64Array, y: Float64Array, limit: number): number {
  const inside = x.findIndex((v) => v <= limit);
  if (inside < 1) return Number.NaN;
  const slope = (y[inside - 1]! - y[inside]!) / (x[inside - 1]! - x[inside]!);
  const width = limit - x[inside]!;
  const crossing = width * (y[inside]! + (slope * width) / 2);
  return trapezoid(x.subarray(inside), y.subarray(inside)) + crossing;
}
