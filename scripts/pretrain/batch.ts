/** Batches of drawn pictures. A picture belongs to (seed, step, number), so a run that goes on after a break draws the same ones. */
import { normalise, seededRandom, textureClasses, textureScene } from "../../src/data/index.ts";
import { levelStrides } from "../../src/models/index.ts";
import { noLabel } from "./network.ts";

/** On the host: images `[N, S, S, 3]`, and labels `[N, S / stride, S / stride]` of each level. */
export interface TextureBatch {
  readonly images: Float32Array<ArrayBuffer>;
  readonly labels: readonly Int32Array<ArrayBuffer>[];
}

export interface BatchSettings {
  readonly seed: number;
  /** Pictures of a batch. */
  readonly batch: number;
  /** Side of a picture in pixels, a multiple of 16. */
  readonly size: number;
}

/** The share of a place that one texture must take for its name to count; coarse places are seldom pure. */
const purity = [0.75, 0.6, 0.5] as const;

export function drawBatch({ seed, batch, size }: BatchSettings, step: number): TextureBatch {
  const images = new Float32Array(batch * size * size * 3);
  const labels = levelStrides.map((stride) => new Int32Array(batch * (size / stride) ** 2));
  for (let i = 0; i < batch; i++) {
    const scene = textureScene(size, seededRandom(seed, step, i));
    normalise(scene.image, images.subarray(i * size * size * 3, (i + 1) * size * size * 3));
    levelStrides.forEach((stride, level) => {
      const side = size / stride;
      const out = labels[level]!.subarray(i * side * side, (i + 1) * side * side);
      placeLabels(scene.labels, size, { stride, purity: purity[level]! }, out);
    });
  }
  return { images, labels };
}

/** The class that takes at least `purity` of each square of `stride` pixels, or `noLabel`. */
export function placeLabels(
  labels: Uint8Array,
  size: number,
  { stride, purity }: { readonly stride: number; readonly purity: number },
  out: Int32Array,
): void {
  const side = size / stride;
  const counts = new Uint16Array(textureClasses.length);
  for (let at = 0; at < out.length; at++) {
    const start = Math.floor(at / side) * stride * size + (at % side) * stride;
    counts.fill(0);
    let best = labels[start]!;
    for (let k = 0; k < stride * stride; k++) {
      const label = labels[start + Math.floor(k / stride) * size + (k % stride)]!;
      counts[label] = counts[label]! + 1;
      if (counts[label]! > counts[best]!) best = label;
    }
    out[at] = counts[best]! >= purity * stride * stride ? best : noLabel;
  }
}
