/**
 * An image in memory: 8-bit pixels, channels last, exactly what Pillow holds after `convert("RGB")` or `convert("L")`.
 * Everything in this room takes and returns this one type, so that a pixel is decoded, resized and drawn by one rule.
 */
import { LoupeError } from "../error.ts";

/** Pixels `[height, width, channels]`, row-major, 0..255; `channels` is 1 (grey, masks) or 3 (RGB). */
export type Image = {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
};

/** Width and height in pixels. */
export type Size = { readonly width: number; readonly height: number };

/** Half-open rectangle of pixels: rows `[top, bottom)`, columns `[left, right)`. */
export type Box = {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
};

/** A black image, or an image over `data` if given. Throws `LoupeError("shape")` when sizes don't fit. */
export function makeImage(
  width: number,
  height: number,
  channels: 1 | 3,
  data: Uint8Array = new Uint8Array(width * height * channels),
): Image {
  const whole = Number.isSafeInteger(width) && Number.isSafeInteger(height);
  if (!whole || width < 1 || height < 1) {
    throw new LoupeError(
      "shape",
      `image: width and height must be at least 1, got ${width}x${height}`,
    );
  }
  if (data.length !== width * height * channels) {
    const shape = `[${height}, ${width}, ${channels}]`;
    throw new LoupeError("shape", `image: ${data.length} bytes do not fill ${shape}`);
  }
  return { width, height, channels, data };
}

/** Pillow's luma of one pixel: `(19595 R + 38470 G + 7471 B + 32768) >> 16` (ITU-R 601-2). */
export function luma(r: number, g: number, b: number): number {
  return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
}

/** The image with one channel; RGB becomes grey as by Pillow's `convert("L")`. */
export function toGrey(image: Image): Image {
  if (image.channels === 1) return image;
  const { width, height, data } = image;
  const out = new Uint8Array(width * height);
  for (let i = 0, j = 0; i < out.length; i++, j += 3) {
    out[i] = luma(data[j]!, data[j + 1]!, data[j + 2]!);
  }
  return makeImage(width, height, 1, out);
}

/** The image with one channel, the largest value of each pixel. */
export function toBrightest(image: Image): Image {
  if (image.channels === 1) return image;
  const { width, height, data } = image;
  const out = new Uint8Array(width * height);
  for (let i = 0, j = 0; i < out.length; i++, j += 3) {
    out[i] = Math.max(data[j]!, data[j + 1]!, data[j + 2]!);
  }
  return makeImage(width, height, 1, out);
}

/** The image with three channels; grey is repeated, as by Pillow's `convert("RGB")`. */
export function toRgb(image: Image): Image {
  if (image.channels === 3) return image;
  const { width, height, data } = image;
  const out = new Uint8Array(width * height * 3);
  for (let i = 0, j = 0; i < data.length; i++, j += 3) {
    out[j] = out[j + 1] = out[j + 2] = data[i]!;
  }
  return makeImage(width, height, 3, out);
}
