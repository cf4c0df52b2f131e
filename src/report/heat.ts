/** The heat map over the photo: every pixel is tinted by its value's colour, with the scale's opacity. */
import type { Image } from "../data/index.ts";
import { blend, drawable } from "./canvas.ts";
import { type ColourScale, colourAt, colourScale } from "./colour-scale.ts";
import { checkGrid, type Grid, resizeGrid } from "./grid.ts";

/**
 * A copy of `photo` `[H, W, 1 or 3]` under the colours of `map`, which covers the whole photo and is interpolated to its
 * size for drawing only. Throws `shape` or `numeric` for a map that can't be drawn, `config` for a scale with NaN.
 */
export function heatOverlay(photo: Image, map: Grid, scale: ColourScale): Image {
  checkGrid("heatOverlay", map);
  const checked = colourScale(scale);
  const canvas = drawable(photo);
  const { data } = resizeGrid(map, canvas);
  for (let i = 0; i < data.length; i++) {
    const colour = colourAt(checked, data[i]!);
    blend(canvas, i, colour, colour[3]);
  }
  return canvas;
}
