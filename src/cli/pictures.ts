/** maps/*.npy and images/*.png of a run: what the detector saw, under one colour scale. */
import { relative } from "node:path";
import { encodePng, readImage, type Sample, writeNpy } from "../data/index.ts";
import type { Prediction, Thresholds } from "../detector/index.ts";
import { LoupeError } from "../error.ts";
import { type ColourScale, drawOverlay } from "../report/index.ts";
import type { Work } from "./predicting.ts";

/** Writes one file of a result: a run folder, or any other place. */
export type WriteFile = (name: string, bytes: Uint8Array) => Promise<void>;

/**
 * A name for each image, `broken_large/000` for `bottle/test/broken_large/000.png`: as masks are named, so that
 * `loupe metrics` pairs them.
 */
export function namesOf(
  root: string,
  samples: readonly Pick<Sample, "path" | "className">[],
): string[] {
  const names = samples.map(({ path, className }) => {
    const below = relative(root, path).replaceAll("\\", "/");
    const inClass = below.startsWith(`${className}/`) ? below.slice(className.length + 1) : below;
    return inClass.replace(/^(test|train)\//i, "");
  });
  const plain = names.map((name) => name.replace(/\.[^./]*$/, ""));
  return plain.map((name, i) =>
    plain.indexOf(name) === plain.lastIndexOf(name) ? name : (names[i] as string),
  );
}

/** `[H, W]` float32 each. */
export async function writeMaps(
  names: readonly string[],
  predictions: readonly Prediction[],
  size: number,
  write: WriteFile,
): Promise<void> {
  for (const [i, { map }] of predictions.entries()) {
    await write(`maps/${names[i]}.npy`, writeNpy(map, [size, size]));
  }
}

export interface OverlayPlan {
  readonly names: readonly string[];
  readonly predictions: readonly Prediction[];
  readonly size: number;
  readonly scale: ColourScale;
  readonly thresholds: Thresholds;
  /** Whether the folder said which images are good. */
  readonly labelled: boolean;
}

/** One row of pictures for each image; a photo that can't be read any more is told and left out. */
export async function writeOverlays(
  plan: OverlayPlan,
  write: WriteFile,
  work: Work,
): Promise<void> {
  const { terminal, interrupt, stopped } = work;
  const { names, predictions } = plan;
  const meter = terminal.meter({ label: "drawing", total: predictions.length, unit: "images" });
  for (const [i, prediction] of predictions.entries()) {
    interrupt.check(stopped);
    try {
      await write(`images/${names[i]}.png`, await overlayOf(plan, names[i] as string, prediction));
    } catch (error) {
      if (!(error instanceof LoupeError) || error.code !== "data") throw error;
      terminal.warn(`${prediction.path}: no overlay: ${error.message}`);
    }
    meter.update(i + 1);
  }
  meter.end();
}

async function overlayOf(
  { size, scale, thresholds, labelled }: OverlayPlan,
  name: string,
  { path, map, mask, score, label }: Prediction,
): Promise<Uint8Array> {
  const photo = await readImage(path);
  const grid = (data: Float32Array | Uint8Array) => ({ width: size, height: size, data });
  const sample = {
    photo,
    map: grid(map),
    name,
    score,
    ...(labelled && mask ? { mask: grid(mask) } : {}),
    ...(labelled ? { label } : {}),
  };
  return encodePng(drawOverlay(sample, { scale, threshold: thresholds.image }));
}
