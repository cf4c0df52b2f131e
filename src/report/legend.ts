/** The colour scale as a bar, with its ends and the threshold marked. */
import type { Image } from "../data/index.ts";
import { blank, blend, fill, ink, paste, type Rgb } from "./canvas.ts";
import { shortNumber } from "./caption.ts";
import { type ColourScale, colourAt, colourScale } from "./colour-scale.ts";
import { drawText, type TextStyle, textWidth } from "./text.ts";

/** A light grey photo stands under the colours. */
const under: Rgb = [214, 214, 218];

/** The bar alone: `low` at its left end, the threshold in the middle, `high` at its right end. */
export function scaleBar(scale: ColourScale, width: number, height: number): Image {
  const { low, threshold, high } = colourScale(scale);
  const bar = blank(width, height, under);
  for (let x = 0; x < width; x++) {
    const p = width > 1 ? x / (width - 1) : 0.5;
    const value =
      p < 0.5 ? low + 2 * p * (threshold - low) : threshold + (2 * p - 1) * (high - threshold);
    const colour = colourAt({ low, threshold, high }, value);
    for (let y = 0; y < height; y++) blend(bar, y * width + x, colour, colour[3]);
  }
  return bar;
}

/** The bar with its numbers beneath, as a picture of its own: `width` x 36 pixels, at least 120 wide. */
export function drawLegend(scale: ColourScale, width = 260): Image {
  const canvas = blank(Math.max(120, width), 36);
  legendOnto(canvas, scale, { x: 0, y: 3, width: canvas.width });
  return canvas;
}

/** Draws the legend into a picture, 33 pixels high. */
export function legendOnto(
  canvas: Image,
  scale: ColourScale,
  { x, y, width }: { readonly x: number; readonly y: number; readonly width: number },
): void {
  const barHeight = 12;
  paste(canvas, scaleBar(scale, width, barHeight), x, y);
  const middle = x + Math.floor((width - 1) / 2);
  const tick = { top: y - 3, bottom: y + barHeight + 4, left: middle, right: middle + 2 };
  fill(canvas, tick, ink.text);
  const style: TextStyle = { size: 8, colour: ink.faint };
  const { low, threshold, high } = colourScale(scale);
  const baseline = y + barHeight + 17;
  drawText(canvas, shortNumber(low), [x + 1, baseline], style);
  const text = shortNumber(threshold);
  const strong = { size: 8, colour: ink.text };
  drawText(canvas, text, [middle + 1 - textWidth(text, strong) / 2, baseline], strong);
  const end = shortNumber(high);
  drawText(canvas, end, [x + width - 1 - textWidth(end, style), baseline], style);
}
