/**
 * Anti-aliased lines with round ends, by distance: a pixel's ink is how far its centre lies inside the line's width.
 * All segments of one call are one shape, so that joints and crossings are not painted twice. Contours and letters are
 * drawn with it.
 */
import type { Image } from "../data/index.ts";
import { blend, type Rgb } from "./canvas.ts";

/** A point in pixels; the centre of the top left pixel is `[0.5, 0.5]`. */
export type Point = readonly [x: number, y: number];

/** Points joined by straight segments. */
export type Polyline = readonly Point[];

export interface Stroke {
  readonly colour: Rgb;
  /** Width in pixels. */
  readonly width: number;
  /** A soft border around the line that sets it off from any background. */
  readonly halo?: { readonly colour: Rgb; readonly width: number; readonly opacity: number };
}

/** Draws on `canvas` (three channels); what lies outside is cut off. */
export function drawLines(canvas: Image, lines: readonly Polyline[], stroke: Stroke): void {
  const half = stroke.width / 2;
  const reach = half + Math.max(0.5, stroke.halo?.width ?? 0);
  const field = distanceField(canvas, lines, reach);
  if (!field) return;
  const { left, top, width, distance } = field;
  distance.forEach((d, k) => {
    if (d >= reach) return;
    const i = (top + Math.floor(k / width)) * canvas.width + left + (k % width);
    if (stroke.halo) {
      const fade = 1 - Math.max(0, d - half) / stroke.halo.width;
      blend(canvas, i, stroke.halo.colour, stroke.halo.opacity * Math.max(0, fade));
    }
    blend(canvas, i, stroke.colour, Math.max(0, Math.min(1, half + 0.5 - d)));
  });
}

interface Field {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly distance: Float32Array;
}

/** Distance of every pixel centre to the nearest segment, in the part of the canvas that the lines can reach. */
function distanceField(
  canvas: Image,
  lines: readonly Polyline[],
  reach: number,
): Field | undefined {
  const box = { left: canvas.width, top: canvas.height, right: 0, bottom: 0 };
  for (const [x, y] of lines.flat()) {
    box.left = Math.min(box.left, Math.floor(x - reach));
    box.top = Math.min(box.top, Math.floor(y - reach));
    box.right = Math.max(box.right, Math.ceil(x + reach));
    box.bottom = Math.max(box.bottom, Math.ceil(y + reach));
  }
  const left = Math.max(0, box.left);
  const top = Math.max(0, box.top);
  const width = Math.min(canvas.width, box.right) - left;
  const height = Math.min(canvas.height, box.bottom) - top;
  if (width <= 0 || height <= 0) return undefined;
  const distance = new Float32Array(width * height).fill(Number.POSITIVE_INFINITY);
  const field = { left, top, width, distance };
  for (const line of lines) {
    const first = line[0];
    if (line.length === 1 && first) near(field, height, first, first, reach);
    for (let i = 1; i < line.length; i++) near(field, height, line[i - 1]!, line[i]!, reach);
  }
  return field;
}

/** Lowers the distances around one segment. */
function near(field: Field, height: number, [ax, ay]: Point, [bx, by]: Point, reach: number): void {
  const { left, top, width, distance } = field;
  const [dx, dy] = [bx - ax, by - ay];
  const length2 = dx * dx + dy * dy;
  const x0 = Math.max(0, Math.floor(Math.min(ax, bx) - reach) - left);
  const x1 = Math.min(width, Math.ceil(Math.max(ax, bx) + reach) - left);
  const y0 = Math.max(0, Math.floor(Math.min(ay, by) - reach) - top);
  const y1 = Math.min(height, Math.ceil(Math.max(ay, by) + reach) - top);
  for (let y = y0; y < y1; y++) {
    for (let x = x0; x < x1; x++) {
      const [px, py] = [left + x + 0.5 - ax, top + y + 0.5 - ay];
      const t = length2 > 0 ? Math.max(0, Math.min(1, (px * dx + py * dy) / length2)) : 0;
      const d = Math.hypot(px - t * dx, py - t * dy);
      const k = y * width + x;
      if (d < distance[k]!) distance[k] = d;
    }
  }
}
