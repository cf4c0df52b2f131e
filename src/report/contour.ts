/** Isolines of maps and masks by marching squares (d3-contour), with sub-pixel positions, drawn over a photo. */
import { contours } from "d3-contour";
import type { Image } from "../data/index.ts";
import { LoupeError } from "../error.ts";
import { drawable, type Rgb } from "./canvas.ts";
import { checkGrid, type Grid, resizeGrid } from "./grid.ts";
import { drawLines, type Point, type Polyline, type Stroke } from "./stroke.ts";

/** How the lines look: light in the middle, dark around, so that they show on any background. */
export const contourStroke = {
  prediction: contourOf([255, 216, 64]),
  truth: contourOf([92, 240, 214]),
} as const;

function contourOf(colour: Rgb): Stroke {
  return { colour, width: 1.8, halo: { colour: [0, 0, 0], width: 2.2, opacity: 0.6 } };
}

/**
 * Closed lines around everything at or above `level`, in the grid's pixels (the centre of the first value is
 * `[0.5, 0.5]`). A region that touches the edge is closed along the edge.
 * Throws `shape` or `numeric` as `checkGrid`, and `numeric` when `level` is NaN.
 */
export function contourLines(grid: Grid, level: number): Polyline[] {
  checkGrid("contourLines", grid);
  if (Number.isNaN(level)) throw new LoupeError("numeric", "contourLines: the level is NaN");
  const { width, height, data } = grid;
  // d3-contour finds the rings on the edges between pixels. It would smooth them itself, but drops a ring that this
  // shrinks to a point: a lone pixel exactly at the level. It only indexes its values; its types ask for an array.
  const found = contours()
    .size([width, height])
    .smooth(false)
    .contour(data as number[], level);
  const rings = found.coordinates.flat() as unknown as Polyline[];
  return rings.map((ring) => ring.map((point) => crossing(grid, level, point)));
}

/** Moves a point half way between two neighbours to where the level is reached; on the edge of the grid it stays. */
function crossing({ width, height, data }: Grid, level: number, [x, y]: Point): Point {
  const at = Math.floor(y) * width + Math.floor(x);
  const between = (before: number): number => {
    const [a, b] = [data[before]!, data[at]!];
    return (level - a) / (b - a) - 0.5;
  };
  if (Number.isInteger(x) && x > 0 && x < width) return [x + between(at - 1), y];
  if (Number.isInteger(y) && y > 0 && y < height) return [x, y + between(at - width)];
  return [x, y];
}

/**
 * A copy of `photo` with the contour of `grid` at `level`. The grid covers the whole photo, whatever its own size: a
 * smaller one is interpolated first, a larger one is followed at its own resolution.
 */
export function drawContour(photo: Image, grid: Grid, level: number, stroke: Stroke): Image {
  checkGrid("drawContour", grid);
  const canvas = drawable(photo);
  const { width, height } = canvas;
  const small = grid.width < width || grid.height < height;
  const fine = small
    ? resizeGrid(grid, {
        width: Math.max(grid.width, width),
        height: Math.max(grid.height, height),
      })
    : grid;
  const inset = stroke.width / 2;
  const onPhoto = (v: number, from: number, to: number): number =>
    Math.max(Math.min(inset, to / 2), Math.min(to - Math.min(inset, to / 2), (v * to) / from));
  const lines = contourLines(fine, level).map((line) =>
    line.map(([x, y]) => [onPhoto(x, fine.width, width), onPhoto(y, fine.height, height)] as const),
  );
  drawLines(canvas, lines, stroke);
  return canvas;
}
