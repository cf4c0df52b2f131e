/** maps/*.npy and images/*.png of a run: what the detector saw, under one colour scale. */
import { relative } from "node:path";
import { encodePng, type Framing, readShown, type Sample, writeNpy } from "../data/index.ts";
import type { Prediction } from "../detector/index.ts";
import { LoupeError } from "../error.ts";
import { type ColourScale, drawOverlay } from "../report/index.ts";
import type { Work } from "./predicting.ts";

/** Writes one file of a result: a run folder, or any other place. */
export type WriteFile = (name: string, bytes: Uint8Array) => Promise<void>;

/**
 * A name for each image, no two alike: `broken_large/000` for `bottle/test/broken_large/000.png`, as masks are named, so that
 * `loupe metrics` pairs them; `bottle/broken_large/000` where there are several classes; with its ending, or its whole path,
 * where that is not enough.
 */
export function namesOf(
  root: string,
  samples: readonly Pick<Sample, "path" | "className">[],
): string[] {
  const isOne = new Set(samples.map(({ className }) => className)).size === 1;
  const paths = samples.map(({ path }) => relative(root, path).replaceAll("\\", "/"));
  const names = samples.map(({ className }, i) => {
    const below = paths[i] as string;
    const isIn = below.startsWith(`${className}/`);
    const inClass = (isIn ? below.slice(className.length + 1) : below).replace(split, "");
    return isOne || !isIn ? inClass : `${className}/${inClass}`;
  });
  const plain = names.map((name) => name.replace(/\.[^./]*$/, ""));
  const [plainCounts, nameCounts] = [countsOf(plain), countsOf(names)];
  const taken = new Set<string>();
  return paths.map((path, i) => {
    const [short, name] = [plain[i] as string, names[i] as string];
    const isUnique = [plainCounts.get(short) === 1, nameCounts.get(name) === 1, true];
    const free = [short, name, path].find((one, k) => isUnique[k] && !taken.has(one));
    const chosen = free ?? `${path}.${i}`;
    taken.add(chosen);
    return chosen;
  });
}

const split = /^(test|train)\//i;

function countsOf(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
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
  /** How photos became what the maps are of. */
  readonly framing: Framing;
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
      const truth = { label, ...(mask ? { mask: gridOf(mask, look.framing.size) } : {}) };
      await write(`images/${name}.png`, await drawPrediction(prediction, name, look, truth));
    } catch (error) {
      if (!(error instanceof LoupeError) || error.code !== "data") throw error;
      terminal.warn(`${prediction.path}: no overlay: ${error.message}`);
    }
    meter.update(i + 1);
  }
  meter.end();
}

/** A row of pictures as PNG, of as much of the photo as the network saw; `truth` where it is known. */
export async function drawPrediction(
  { path, map, score }: Prediction,
  name: string,
  { framing, scale, threshold }: Look,
  truth: Pick<Drawn, "label" | "mask"> = {},
): Promise<Uint8Array> {
  const { photo } = await readShown(path, framing);
  const drawn: Drawn = { photo, map: gridOf(map, framing.size), name, score, ...truth };
  return encodePng(drawOverlay(drawn, threshold === undefined ? { scale } : { scale, threshold }));
}

type Drawn = Parameters<typeof drawOverlay>[0];

const gridOf = (data: Float32Array | Uint8Array, size: number) => ({
  width: size,
  height: size,
  data,
});
