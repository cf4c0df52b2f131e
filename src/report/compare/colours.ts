/** Colours of a comparison: cells by their place in the column, differences around zero, one line style per experiment. */
import { interpolateRdBu, interpolateViridis } from "d3-scale-chromatic";
import type { Rgb } from "../canvas.ts";
import { ink } from "../canvas.ts";

/** Where there is nothing to colour by. */
export const plain: Rgb = ink.cell;

/** @param position 0 the worst of the column, 1 the best */
export const viridis = (position: number): Rgb => parse(interpolateViridis(clamp(position)));

/** @param position -1 much worse than the baseline, 0 equal, 1 much better. Red, white, blue. */
export function diverging(position: number): Rgb {
  // the ends of the map are too dark to tell apart
  return parse(interpolateRdBu(0.5 + 0.4 * Math.max(-1, Math.min(1, position))));
}

/** Black or white, whichever stands out more (WCAG's contrast of luminances). */
export function inkOn(background: Rgb): Rgb {
  const l = luminance(background) + 0.05;
  return 1.05 / l > l / (luminance(dark) + 0.05) ? [255, 255, 255] : dark;
}

/** Darker than other text: digits are thin, and some cells of middling brightness. */
const dark: Rgb = [12, 12, 16];

function luminance(colour: Rgb): number {
  const [r, g, b] = colour.map((c) => {
    const v = c / 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export interface LineStyle {
  readonly colour: Rgb;
  readonly width: number;
  readonly dash?: readonly number[];
}

/** Okabe and Ito's colours, told apart with any colour vision; yellow darkened, black left for baselines. */
const hues: readonly Rgb[] = [
  [0, 114, 178],
  [213, 94, 0],
  [0, 158, 115],
  [204, 121, 167],
  [86, 180, 233],
  [230, 159, 0],
  [148, 103, 189],
  [140, 86, 75],
];
const dashes: readonly (readonly number[] | undefined)[] = [
  undefined,
  [6, 4],
  [1.5, 3.5],
  [8, 3, 1.5, 3],
];

/** The line of the i-th experiment of its kind. Colours come round again with another dash. */
export function lineStyle(i: number, isBaseline: boolean): LineStyle {
  const turn = Math.floor(i / (isBaseline ? 1 : hues.length));
  const dash = dashes[turn % dashes.length];
  const colour: Rgb = isBaseline ? ink.text : hues[i % hues.length]!;
  return { colour, width: isBaseline ? 2.4 : 1.7, ...(dash ? { dash } : {}) };
}

const clamp = (v: number) => Math.max(0, Math.min(1, v));

/** `#rrggbb` or `rgb(r, g, b)`. */
function parse(text: string): Rgb {
  const parts = text.startsWith("#")
    ? [1, 3, 5].map((at) => Number.parseInt(text.slice(at, at + 2), 16))
    : text.match(/\d+/g)!.map(Number);
  return parts as unknown as Rgb;
}
