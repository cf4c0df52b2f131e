/**
 * Pillow's `Image.rotate` without interpolation: about the centre, counter-clockwise, same size, black where nothing was.
 * Positions are 16.16 fixed point as in `affine_fixed` (Geometry.c), so that it is Pillow's bit for bit; beyond the 32768
 * pixels a side where Pillow changes to floating point they go on.
 */
import { type Image, makeImage } from "./image.ts";

const one = 65536;

/** `image` turned by `degrees`. */
export function rotate(image: Image, degrees: number): Image {
  const { width, height, channels, data } = image;
  const out = makeImage(width, height, channels);
  const angle = (-(((degrees % 360) + 360) % 360) * Math.PI) / 180;
  const cos = round15(Math.cos(angle));
  const sin = round15(Math.sin(angle));
  const [a, b, d, e] = [cos, sin, round15(-Math.sin(angle)), cos];
  const [x0, y0] = [-width / 2, -height / 2];
  const c = a * x0 + b * y0 - x0;
  const f = d * x0 + e * y0 - y0;
  const [stepX, stepY, downX, downY] = [fixed(a), fixed(d), fixed(b), fixed(e)];
  let [rowX, rowY] = [fixed(c + a * 0.5 + b * 0.5), fixed(f + d * 0.5 + e * 0.5)];
  let o = 0;
  for (let y = 0; y < height; y++) {
    let atX = rowX;
    let atY = rowY;
    for (let x = 0; x < width; x++) {
      const fromX = Math.floor(atX / one);
      const fromY = Math.floor(atY / one);
      if (fromX >= 0 && fromX < width && fromY >= 0 && fromY < height) {
        const i = (fromY * width + fromX) * channels;
        for (let k = 0; k < channels; k++) out.data[o + k] = data[i + k]!;
      }
      o += channels;
      atX += stepX;
      atY += stepY;
    }
    rowX += downX;
    rowY += downY;
  }
  return out;
}

/** Pillow's `round(value, 15)`, which makes exact zeros and ones. */
const round15 = (value: number) => Number(value.toFixed(15));

const fixed = (value: number) => Math.floor(value * one + 0.5);
