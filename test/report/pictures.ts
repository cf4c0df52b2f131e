/** Small pictures and maps for the tests of this room. */
import { type Image, makeImage } from "../../src/data/index.ts";
import type { Grid } from "../../src/report/index.ts";

export type Colour = readonly [number, number, number];

/** A photo of one colour. */
export function plain(width: number, height: number, colour: Colour = [90, 120, 150]): Image {
  const image = makeImage(width, height, 3);
  for (let i = 0; i < width * height; i++) image.data.set(colour, i * 3);
  return image;
}

/** A map from a function of the pixel's column and row. */
export function gridFrom(width: number, height: number, f: (x: number, y: number) => number): Grid {
  const data = Float32Array.from({ length: width * height }, (_, i) =>
    f(i % width, Math.floor(i / width)),
  );
  return { width, height, data };
}

/** 1 inside the disc, 0 outside; `soft` gives a ramp that passes 1/2 exactly on the circle. */
export function disc(size: number, cx: number, cy: number, radius: number, soft = false): Grid {
  return gridFrom(size, size, (x, y) => {
    const inside = radius - Math.hypot(x + 0.5 - cx, y + 0.5 - cy);
    return soft ? 0.5 + inside / 20 : inside >= 0 ? 1 : 0;
  });
}

export function pixel(image: Image, x: number, y: number): number[] {
  const i = (y * image.width + x) * image.channels;
  return [...image.data.subarray(i, i + image.channels)];
}

/** The part of a picture, as an image. */
export function part(
  image: Image,
  left: number,
  top: number,
  width: number,
  height: number,
): Image {
  const out = makeImage(width, height, image.channels);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * image.width + left) * image.channels;
    const line = image.data.subarray(from, from + width * image.channels);
    out.data.set(line, y * width * image.channels);
  }
  return out;
}

/** Columns and rows where two pictures of one size differ. */
export function differences(a: Image, b: Image): [x: number, y: number][] {
  if (a.width !== b.width || a.height !== b.height) throw new Error("pictures of different sizes");
  const found: [number, number][] = [];
  for (let y = 0; y < a.height; y++) {
    for (let x = 0; x < a.width; x++) {
      if (pixel(a, x, y).join() !== pixel(b, x, y).join()) found.push([x, y]);
    }
  }
  return found;
}
