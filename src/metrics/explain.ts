/** Why a metric is NaN or says nothing, in words: a number without its reason would be read as a result. */
import type { Regions } from "./components.ts";
import type { Pixels } from "./pixels.ts";

export type Metrics = Readonly<Record<string, number>>;

/** Warnings for the image columns, given how many images are abnormal. */
export function explainImages(metrics: Metrics, positives: number, images: number): string[] {
  if (positives > 0 && positives < images) return [];
  const all = images === 1 ? "the only image is" : `all ${images} images are`;
  return oneClass(metrics, positives === 0 ? `${all} normal` : `${all} abnormal`, positives === 0);
}

/** Warnings for the pixel columns. */
export function explainPixels(metrics: Metrics, pixels: Pixels, regions: Regions): string[] {
  const n = pixels.masks.length;
  if (regions.count === 0) {
    return oneClass(
      metrics,
      `no abnormal pixel in ${n === 1 ? "the mask" : `any of ${n} masks`}`,
      true,
    );
  }
  if (regions.areas[0] === 0)
    return oneClass(metrics, "every pixel of the masks is abnormal", false);
  if (pixels.min === pixels.max) {
    return [
      `pixel metrics: all maps have the one value ${pixels.min}, so they tell no pixel from another`,
      ...undefinedOnes(metrics, "a constant map can't be normalised or cut into steps"),
    ];
  }
  const reason =
    "up to the limit there is only one false-positive rate, or one overlap where that is stretched";
  return undefinedOnes(metrics, reason);
}

function oneClass(metrics: Metrics, reason: string, noneAbnormal: boolean): string[] {
  const defined = names(metrics, (value) => !Number.isNaN(value));
  const empty = noneAbnormal
    ? "only by the reference's convention; undefined because"
    : "whatever the scores, because";
  return [
    ...undefinedOnes(metrics, reason),
    ...(defined.length > 0
      ? [`${defined.map((name) => `${name} is ${metrics[name]}`).join(", ")} ${empty} ${reason}`]
      : []),
  ];
}

function undefinedOnes(metrics: Metrics, reason: string): string[] {
  const undefined_ = names(metrics, Number.isNaN);
  return undefined_.length > 0 ? [`${undefined_.join(", ")}: undefined (NaN), ${reason}`] : [];
}

function names(metrics: Metrics, test: (value: number) => boolean): string[] {
  return Object.keys(metrics).filter((name) => test(metrics[name]!));
}
