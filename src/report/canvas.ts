/** The few ways pixels get onto a picture: plain fill, copy, and blending one colour over what is there. */
import { type Box, type Image, makeImage, toRgb } from "../data/index.ts";

/** Red, green, blue, 0..255. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** The colours of everything that is not data. */
export const ink = {
  paper: [255, 255, 255],
  text: [38, 38, 44],
  faint: [132, 132, 142],
  cell: [243, 243, 245],
  rule: [226, 226, 230],
  good: [30, 142, 92],
  defective: [200, 44, 66],
  wrong: [196, 120, 0],
} as const satisfies Record<string, Rgb>;

/** An RGB image of one colour. */
export function blank(width: number, height: number, colour: Rgb = ink.paper): Image {
  const image = makeImage(width, height, 3);
  fill(image, { top: 0, left: 0, bottom: height, right: width }, colour);
  return image;
}

/** A copy with three channels that may be drawn on. */
export function drawable(photo: Image): Image {
  const rgb = toRgb(photo);
  return rgb === photo ? makeImage(photo.width, photo.height, 3, photo.data.slice()) : rgb;
}

/** Fills the part of `box` that lies on the canvas. */
export function fill(canvas: Image, box: Box, colour: Rgb): void {
  const [top, bottom] = [Math.max(0, box.top), Math.min(canvas.height, box.bottom)];
  const [left, right] = [Math.max(0, box.left), Math.min(canvas.width, box.right)];
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) canvas.data.set(colour, (y * canvas.width + x) * 3);
  }
}

/** Copies `image` with its top left corner at column `x`, row `y`; it must fit. */
export function paste(canvas: Image, image: Image, x: number, y: number): void {
  const { width, height, data } = toRgb(image);
  for (let row = 0; row < height; row++) {
    const line = data.subarray(row * width * 3, (row + 1) * width * 3);
    canvas.data.set(line, ((y + row) * canvas.width + x) * 3);
  }
}

/** Lays a colour over pixel `i` (counted row by row). */
export function blend(canvas: Image, i: number, colour: ArrayLike<number>, opacity: number): void {
  for (let c = 0; c < 3; c++) {
    const under = canvas.data[i * 3 + c]!;
    canvas.data[i * 3 + c] = Math.round(under + (colour[c]! - under) * opacity);
  }
}
