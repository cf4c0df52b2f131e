/** Brings what a caller has (maps, masks, flags, scores; not always all of them) into one checked form for every protocol. */
import { LoupeError } from "../error.ts";
import { labelRegions, type Regions } from "./components.ts";
import { topFractionMean } from "./imagescore.ts";
import { type Labels, readLabels, readScores } from "./labels.ts";
import {
  checkFinite,
  type FloatArray,
  type MaskArray,
  type Pixels,
  readPixels,
  splitImages,
} from "./pixels.ts";

/** N images. Give `labels` and `scores`, or `maps` and `masks`, or all of them. */
export interface EvaluationInput {
  /** Anomaly flag of each image: 0 or false is normal. */
  readonly labels?: Labels;
  /** Score of each image. Without them, taken from the maps. */
  readonly scores?: ArrayLike<number>;
  /** Anomaly maps `[N, H, W]`, flat or one array per image; before any rescaling. */
  readonly maps?: FloatArray | readonly FloatArray[];
  /** Masks `[N, H, W]` at the size of the maps; every value but 0 is abnormal. */
  readonly masks?: MaskArray | readonly MaskArray[];
  /** Maps before they were smoothed, in the form of `maps`. Only protocol "fod" looks at them. */
  readonly rawMaps?: FloatArray | readonly FloatArray[];
  readonly height?: number;
  readonly width?: number;
}

/** Where image labels come from: the data set's flag, or whether the (resized) mask has an abnormal pixel. */
export type LabelSource = "flag" | "mask";

export interface Samples {
  readonly labels: Uint8Array | undefined;
  readonly scores: FloatArray | undefined;
  readonly pixels: Pixels | undefined;
  /** Before smoothing; undefined unless asked for and given. */
  readonly rawPixels: Pixels | undefined;
  readonly regions: Regions | undefined;
  readonly warnings: readonly string[];
}

export interface SampleRules {
  readonly labels: LabelSource;
  /** "given", or the fraction of largest pixels whose mean is the score, whatever is given. */
  readonly scores: "given" | number;
  /** Fraction of largest pixels where scores are not given. */
  readonly scoreRatio: number;
  /** Whether maps before smoothing are looked at. */
  readonly rawMaps: boolean;
}

export function readSamples(input: EvaluationInput, rules: SampleRules): Samples {
  const { height = 0, width = 0 } = input;
  const maps = input.maps && splitImages("evaluate", "maps", input.maps, height, width);
  const masks = input.masks && splitImages("evaluate", "masks", input.masks, height, width);
  const pixels = maps && masks && readPixels("evaluate", { maps, masks, height, width });
  const raw = rules.rawMaps ? input.rawMaps : undefined;
  const rawMaps = raw && splitImages("evaluate", "rawMaps", raw, height, width);
  const rawPixels =
    rawMaps && masks && readPixels("evaluate", { maps: rawMaps, masks, height, width });
  if (maps && !masks) checkFinite("evaluate", maps);
  const warnings: string[] = [];
  const labels = chooseLabels(input.labels, masks, rules.labels, warnings);
  const scores = chooseScores(input.scores, maps, rules, warnings);
  checkCounts({ labels: input.labels, scores: input.scores, maps, masks, rawMaps });
  return { labels, scores, pixels, rawPixels, regions: pixels && labelRegions(pixels), warnings };
}

function chooseLabels(
  given: Labels | undefined,
  masks: readonly MaskArray[] | undefined,
  source: LabelSource,
  warnings: string[],
): Uint8Array | undefined {
  const flags = given && readLabels("evaluate", given);
  const fromMasks = masks && Uint8Array.from(masks, (mask) => (mask.some((v) => v !== 0) ? 1 : 0));
  if (flags && fromMasks) {
    const used = source === "flag" ? "flag" : "mask";
    const differ = (flag: number) =>
      [...flags.keys()].filter((i) => flags[i] === flag && fromMasks[i] !== flag);
    const vanished = differ(1);
    if (vanished.length > 0) {
      warnings.push(
        `image labels: ${list(vanished)} flagged abnormal, but without an abnormal pixel in the mask at this size; ` +
          `labelled by the ${used}`,
      );
    }
    const stray = differ(0);
    if (stray.length > 0) {
      warnings.push(
        `image labels: ${list(stray)} flagged normal, but with abnormal pixels in the mask; labelled by the ${used}`,
      );
    }
  }
  return source === "flag" ? (flags ?? fromMasks) : (fromMasks ?? flags);
}

function chooseScores(
  given: ArrayLike<number> | undefined,
  maps: readonly FloatArray[] | undefined,
  rules: SampleRules,
  warnings: string[],
): FloatArray | undefined {
  const fromMaps = (ratio: number) =>
    maps && Float64Array.from(maps, (map) => topFractionMean(map, ratio));
  if (rules.scores === "given") {
    return given ? readScores("evaluate", given) : fromMaps(rules.scoreRatio);
  }
  const scores = fromMaps(rules.scores);
  if (scores && given && scores.some((score, i) => score !== given[i])) {
    warnings.push(
      "image scores: those given differ from the maps' maxima; this protocol uses the maxima",
    );
  }
  return scores ?? (given && readScores("evaluate", given));
}

function checkCounts(parts: Readonly<Record<string, ArrayLike<unknown> | undefined>>): void {
  const given = Object.entries(parts).filter(([, part]) => part !== undefined);
  const counts = new Set(given.map(([, part]) => part?.length));
  if (counts.size > 1) {
    const shown = given.map(([name, part]) => `${part?.length} ${name}`).join(", ");
    throw new LoupeError("shape", `evaluate: needs one of each per image, got ${shown}`);
  }
  if (counts.size === 0 || counts.has(0)) {
    throw new LoupeError(
      "data",
      "evaluate: needs at least one image, got none; check which class and split are read",
    );
  }
}

function list(images: readonly number[]): string {
  const shown = images.slice(0, 10).join(", ") + (images.length > 10 ? ", ..." : "");
  return images.length === 1 ? `1 image (${shown}) is` : `${images.length} images (${shown}) are`;
}
