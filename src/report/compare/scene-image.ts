/** A scene as pixels, at twice its size where that is not too large, so that small text is sharp on dense screens. */
import type { Image } from "../../data/index.ts";
import { LoupeError } from "../../error.ts";
import { blank, blend, fill } from "../canvas.ts";
import { drawLines, type Point, type Polyline } from "../stroke.ts";
import { drawText, textWidth } from "../text.ts";
import type { BandShape, LineShape, Scene, Shape } from "./scene.ts";

const sharpBelow = 40e6;
const most = 120e6;

/** Throws `config` when the picture would be larger than 120 megapixels. */
export function sceneImage(scene: Scene): Image {
  const pixels = scene.width * scene.height;
  if (pixels > most) {
    const size = `${Math.ceil(scene.width)} × ${Math.ceil(scene.height)} pixels`;
    throw new LoupeError(
      "config",
      `compare: the picture would have ${size}; write .svg, .html, .md or .csv, or compare fewer runs`,
    );
  }
  const scale = pixels * 4 <= sharpBelow ? 2 : 1;
  const canvas = blank(Math.ceil(scene.width * scale), Math.ceil(scene.height * scale));
  for (const shape of scene.shapes) drawShape(canvas, shape, scale);
  return canvas;
}

function drawShape(canvas: Image, shape: Shape, s: number): void {
  if (shape.kind === "rect") {
    const [left, top] = [Math.round(shape.x * s), Math.round(shape.y * s)];
    const right = Math.round((shape.x + shape.width) * s);
    const bottom = Math.round((shape.y + shape.height) * s);
    fill(canvas, { left, top, right, bottom }, shape.fill);
  } else if (shape.kind === "line") {
    const line = { ...shape, points: shape.points.map(([x, y]): Point => [x * s, y * s]) };
    drawLines(canvas, dashes(line, s), { colour: shape.colour, width: shape.width * s });
  } else if (shape.kind === "band") {
    drawBand(canvas, { ...shape, points: shape.points.map(([x, a, b]) => [x * s, a * s, b * s]) });
  } else {
    const style = { size: shape.size * s, colour: shape.colour, bold: shape.bold ?? false };
    const width = textWidth(shape.text, style);
    const share = shape.anchor === "end" ? 1 : shape.anchor === "middle" ? 0.5 : 0;
    drawText(canvas, shape.text, [shape.x * s - share * width, shape.y * s], style);
  }
}

/** The dashes of a line, each a line of its own. */
function dashes({ points, dash }: LineShape, s: number): Polyline[] {
  if (!dash) return [points];
  const lengths = dash.map((d) => d * s);
  const lines: Point[][] = [];
  let turn = 0;
  let left = lengths[0]!;
  let current: Point[] = points[0] ? [points[0]] : [];
  for (let i = 1; i < points.length; i++) {
    let [from, to] = [points[i - 1]!, points[i]!];
    let rest = Math.hypot(to[0] - from[0], to[1] - from[1]);
    while (rest > left) {
      const t = left / rest;
      from = [from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1])];
      rest -= left;
      if (turn % 2 === 0) lines.push([...current, from]);
      turn++;
      left = lengths[turn % lengths.length]!;
      current = [from];
    }
    left -= rest;
    to = points[i]!;
    current.push(to);
  }
  if (turn % 2 === 0 && current.length > 1) lines.push(current);
  return lines;
}

/** Column by column: at each pixel's centre the two lines' heights, interpolated. */
function drawBand(canvas: Image, { points, fill: colour, opacity }: BandShape): void {
  for (let i = 1; i < points.length; i++) {
    const [[x0, a0, b0], [x1, a1, b1]] = [points[i - 1]!, points[i]!];
    const first = Math.max(0, Math.ceil(x0 - 0.5));
    const end = Math.min(canvas.width, Math.ceil(x1 - 0.5));
    for (let x = first; x < end; x++) {
      const t = (x + 0.5 - x0) / (x1 - x0);
      const ys = [a0 + t * (a1 - a0), b0 + t * (b1 - b0)].sort((p, q) => p - q);
      const top = Math.max(0, Math.round(ys[0]!));
      const bottom = Math.min(canvas.height, Math.round(ys[1]!));
      for (let y = top; y < bottom; y++) blend(canvas, y * canvas.width + x, colour, opacity);
    }
  }
}
