/** Where "defective" begins, by a named policy; saved with the run and used by every later prediction. */
import { LoupeError } from "../error.ts";
import { maxF1Threshold, quantileThreshold } from "../metrics/index.ts";
import type { Prediction } from "./predict.ts";
import { quantileOf } from "./quantile.ts";

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
  /** Share of good images (and pixels) that stay below, for "quantile"; default 0.99. */
  readonly quantile?: number;
  /** For "manual". */
  readonly image?: number;
  readonly pixel?: number;
}

interface Choice {
  readonly thresholds: Thresholds;
  readonly warnings: readonly string[];
}

/** What the policies read of a prediction. */
export type Scored = Pick<Prediction, "label" | "score" | "map">;

/** Share of good pixels below the pixel threshold where no mask says where defects are. */
const pixelShare = 0.999;

/**
 * Chooses both thresholds. Memory does not grow with the maps: their quantile is exact, found by counting.
 * @param pixelF1 the pixel threshold of the best F1, when it is known already
 * @throws LoupeError `data` when the policy needs images that are not there, `config` for options that make no sense
 */
export function chooseThresholds(
  predictions: readonly Scored[],
  options: ThresholdOptions,
  pixelF1?: number,
): Choice {
  const { policy } = options;
  if (policy === "manual") return manual(options);
  if (policy === "quantile") return ofGood(predictions, options.quantile ?? 0.99);
  if (policy === "max-f1") return maxF1(predictions, pixelF1);
  const known = "max-f1, quantile or manual";
  throw new LoupeError("config", `thresholds: no policy "${String(policy)}"; use ${known}`);
}

function maxF1(predictions: readonly Scored[], pixelF1: number | undefined): Choice {
  const good = predictions.filter(({ label }) => label === 0);
  const defective = predictions.length - good.length;
  if (good.length === 0 || defective === 0) {
    const got = `got ${good.length} good and ${defective} defective`;
    const next = "use the policy quantile, which needs good images only, or manual";
    throw new LoupeError(
      "data",
      `thresholds: max-f1 needs good and defective images, ${got}; ${next}`,
    );
  }
  const labels = predictions.map(({ label }) => label);
  const best = maxF1Threshold(
    labels,
    predictions.map(({ score }) => score),
  );
  const usable = pixelF1 !== undefined && Number.isFinite(pixelF1);
  const pixel = usable ? pixelF1 : quantileOf(mapsOf(good), pixelShare);
  const rest = usable ? "" : `; pixels: ${percent(pixelShare)} of those of good images stay below`;
  const source = `best F1 on ${predictions.length} labelled test images${rest}`;
  return {
    thresholds: { policy: "max-f1", image: best.threshold, pixel, source },
    warnings: best.warnings,
  };
}

function manual({ image, pixel }: ThresholdOptions): Choice {
  for (const [name, value] of Object.entries({ image, pixel })) {
    if (Number.isFinite(value)) continue;
    const got = value === undefined ? "it is missing" : `got ${value}`;
    throw new LoupeError(
      "config",
      `thresholds: manual needs a number for the ${name} threshold, ${got}`,
    );
  }
  const source = "given by hand";
  return {
    thresholds: { policy: "manual", image: image as number, pixel: pixel as number, source },
    warnings: [],
  };
}

function ofGood(predictions: readonly Scored[], quantile: number): Choice {
  if (!(quantile >= 0 && quantile <= 1)) {
    throw new LoupeError("config", `thresholds: quantile must be from 0 to 1, got ${quantile}`);
  }
  const good = predictions.filter(({ label }) => label === 0);
  if (good.length === 0) {
    const next = "put some into the test split, or use the policy manual";
    throw new LoupeError("data", `thresholds: quantile needs good images, got none; ${next}`);
  }
  const image = quantileThreshold(
    good.map(({ score }) => score),
    quantile,
  );
  const pixel = quantileOf(mapsOf(good), quantile);
  const source = `${percent(quantile)} of ${good.length} good images stay below`;
  const thresholds: Thresholds = { policy: "quantile", image, pixel, source };
  // fewer than one image is expected above, give or take the rounding of 1 − q
  if (good.length * (1 - quantile) > 1 - 1e-9) return { thresholds, warnings: [] };
  const few = `${good.length} good images are few for a quantile of ${quantile}`;
  return { thresholds, warnings: [`thresholds: ${few}; it is near their largest score`] };
}

const mapsOf = (predictions: readonly Scored[]) => predictions.map(({ map }) => map);

const percent = (share: number) => `${Number((share * 100).toPrecision(10))} %`;
