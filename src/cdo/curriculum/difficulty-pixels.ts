/** Cheap measures on the pixels that the networks see: how much there is to see in an image. */
import { denormalise, encodePng, type Image, makeImage, toGrey } from "../../data/index.ts";
import type { DifficultyTask } from "./difficulty.ts";

export type PixelMeasure = "gradient" | "entropy" | "png-size";

const measures: Readonly<Record<PixelMeasure, (image: Image) => number>> = {
  gradient: (image) => gradientEnergy(toGrey(image)),
  entropy: (image) => entropy(toGrey(image).data),
  "png-size": (image) => encodePng(image).length,
};

export async function pixelDifficulties(
  { around, places }: DifficultyTask,
  measure: PixelMeasure,
): Promise<readonly number[]> {
  const scores: number[] = [];
  for await (const { size, side, images } of around.set.clean(places)) {
    const pixels = side * side * 3;
    for (let i = 0; i < size; i++) {
      const rgb = denormalise(images.subarray(i * pixels, (i + 1) * pixels));
      scores.push(measures[measure](makeImage(side, side, 3, rgb)));
    }
  }
  return scores;
}

/** Mean of squared differences to the pixel on the right and below. */
export function gradientEnergy({ width, height, data }: Image): number {
  const at = (y: number, x: number) => data[y * width + x] as number;
  let sum = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const dx = x + 1 < width ? at(y, x + 1) - at(y, x) : 0;
      const dy = y + 1 < height ? at(y + 1, x) - at(y, x) : 0;
      sum += dx * dx + dy * dy;
    }
  }
  return sum / (width * height);
}

/** Of the distribution of values, bits. */
export function entropy(values: Uint8Array): number {
  const counts = new Uint32Array(256);
  for (const v of values) counts[v] = (counts[v] as number) + 1;
  return counts.reduce((sum, n) => {
    const p = n / values.length;
    return n > 0 ? sum - p * Math.log2(p) : sum;
  }, 0);
}
