/**
 * Anomaly maps and masks as plain grids of numbers, and the one way they are resized for drawing: linear interpolation
 * between pixel centres, antialiased when it shrinks (the triangle filter of Pillow's `bilinear`, in floating point).
 */
import { type Image, type Size, toGrey } from "../data/index.ts";
import { LoupeError } from "../error.ts";

/** Values `[height, width]`, row-major: an anomaly map, or a mask of 0..1. */
export interface Grid {
  readonly width: number;
  readonly height: number;
  readonly data: ArrayLike<number>;
}

/** A mask image as a grid of 0..1: 8-bit values divided by 255. */
export function gridOf(mask: Image): Grid {
  const { width, height, data } = toGrey(mask);
  return { width, height, data: Float32Array.from(data, (v) => v / 255) };
}

/** Throws `shape` when the values don't fill the grid, `numeric` when one is NaN or infinite. */
export function checkGrid(where: string, { width, height, data }: Grid): void {
  const whole = Number.isSafeInteger(width) && Number.isSafeInteger(height);
  if (!whole || width < 1 || height < 1 || data.length !== width * height) {
    const shape = `[${height}, ${width}]`;
    throw new LoupeError("shape", `${where}: ${data.length} values do not fill a map ${shape}`);
  }
  for (let i = 0; i < data.length; i++) {
    if (Number.isFinite(data[i])) continue;
    const at = `${data[i]} at row ${Math.floor(i / width)}, column ${i % width}`;
    throw new LoupeError("numeric", `${where}: the map must be finite, got ${at}`);
  }
}

/** `grid` resized to `size`; one of that size already is returned unchanged. */
export function resizeGrid(grid: Grid, { width, height }: Size): Grid {
  if (grid.width === width && grid.height === height) return grid;
  const across = new Float64Array(width * grid.height);
  taps(grid.width, width).forEach(({ start, weights }, x) => {
    for (let y = 0; y < grid.height; y++) {
      let sum = 0;
      weights.forEach((w, j) => {
        sum += w * grid.data[y * grid.width + start + j]!;
      });
      across[y * width + x] = sum;
    }
  });
  const data = new Float64Array(width * height);
  taps(grid.height, height).forEach(({ start, weights }, y) => {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      weights.forEach((w, j) => {
        sum += w * across[(start + j) * width + x]!;
      });
      data[y * width + x] = sum;
    }
  });
  return { width, height, data };
}

interface Taps {
  readonly start: number;
  readonly weights: readonly number[];
}

/** Which inputs make each output, and how much of each. */
function taps(from: number, to: number): Taps[] {
  const scale = from / to;
  const support = Math.max(1, scale);
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const start = Math.max(0, Math.ceil(centre - support - 0.5));
    const end = Math.min(from - 1, Math.floor(centre + support - 0.5));
    const raw = Array.from({ length: end - start + 1 }, (_, j) => {
      return Math.max(0, 1 - Math.abs(start + j + 0.5 - centre) / support);
    });
    const sum = raw.reduce((a, b) => a + b, 0);
    return { start, weights: raw.map((w) => w / sum) };
  });
}
