/**
 * OpenCV's `cv2.resize` for 8-bit images, bilinear and nearest. Bilinear takes two pixels per axis, without
 * antialiasing, with 11-bit weights; the sum of a row loses its last four bits before the column weight is applied.
 */
import type { Image } from "./image.ts";

const one = 2048;

/** `INTER_LINEAR`; exact halving in both axes is `INTER_AREA` there, a mean of four. */
export function cv2Bilinear(image: Image, target: Image): Image {
  if (image.width === 2 * target.width && image.height === 2 * target.height) {
    return halve(image, target);
  }
  const columns = linear(image.width, target.width, true);
  const rows = linear(image.height, target.height, false);
  const stride = target.width * target.channels;
  const mixed = Array.from({ length: image.height }, (_, y) => mixRow(image, y, columns, stride));
  for (let y = 0; y < target.height; y++) {
    const above = mixed[clip(rows.at[y]!, image.height)]!;
    const below = mixed[clip(rows.at[y]! + 1, image.height)]!;
    const b0 = rows.weight[y * 2]!;
    const b1 = rows.weight[y * 2 + 1]!;
    for (let x = 0; x < stride; x++) {
      const sum = ((b0 * (above[x]! >> 4)) >> 16) + ((b1 * (below[x]! >> 4)) >> 16);
      target.data[y * stride + x] = (sum + 2) >> 2;
    }
  }
  return target;
}

/** `INTER_NEAREST`: the source position is the floor of index times scale, without half-pixel centres. */
export function cv2Nearest(image: Image, target: Image): Image {
  const { channels } = image;
  const xs = floors(image.width, target.width);
  const ys = floors(image.height, target.height);
  let o = 0;
  for (const y of ys) {
    for (const x of xs) {
      const i = (y * image.width + x) * channels;
      for (let c = 0; c < channels; c++) target.data[o++] = image.data[i + c]!;
    }
  }
  return target;
}

function floors(from: number, to: number): Int32Array {
  const step = 1 / (to / from);
  return Int32Array.from({ length: to }, (_, i) => Math.min(Math.floor(i * step), from - 1));
}

type Linear = { readonly at: Int32Array; readonly weight: Int32Array };

/** Left neighbour and the two weights per output position; columns are clamped here, rows when they are read. */
function linear(from: number, to: number, clamped: boolean): Linear {
  const scale = 1 / (to / from);
  const at = new Int32Array(to);
  const weight = new Int32Array(to * 2);
  for (let i = 0; i < to; i++) {
    const position = Math.fround((i + 0.5) * scale - 0.5);
    let left = Math.floor(position);
    let part = Math.fround(position - left);
    if (clamped && (left < 0 || left >= from - 1)) {
      left = left < 0 ? 0 : from - 1;
      part = 0;
    }
    at[i] = left;
    weight[i * 2] = roundEven(Math.fround(1 - part) * one);
    weight[i * 2 + 1] = roundEven(part * one);
  }
  return { at, weight };
}

function mixRow(image: Image, y: number, columns: Linear, length: number): Int32Array {
  const { channels, width, data } = image;
  const row = y * width * channels;
  const out = new Int32Array(length);
  for (let x = 0, o = 0; x < columns.at.length; x++) {
    const i = row + columns.at[x]! * channels;
    const next = columns.at[x]! < width - 1 ? channels : 0;
    const a0 = columns.weight[x * 2]!;
    const a1 = columns.weight[x * 2 + 1]!;
    for (let c = 0; c < channels; c++) out[o++] = data[i + c]! * a0 + data[i + c + next]! * a1;
  }
  return out;
}

function halve(image: Image, target: Image): Image {
  const { channels } = image;
  const stride = image.width * channels;
  let o = 0;
  for (let y = 0; y < target.height; y++) {
    for (let x = 0; x < target.width * channels; x++) {
      const pixel = Math.floor(x / channels);
      const i = y * 2 * stride + pixel * 2 * channels + (x % channels);
      const top = image.data[i]! + image.data[i + channels]!;
      const bottom = image.data[i + stride]! + image.data[i + stride + channels]!;
      target.data[o++] = (top + bottom + 2) >> 2;
    }
  }
  return target;
}

function clip(i: number, length: number): number {
  return Math.min(Math.max(i, 0), length - 1);
}

/** The nearest whole number, of two the even one, as Python's `round`. */
export function roundEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
}
