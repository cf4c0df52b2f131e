/** maps/*.npy and images/*.png of a run: what the detector saw, under one colour scale. */
import { relative } from "node:path";
import { encodePng, readImage, type Sample, writeNpy } from "../data/index.ts";
import type { Prediction } from "../detector/index.ts";
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
  for (const [i, prediction] of predictions.entries()) {
    await write(`maps/${names[i]}.npy`, mapFile(prediction, size));
  }
}

/** The map of one image as .npy, `[H, W]` float32. */
export const mapFile = ({ map }: Pick<Prediction, "map">, size: number): Uint8Array =>
  writeNpy(map, [size, size]);

/** How pictures are drawn. */
export interface Look {
  /** Side of the maps, pixels. */
  readonly size: number;
  readonly scale: ColourScale;
  /** The image threshold; without it no verdict. */
  readonly threshold: number | undefined;
}

/**
 * images/<name>.png of labelled images: photo, heat map, prediction, ground truth. A photo that can't be read any more is
 * told and left out.
 */
export async function writeOverlays(
  names: readonly string[],
  predictions: readonly Prediction[],
  look: Look,
  write: WriteFile,
  { terminal, interrupt, stopped }: Work,
): Promise<void> {
  const meter = terminal.meter({ label: "drawing", total: predictions.length, unit: "images" });
  for (const [i, prediction] of predictions.entries()) {
    interrupt.check(stopped);
    const name = names[i] as string;
    try {
      const { mask, label } = prediction;
      const truth = { label, ...(mask ? { mask: gridOf(mask, look.size) } : {}) };
      await write(`images/${name}.png`, await drawPrediction(prediction, name, look, truth));
    } catch (error) {
      if (!(error instanceof LoupeError) || error.code !== "data") throw error;
      terminal.warn(`${prediction.path}: no overlay: ${error.message}`);
    }
    meter.update(i + 1);
  }
  meter.end();
}

/** A row of pictures as PNG; `truth` where it is known. */
export async function drawPrediction(
  { path, map, score }: Prediction,
  name: string,
  { size, scale, threshold }: Look,
  truth: Pick<Drawn, "label" | "mask"> = {},
): Promise<Uint8Array> {
  const photo = await readImage(path);
  const drawn: Drawn = { photo, map: gridOf(map, size), name, score, ...truth };
  return encodePng(drawOverlay(drawn, threshold === undefined ? { scale } : { scale, threshold }));
}

type Drawn = Parameters<typeof drawOverlay>[0];

const gridOf = (data: Float32Array | Uint8Array, size: number) => ({
  width: size,
  height: size,
  data,
});
