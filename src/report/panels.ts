/** The pictures of one result at one size: photo, heat map, prediction, ground truth. */
import { type Image, resize, type Size } from "../data/index.ts";
import { LoupeError } from "../error.ts";
import { blend, drawable } from "./canvas.ts";
import type { ColourScale } from "./colour-scale.ts";
import { contourStroke, drawContour } from "./contour.ts";
import { checkGrid, type Grid, resizeGrid } from "./grid.ts";
import { heatOverlay } from "./heat.ts";

/** One image and what a detector says about it. Map and mask cover the whole photo, at any size of their own. */
export interface Sample {
  /** `[H, W, 1 or 3]`, 8 bits. */
  readonly photo: Image;
  readonly map: Grid;
  /** Ground truth 0..1, defective above 1/2 (`gridOf` makes one from a mask image); left out if not known. */
  readonly mask?: Grid;
  readonly name?: string;
  /** The image's score; without it there is no caption. */
  readonly score?: number;
  /** 0 good, 1 defective; left out if not known. */
  readonly label?: number;
}

/** The pictures of one sample, all of one size; `truth` only where there is a mask. */
export interface Panels {
  readonly photo: Image;
  readonly heat: Image;
  readonly prediction: Image;
  readonly truth?: Image;
}

/** The largest size of the photo's shape that fits a square of `box` pixels. */
export function fitSize({ width, height }: Size, box: number): Size {
  const scale = box / Math.max(width, height);
  return {
    width: Math.max(1, Math.round(width * scale)),
    height: Math.max(1, Math.round(height * scale)),
  };
}

/** The photo as large as fits a square of `box` pixels, with three channels. */
export function fitPhoto(photo: Image, box: number): Image {
  return resize(drawable(photo), fitSize(photo, box), "bicubic");
}

/**
 * Draws the panels of a sample, each as large as fits a square of `box` pixels. The contour of the prediction lies at the
 * scale's threshold. Throws `shape`, `numeric` or `config` for what can't be drawn.
 */
export function drawPanels(sample: Sample, scale: ColourScale, box: number): Panels {
  if (!Number.isSafeInteger(box) || box < 1 || box > 4096) {
    throw new LoupeError("config", `drawPanels: the size must be 1 to 4096 pixels, got ${box}`);
  }
  const photo = fitPhoto(sample.photo, box);
  return {
    photo,
    heat: heatOverlay(photo, sample.map, scale),
    prediction: drawContour(photo, sample.map, scale.threshold, contourStroke.prediction),
    ...(sample.mask ? { truth: drawTruth(photo, sample.mask) } : {}),
  };
}

const tint = 0.28;

/** The photo with the true defect tinted and outlined. */
export function drawTruth(photo: Image, mask: Grid): Image {
  checkGrid("drawTruth", mask);
  for (let i = 0; i < mask.data.length; i++) {
    const value = mask.data[i]!;
    if (value >= 0 && value <= 1) continue;
    throw new LoupeError("data", `drawTruth: mask values must be 0 to 1, got ${value}; use gridOf`);
  }
  const canvas = drawable(photo);
  const { data } = resizeGrid(mask, canvas);
  for (let i = 0; i < data.length; i++) {
    if (data[i]! > 0.5) blend(canvas, i, contourStroke.truth.colour, tint);
  }
  return drawContour(canvas, mask, 0.5, contourStroke.truth);
}
