/**
 * How the protocols read columns off ranked scores and maps. "exact" looks at every threshold; the others repeat a reference
 * implementation, quirks included.
 */
import { type AdevalScores, adevalOf } from "./adeval.ts";
import { checkFprLimit } from "./aupro.ts";
import type { Column } from "./columns.ts";
import type { Regions } from "./components.ts";
import { classCounts } from "./labels.ts";
import { type OverlapCurves, overlapCurves, thresholdList } from "./normalised.ts";
import type { FloatArray, Pixels } from "./pixels.ts";
import { calProMetricOf, calProOf, proAucPixelOf } from "./pro.ts";
import { type Ranking, rank, scoreAt, tieStart } from "./ranking.ts";
import { type Summary, summarise } from "./summary.ts";

/** Settings of the protocols; each protocol takes only its own. */
export interface ProtocolSettings {
  /** exact: false-positive rate up to which AUPRO is integrated, in (0, 1]; 0.3. */
  readonly fprLimit?: number;
  /** cdo2025: read pixel AUROC, AP and AUPRO off ADEval's strips (true), or as the reference does without ADEval. */
  readonly useAdeval?: boolean;
  /** cdo2025: strips of ADEval; 50. */
  readonly strips?: number;
  /** cdo2025 without ADEval: thresholds of its AUPRO; 100, the value in the reference's configs. */
  readonly maxStepAupro?: number;
}

/** Reads columns off the images, or off the pixels, of one evaluation. */
export interface Reader {
  value(column: Column): number;
  /** The F1-max threshold in the units of the scores or maps; NaN if there is none. */
  threshold(): number;
}

/** `nothing`: what average precision and F1 are when nothing is abnormal (scikit-learn: 0). */
export function imageReader(labels: Uint8Array, scores: FloatArray, nothing: number): Reader {
  const owners = Uint32Array.from(labels);
  const summary = summarise(rank([scores], owners), classCounts(owners), 1);
  return summaryReader(summary, nothing);
}

function summaryReader(summary: Summary, nothing: number): Reader {
  const orNothing = (value: number) => (summary.positives === 0 ? nothing : value);
  return {
    value: ({ measure }) => {
      if (measure === "AUROC") return summary.rocAuc;
      if (measure === "AUPRO") return summary.aupro;
      return orNothing(measure === "AP" ? summary.averagePrecision : summary.best.f1);
    },
    // With one class the best F1 lies at the lowest or at no score: no threshold to hand on.
    threshold: () =>
      summary.positives > 0 && summary.negatives > 0 ? summary.best.threshold : Number.NaN,
  };
}

export function exactPixels(
  pixels: Pixels,
  regions: Regions,
  { fprLimit = 0.3 }: ProtocolSettings,
): Reader {
  checkFprLimit("evaluate", fprLimit);
  const summary = summarise(rank(pixels.maps, regions.of), regions.areas, fprLimit);
  const ranked = summaryReader(summary, Number.NaN);
  const curves = curvesByList(pixels, regions, 0);
  return {
    value: (column) => {
      if (!("over" in column)) return ranked.value(column);
      if (summary.positives === 0) return Number.NaN;
      // Over all thresholds Dice is F1, IoU is largest where F1 is, and recall reaches 1.
      const { f1 } = summary.best;
      if (column.over === "max")
        return { F1: f1, Dice: f1, IoU: f1 / (2 - f1), Acc: 1 }[column.measure];
      return pixels.max > pixels.min ? mean(curves(column.over)[column.measure]) : Number.NaN;
    },
    threshold: ranked.threshold,
  };
}

export function pixels2025(pixels: Pixels, regions: Regions, settings: ProtocolSettings): Reader {
  const { useAdeval = true, strips = 50, maxStepAupro = 100 } = settings;
  const curves = curvesByList(pixels, regions, 1e-8);
  const twentyOne = thresholdList("mF1_max_px", 0, 1, 0.05);
  const adeval = once((): AdevalScores => adevalOf(pixels, regions, strips));
  const ranked = once(() =>
    summaryReader(summarise(rank(pixels.maps, regions.of), regions.areas, 1), 0),
  );
  return {
    value: (column) => {
      if ("over" in column) {
        if (column.over !== "max") return mean(curves(column.over)[column.measure]);
        return curves(twentyOne)[column.measure].reduce((a, b) => Math.max(a, b));
      }
      if (useAdeval) {
        const { p_auroc, p_aupr, p_aupro } = adeval();
        return { AUROC: p_auroc, AP: p_aupr, AUPRO: p_aupro, F1: Number.NaN }[column.measure];
      }
      return column.measure === "AUPRO"
        ? calProOf(pixels, regions, maxStepAupro)
        : ranked().value(column);
    },
    threshold: () => {
      const { F1, thresholds } = curves(twentyOne);
      const best = F1.indexOf(F1.reduce((a, b) => Math.max(a, b)));
      return F1[best] === 0
        ? Number.NaN
        : pixels.min + thresholds[best]! * (pixels.max - pixels.min);
    },
  };
}

export const pixels2023 = (pixels: Pixels, regions: Regions) =>
  sampledPixels(pixels, regions, calProMetricOf);

export const pixelsCfa = (pixels: Pixels, regions: Regions) =>
  sampledPixels(pixels, regions, proAucPixelOf);

/** AUROC and threshold of every pixel; PRO at some thresholds. */
function sampledPixels(pixels: Pixels, regions: Regions, pro: typeof proAucPixelOf): Reader {
  const ranking = rank(pixels.maps, regions.of);
  const summary = summarise(ranking, regions.areas, 1);
  return {
    value: ({ measure }) => (measure === "AUPRO" ? pro(pixels, regions) : summary.rocAuc),
    threshold: () =>
      summary.positives === 0 ? Number.NaN : firstBestF1(ranking, summary.positives),
  };
}

export function imagesFod(labels: Uint8Array, scores: FloatArray): Reader {
  const owners = Uint32Array.from(labels);
  const ranking = rank([scores], owners);
  const summary = summarise(ranking, classCounts(owners), 1);
  const reader = summaryReader(summary, 0);
  const threshold = () =>
    Number.isNaN(reader.threshold()) ? Number.NaN : firstBestF1(ranking, summary.positives);
  return { ...reader, threshold };
}

/** Pixel AUROC of the maps before smoothing, where they are there, and of those after it. */
export function pixelsFod(
  pixels: Pixels,
  regions: Regions,
  _: ProtocolSettings,
  raw: Pixels | undefined,
): Reader {
  const ranked = ({ maps }: Pixels) =>
    once(() => summaryReader(summarise(rank(maps, regions.of), regions.areas, 1), 0));
  const smoothed = ranked(pixels);
  const before = raw ? ranked(raw) : smoothed;
  return {
    value: (column) => ("raw" in column ? before() : smoothed()).value(column),
    threshold: () => smoothed().threshold(),
  };
}

/** reference: the first maximum of 2PR/(P+R) in floating point, where `summarise` compares the exact quotients */
function firstBestF1(ranking: Ranking, positives: number): number {
  let best = 0;
  let bestF1 = 0;
  let tp = 0;
  for (let end = ranking.size; end > 0; ) {
    const start = tieStart(ranking, end);
    for (let i = start; i < end; i++) if (ranking.owners[i] !== 0) tp++;
    const precision = tp / (ranking.size - start);
    const recall = tp / positives;
    const f1 = (2 * precision * recall) / (precision + recall);
    if (f1 >= bestF1) {
      bestF1 = f1;
      best = start;
    }
    end = start;
  }
  return scoreAt(ranking, best);
}

/** Overlap curves, computed once for each list of thresholds. */
function curvesByList(pixels: Pixels, regions: Regions, epsilon: number) {
  const known = new Map<string, OverlapCurves>();
  return (thresholds: Float64Array): OverlapCurves => {
    const key = thresholds.join();
    const curves = known.get(key) ?? overlapCurves(pixels, regions, thresholds, epsilon);
    known.set(key, curves);
    return curves;
  };
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function mean(values: Float64Array): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}
