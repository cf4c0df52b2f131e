/** Where "defective" begins, by a named policy; saved with the run and used by every later prediction. */
import { LoupeError } from "../error.ts";
import { maxF1Threshold, quantileThreshold } from "../metrics/index.ts";
import type { Prediction } from "./evaluate.ts";

export type ThresholdPolicy = "max-f1" | "quantile" | "manual";

export interface Thresholds {
  readonly policy: ThresholdPolicy;
  /** An image is defective at or above it. */
  readonly image: number;
  /** A pixel is defective at or above it. */
  readonly pixel: number;
  /** What it was taken from, in words. */
  readonly source: string;
}

export interface ThresholdOptions {
  readonly policy: ThresholdPolicy;
  /** Share of good images (and pixels) that stay below, for "quantile". */
  readonly quantile?: number;
  /** For "manual". */
  readonly image?: number;
  readonly pixel?: number;
}

/**
 * @param pixelF1 the pixel threshold of the best F1, when it is known already
 * @throws LoupeError `data` when the policy needs images that are not there
 */
export function chooseThresholds(
  predictions: readonly Prediction[],
  options: ThresholdOptions,
  pixelF1?: number,
): { thresholds: Thresholds; warnings: readonly string[] } {
  if (options.policy === "manual") return manual(options);
  if (options.policy === "quantile") return ofGood(predictions, options.quantile ?? 0.99);
  const labels = predictions.map((p) => p.label);
  const best = maxF1Threshold(
    labels,
    predictions.map((p) => p.score),
  );
  const usable = pixelF1 !== undefined && Number.isFinite(pixelF1);
  const pixel = usable ? pixelF1 : ofGood(predictions, 0.999).thresholds.pixel;
  const rest = usable ? "" : "; pixels: 99.9 % of good ones stay below";
  const source = `best F1 on ${predictions.length} labelled test images${rest}`;
  return {
    thresholds: { policy: "max-f1", image: best.threshold, pixel, source },
    warnings: best.warnings,
  };
}

function manual({ image, pixel }: ThresholdOptions): {
  thresholds: Thresholds;
  warnings: string[];
} {
  if (image === undefined || pixel === undefined) {
    throw new LoupeError("config", "thresholds: manual needs an image and a pixel threshold");
  }
  return { thresholds: { policy: "manual", image, pixel, source: "given by hand" }, warnings: [] };
}

function ofGood(
  predictions: readonly Prediction[],
  quantile: number,
): { thresholds: Thresholds; warnings: string[] } {
  const good = predictions.filter((p) => p.label === 0);
  const image = quantileThreshold(
    good.map((p) => p.score),
    quantile,
  );
  const pixels = new Float32Array(good.reduce((n, p) => n + p.map.length, 0));
  let at = 0;
  for (const { map } of good) {
    pixels.set(map, at);
    at += map.length;
  }
  const pixel = quantileThreshold(pixels, quantile);
  const source = `${quantile * 100} % of ${good.length} good images stay below`;
  const few = good.length * (1 - quantile) < 1;
  const warnings = few
    ? [
        `thresholds: ${good.length} good images are few for a quantile of ${quantile}; it is near their largest score`,
      ]
    : [];
  return { thresholds: { policy: "quantile", image, pixel, source }, warnings };
}
