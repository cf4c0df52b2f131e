/** Text on pictures: one line, measured, shortened if it must be, drawn with the strokes of `glyphs.ts`. */
import type { Image } from "../data/index.ts";
import { ink, type Rgb } from "./canvas.ts";
import { glyphOf } from "./glyphs.ts";
import { drawLines, type Polyline } from "./stroke.ts";

export interface TextStyle {
  /** Height of a capital letter in pixels. */
  readonly size: number;
  readonly colour?: Rgb;
  readonly bold?: boolean;
}

const capitals = 7;
const gap = 1.75;

/** Width of the text's ink in pixels. */
export function textWidth(text: string, { size }: TextStyle): number {
  const units = characters(text).reduce((sum, c) => sum + glyphOf(c).width + gap, -gap);
  return (Math.max(0, units) * size) / capitals;
}

/** Draws text with its left end at `x` and its baseline at `y`. Returns the column where it ends. */
export function drawText(
  canvas: Image,
  text: string,
  [x, y]: readonly [number, number],
  style: TextStyle,
): number {
  const { size, colour = ink.text, bold = false } = style;
  const scale = size / capitals;
  const lines: Polyline[] = [];
  let at = x;
  for (const character of characters(text)) {
    const glyph = glyphOf(character);
    for (const line of glyph.lines) {
      lines.push(line.map(([px, py]) => [at + px * scale, y + (py - capitals) * scale]));
    }
    at += (glyph.width + gap) * scale;
  }
  drawLines(canvas, lines, { colour, width: size * (bold ? 0.19 : 0.125) });
  return at - gap * scale;
}

/**
 * The text, or where it is wider than `width` pixels: without leading folders, if that is enough, else its end after an
 * ellipsis; empty if not even that fits.
 */
export function fitText(text: string, width: number, style: TextStyle): string {
  if (textWidth(text, style) <= width) return text;
  const slash = text.indexOf("/");
  if (slash >= 0) return fitText(text.slice(slash + 1), width, style);
  const all = characters(text);
  for (let start = 1; start < all.length; start++) {
    const short = `…${all.slice(start).join("")}`;
    if (textWidth(short, style) <= width) return short;
  }
  return "";
}

/** Accents are dropped, because the typeface has none. */
function characters(text: string): string[] {
  return [...text.normalize("NFD").replace(/\p{M}/gu, "")];
}
