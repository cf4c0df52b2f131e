/** One cell of a preview: a training image as the loader makes it, and in words what was done to it. */
import {
  cutOff,
  denormalise,
  imageCache,
  makeImage,
  opacityOf,
  type Survival,
  type Synthesis,
  skipBackgroundClasses,
  trainTransform,
} from "../data/index.ts";
import type { PreviewCell } from "../report/index.ts";
import type { PreviewImages } from "./preview-images.ts";

export interface PreviewOptions {
  readonly version: "2025" | "2023";
  /** Side of the network's input, pixels. */
  readonly size: number;
  readonly detour: boolean;
  readonly guard: boolean;
  readonly outline: boolean;
  readonly seed: number;
  readonly steps?: number;
  readonly imageCount?: number;
}

export interface Painted {
  readonly cell: PreviewCell;
  /** Share of the image that counts as abnormal. */
  readonly share: number;
  readonly survival: Survival | undefined;
}

/** Makes the training image of a place in the list, in an epoch from 0. */
export type Painter = (place: number, epoch: number, synthesis?: Synthesis) => Promise<Painted>;

export function painter({ samples, read }: PreviewImages, options: PreviewOptions): Painter {
  const { version, size, seed, detour } = options;
  const cache = imageCache();
  return async (place, epoch, synthesis) => {
    const sample = samples[place]!;
    const skipBackground = skipBackgroundClasses.includes(sample.className);
    const painted = version === "2023" ? { detour: false, skipBackground } : { detour };
    const anomalies = { ...painted, ...(synthesis ? { synthesis } : {}) };
    const reading = read ? { read } : {};
    const load = trainTransform({
      size,
      filters: version,
      seed,
      epoch,
      cache,
      anomalies,
      ...reading,
    });
    const pixels = new Float32Array(size * size * 3);
    const mask = new Float32Array(size * size);
    const survival = await load(sample, place, pixels, mask);
    const image = makeImage(size, size, 3, denormalise(pixels));
    const marks = Uint8Array.from(mask, (v) => Math.round(v * 255));
    const cell = options.outline ? { image, mask: makeImage(size, size, 1, marks) } : { image };
    return { cell, share: mask.reduce((sum, v) => sum + v, 0) / mask.length, survival };
  };
}

/** Of what was painted, how much counts; nothing to say where all but a few pixels do. */
export function survivalText(survival: Survival | undefined): string {
  if (!survival) return "";
  const { painted, survived } = survival;
  if (painted === 0) return "no anomaly";
  if (survived === 0) return "nothing counts";
  const percent = Math.round((100 * survived) / painted);
  return percent === 100 ? "" : `${percent}% counts`;
}

/** What a strength is physically, where that says more: a of amp, r of freq, α. Fixed strengths only. */
export function physicalText(synthesis: Synthesis, { version, detour, size }: PreviewOptions) {
  const { texture, opacity } = synthesis;
  const side = version === "2025" && detour ? 1024 : size;
  const said: string[] = [];
  if (texture?.kind === "amp" && texture.strength.kind === "fixed") {
    said.push(`a = ${round(127 * (texture.most ?? 1) * texture.strength.s)}`);
  }
  if (texture?.kind === "freq" && texture.strength.kind === "fixed") {
    said.push(`r = ${round(cutOff(side, texture.strength.s, texture.lowest))} of ${side}`);
  }
  if (opacity?.strength.kind === "fixed") {
    said.push(`alpha = ${round(opacityOf(opacity, opacity.strength.s))}`);
  }
  return said.join(", ");
}

const round = (value: number) =>
  String(value >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
