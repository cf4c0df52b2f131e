/**
 * The two passes of Pillow's convolution resize: rows first, then columns, each rounded and clamped to 8 bits. Both
 * compute any part of their result, because the noise generator needs only the surroundings of its patches.
 */
import { type Weights, weightBits } from "./resize-weights.ts";

/** Pixels `[rows, columns, channels]` cut out of a larger image, whose pixel (`top`, `left`) comes first. */
export type Window = {
  readonly top: number;
  readonly left: number;
  readonly rows: number;
  readonly columns: number;
  readonly channels: number;
  readonly data: Uint8Array;
};

const half = 1 << (weightBits - 1);

function clamp(sum: number): number {
  const v = sum >> weightBits;
  return v < 0 ? 0 : Math.min(v, 255);
}

/** Output columns `[left, right)` of every row of `source`. */
export function resizeRows(source: Window, weights: Weights, left: number, right: number): Window {
  const columns = right - left;
  const { rows, channels } = source;
  const data = new Uint8Array(rows * columns * channels);
  const out = { top: source.top, left, rows, columns, channels, data };
  if (channels === 3) rowsOfRgb(source, weights, out);
  else rowsOfGrey(source, weights, out);
  return out;
}

function rowsOfRgb(source: Window, weights: Weights, out: Window): void {
  const { taps, start, count, value } = weights;
  const from = source.data;
  const to = out.data;
  let o = 0;
  for (let y = 0; y < source.rows; y++) {
    const row = (y * source.columns - source.left) * 3;
    for (let x = out.left; x < out.left + out.columns; x++) {
      let r = half;
      let g = half;
      let b = half;
      let i = row + start[x]! * 3;
      const last = x * taps + count[x]!;
      let k = x * taps;
      for (; k + 1 < last; k += 2, i += 6) {
        const v = value[k]!;
        const w = value[k + 1]!;
        r = (r + Math.imul(from[i]!, v) + Math.imul(from[i + 3]!, w)) | 0;
        g = (g + Math.imul(from[i + 1]!, v) + Math.imul(from[i + 4]!, w)) | 0;
        b = (b + Math.imul(from[i + 2]!, v) + Math.imul(from[i + 5]!, w)) | 0;
      }
      if (k < last) {
        const w = value[k]!;
        r = (r + Math.imul(from[i]!, w)) | 0;
        g = (g + Math.imul(from[i + 1]!, w)) | 0;
        b = (b + Math.imul(from[i + 2]!, w)) | 0;
      }
      to[o] = clamp(r);
      to[o + 1] = clamp(g);
      to[o + 2] = clamp(b);
      o += 3;
    }
  }
}

function rowsOfGrey(source: Window, weights: Weights, out: Window): void {
  const { taps, start, count, value } = weights;
  const from = source.data;
  let o = 0;
  for (let y = 0; y < source.rows; y++) {
    const row = y * source.columns - source.left;
    for (let x = out.left; x < out.left + out.columns; x++) {
      let sum = half;
      let i = row + start[x]!;
      const last = x * taps + count[x]!;
      for (let k = x * taps; k < last; k++, i++) sum = (sum + Math.imul(from[i]!, value[k]!)) | 0;
      out.data[o++] = clamp(sum);
    }
  }
}

/** Output rows `[top, bottom)` of every column of `source`. */
export function resizeColumns(
  source: Window,
  weights: Weights,
  top: number,
  bottom: number,
): Window {
  const { columns, channels, left } = source;
  const stride = columns * channels;
  const data = new Uint8Array((bottom - top) * stride);
  const sums = new Int32Array(stride);
  for (let y = top; y < bottom; y++) {
    const first = (weights.start[y]! - source.top) * stride;
    const k = y * weights.taps;
    const row = data.subarray((y - top) * stride, (y - top + 1) * stride);
    sumRows(source.data, first, weights.value.subarray(k, k + weights.count[y]!), sums, row);
  }
  return { top, left, rows: bottom - top, columns, channels, data };
}

/** The weighted sum of rows, four at a time, so that the sums are loaded and stored a quarter as often. */
function sumRows(
  from: Uint8Array,
  first: number,
  weights: Int32Array,
  sums: Int32Array,
  out: Uint8Array,
): void {
  const stride = sums.length;
  sums.fill(half);
  for (let k = 0, a = first; k < weights.length; k += 4, a += 4 * stride) {
    const left = weights.length - k;
    const w0 = weights[k]!;
    const w1 = left > 1 ? weights[k + 1]! : 0;
    const w2 = left > 2 ? weights[k + 2]! : 0;
    const w3 = left > 3 ? weights[k + 3]! : 0;
    const b = left > 1 ? a + stride : a;
    const c = left > 2 ? b + stride : a;
    const d = left > 3 ? c + stride : a;
    if (left > 4) {
      for (let x = 0; x < stride; x++) {
        const ab = Math.imul(from[a + x]!, w0) + Math.imul(from[b + x]!, w1);
        const cd = Math.imul(from[c + x]!, w2) + Math.imul(from[d + x]!, w3);
        sums[x] = (sums[x]! + ab + cd) | 0;
      }
    } else {
      for (let x = 0; x < stride; x++) {
        const ab = Math.imul(from[a + x]!, w0) + Math.imul(from[b + x]!, w1);
        const cd = Math.imul(from[c + x]!, w2) + Math.imul(from[d + x]!, w3);
        out[x] = clamp((sums[x]! + ab + cd) | 0);
      }
    }
  }
}
