/**
 * The way of a training image in the 2025 reference: up to 1024 x 1024 (bicubic), noise, down to the training size
 * (bilinear), every pass in 8 bits. Both resizes reach only a few pixels, so an image with patches differs from the
 * clean one only around them: the clean image is computed once, and per epoch only those surroundings, bit for bit.
 */
import { type Box, type Image, makeImage } from "./image.ts";
import { type Patch, paintMask, paintPatches } from "./patches.ts";
import {
  cut,
  inputBox,
  outputBox,
  type Resizing,
  resize,
  resizeWindow,
  resizing,
  wholeWindow,
} from "./resize.ts";
import type { Window } from "./resize-passes.ts";

/** The side at which the 2025 reference pastes its noise. */
export const detourSize = 1024;

const large = { width: detourSize, height: detourSize };

/** An RGB image through the detour without noise. `size`: side of the result in pixels. */
export function cleanDetour(image: Image, size: number): Image {
  return resize(resize(image, large, "bicubic"), { width: size, height: size }, "bilinear");
}

/**
 * The image and mask that come out of the detour with noise in `patches` (positions at 1024 x 1024).
 * `clean` must be `cleanDetour(image, size)`. The mask has fractional borders: it is resized as the image is.
 */
export function noisyDetour(
  image: Image,
  clean: Image,
  patches: readonly Patch[],
): { image: Image; mask: Image } {
  const size = clean.width;
  const up = resizing(image, large, "bicubic");
  const down = resizing(large, clean, "bilinear");
  const out = makeImage(size, size, 3, clean.data.slice());
  const mask = makeImage(size, size, 1);
  for (const { box, covers } of patches) {
    const changed = outputBox(down, box);
    const needed = inputBox(down, changed);
    const pixels = blank(needed, 3);
    const seen = covers ? [needed] : around(needed, box);
    for (const part of seen) place(enlarged(image, up, part), pixels);
    paintPatches(pixels, patches);
    place(resizeWindow(pixels, down, changed), wholeWindow(out));
    const marks = blank(needed, 1);
    paintMask(marks, patches);
    place(resizeWindow(marks, down, changed), wholeWindow(mask));
  }
  return { image: out, mask };
}

/** The part `box` of an RGB image as it is at 1024 x 1024. */
export function detourCut(image: Image): (box: Box) => Window {
  const up = resizing(image, large, "bicubic");
  return (box) => enlarged(image, up, box);
}

function enlarged(image: Image, up: Resizing, box: Box): Window {
  return resizeWindow(cut(wholeWindow(image), inputBox(up, box)), up, box);
}

function blank(box: Box, channels: 1 | 3): Window {
  const rows = box.bottom - box.top;
  const columns = box.right - box.left;
  const data = new Uint8Array(rows * columns * channels);
  return { top: box.top, left: box.left, rows, columns, channels, data };
}

/** What lies in `outer` around `inner`: above, below, left and right. The inside is noise anyway. */
function around(outer: Box, inner: Box): Box[] {
  const { top, bottom } = inner;
  return [
    { ...outer, bottom: top },
    { ...outer, top: bottom },
    { top, bottom, left: outer.left, right: inner.left },
    { top, bottom, left: inner.right, right: outer.right },
  ].filter((box) => box.top < box.bottom && box.left < box.right);
}

function place(part: Window, target: Window): void {
  const stride = part.columns * part.channels;
  for (let y = 0; y < part.rows; y++) {
    const row = (part.top + y - target.top) * target.columns;
    const to = (row + part.left - target.left) * part.channels;
    target.data.set(part.data.subarray(y * stride, (y + 1) * stride), to);
  }
}
