/**
 * The only place that resizes an image. `bilinear`, `bicubic`, `lanczos` and `nearest` equal Pillow's `Image.resize` bit for bit
 * (Resample.c, Geometry.c, as of 9.4, rows before columns; Pillow 13 takes the columns first for some shapes and then
 * differs by rounding). `cv2-bilinear` and `cv2-nearest` equal OpenCV's `resize`, which the 2023 reference used.
 * Pillow antialiases when it shrinks, OpenCV does not.
 */
import { LoupeError } from "../error.ts";
import { type Box, type Image, makeImage, type Size } from "./image.ts";
import { cv2Bilinear, cv2Nearest } from "./resize-cv2.ts";
import { resizeColumns, resizeRows, type Window } from "./resize-passes.ts";
import { type Convolution, resizeWeights, type Weights } from "./resize-weights.ts";

/** How pixels are interpolated; `cv2-*` are OpenCV's rules, the others Pillow's. */
export type Filter = Convolution | "nearest" | "cv2-bilinear" | "cv2-nearest";

/** The names of all filters, for options and messages. */
export const filters: readonly Filter[] = [
  "bilinear",
  "bicubic",
  "lanczos",
  "nearest",
  "cv2-bilinear",
  "cv2-nearest",
];

/**
 * `image` resized to `size`. An image that has that size already is returned unchanged.
 * Throws `LoupeError("shape")` for a size that is not whole and positive, `LoupeError("config")` for an unknown filter.
 */
export function resize(image: Image, size: Size, filter: Filter): Image {
  const target = makeImage(size.width, size.height, image.channels);
  if (image.width === target.width && image.height === target.height) return image;
  switch (filter) {
    case "bilinear":
    case "bicubic":
    case "lanczos":
      return convolve(image, target, filter);
    case "nearest":
      return nearest(image, target);
    case "cv2-bilinear":
      return cv2Bilinear(image, target);
    case "cv2-nearest":
      return cv2Nearest(image, target);
    default: {
      const known = filters.join(", ");
      throw new LoupeError(
        "config",
        `resize: unknown filter "${filter as string}" (one of ${known})`,
      );
    }
  }
}

/** The part `box` of `image` resized to `size`; Pillow's means are taken of this part alone. Throws as `resize`. */
export function resizePart(image: Image, size: Size, box: Box, filter: Filter): Image {
  const isAll = box.bottom - box.top === size.height && box.right - box.left === size.width;
  if (isAll) return resize(image, size, filter);
  const isSame = image.width === size.width && image.height === size.height;
  const part =
    isSame || !convolves(filter)
      ? cut(wholeWindow(resize(image, size, filter)), box)
      : partOf(image, resizing(image, size, filter), box);
  return makeImage(part.columns, part.rows, image.channels, part.data);
}

function partOf(image: Image, plan: Resizing, box: Box): Window {
  const { top, bottom } = inputBox(plan, box);
  const { width, channels, data } = image;
  const stride = width * channels;
  const rows = data.subarray(top * stride, bottom * stride);
  const source = { top, left: 0, rows: bottom - top, columns: width, channels, data: rows };
  return resizeWindow(source, plan, box);
}

/** The weights of both axes of one resize, to be used for many images of one size. */
export type Resizing = { readonly rows: Weights; readonly columns: Weights };

/** Prepares a Pillow resize from one size to another; see `resizeWindow`. */
export function resizing(from: Size, to: Size, filter: Convolution): Resizing {
  return {
    rows: resizeWeights(from.width, to.width, filter),
    columns: resizeWeights(from.height, to.height, filter),
  };
}

/**
 * The part `box` of a resized image, from a window of the input that covers what it needs (`inputBox`).
 * The pixels equal those of the whole resize. An axis that keeps its length goes through unchanged, as in Pillow,
 * because its weights are then 1 at one place.
 */
export function resizeWindow(source: Window, { rows, columns }: Resizing, box: Box): Window {
  const across = resizeRows(source, rows, box.left, box.right);
  return resizeColumns(across, columns, box.top, box.bottom);
}

/** The part of the input that the part `box` of the output is computed from. */
export function inputBox({ rows, columns }: Resizing, box: Box): Box {
  const [top, bottom] = inputRange(columns, box.top, box.bottom);
  const [left, right] = inputRange(rows, box.left, box.right);
  return { top, left, bottom, right };
}

/** The part of the output that depends on the part `box` of the input. */
export function outputBox({ rows, columns }: Resizing, box: Box): Box {
  const [top, bottom] = outputRange(columns, box.top, box.bottom);
  const [left, right] = outputRange(rows, box.left, box.right);
  return { top, left, bottom, right };
}

/** `image` as the window that covers all of it. */
export function wholeWindow(image: Image): Window {
  const { width, height, channels, data } = image;
  return { top: 0, left: 0, rows: height, columns: width, channels, data };
}

/** Copies the part `box` out of a window that covers it. */
export function cut(source: Window, box: Box): Window {
  const rows = box.bottom - box.top;
  const columns = box.right - box.left;
  const stride = columns * source.channels;
  const data = new Uint8Array(rows * stride);
  for (let y = 0; y < rows; y++) {
    const at = (box.top + y - source.top) * source.columns + box.left - source.left;
    const from = at * source.channels;
    data.set(source.data.subarray(from, from + stride), y * stride);
  }
  return { top: box.top, left: box.left, rows, columns, channels: source.channels, data };
}

function inputRange({ start, count }: Weights, begin: number, end: number): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = 0;
  for (let i = begin; i < end; i++) {
    low = Math.min(low, start[i]!);
    high = Math.max(high, start[i]! + count[i]!);
  }
  return [low, high];
}

function outputRange({ start, count }: Weights, begin: number, end: number): [number, number] {
  let low = start.length;
  let high = 0;
  for (let i = 0; i < start.length; i++) {
    if (start[i]! >= end || start[i]! + count[i]! <= begin) continue;
    low = Math.min(low, i);
    high = Math.max(high, i + 1);
  }
  return [low, high];
}

function convolve(image: Image, target: Image, filter: Convolution): Image {
  const box = { top: 0, left: 0, bottom: target.height, right: target.width };
  const { data } = resizeWindow(wholeWindow(image), resizing(image, target, filter), box);
  return makeImage(target.width, target.height, image.channels, data);
}

const convolutions: readonly Filter[] = ["bilinear", "bicubic", "lanczos"] satisfies Convolution[];

const convolves = (filter: Filter): filter is Convolution => convolutions.includes(filter);

/** Pillow adds the step up instead of multiplying it; the rounding of that sum decides some pixels. */
function nearestPositions(from: number, to: number): Int32Array {
  const step = from / to;
  const positions = new Int32Array(to);
  let at = step * 0.5;
  for (let i = 0; i < to; i++) {
    positions[i] = Math.min(from - 1, Math.trunc(at));
    at += step;
  }
  return positions;
}

function nearest(image: Image, target: Image): Image {
  const xs = nearestPositions(image.width, target.width);
  const ys = nearestPositions(image.height, target.height);
  return pick(image, target, xs, ys);
}

function pick(image: Image, target: Image, xs: Int32Array, ys: Int32Array): Image {
  const { channels } = image;
  let o = 0;
  for (const y of ys) {
    for (const x of xs) {
      const i = (y * image.width + x) * channels;
      for (let c = 0; c < channels; c++) target.data[o++] = image.data[i + c]!;
    }
  }
  return target;
}
