/**
 * The checked form of what every pixel metric reads: N anomaly maps and N masks of one size. Here the untidy cases end:
 * flat or per-image arrays, wrong lengths, and values that are not finite, which no ranking can place.
 */
import { LoupeError } from "../error.ts";

/** Anomaly maps keep the precision they were computed in; both kinds are ranked without rounding. */
export type FloatArray = Float32Array | Float64Array;
/** One byte a pixel; every value but 0 is abnormal. */
export type MaskArray = Uint8Array | Uint8ClampedArray;

/** Maps and masks `[N, H, W]`, in one array or as N arrays `[H, W]`. */
export interface PixelInput {
  readonly maps: FloatArray | readonly FloatArray[];
  readonly masks: MaskArray | readonly MaskArray[];
  readonly height: number;
  readonly width: number;
}

/** N maps `[H, W]` without NaN or infinity, their masks, and the range of all values. */
export interface Pixels {
  readonly height: number;
  readonly width: number;
  readonly maps: readonly FloatArray[];
  readonly masks: readonly MaskArray[];
  readonly min: number;
  readonly max: number;
}

/** Checks maps and masks against each other. Throws `shape`, `data` or `numeric`. */
export function readPixels(where: string, input: PixelInput): Pixels {
  const { height, width } = input;
  const maps = splitImages(where, "maps", input.maps, height, width);
  const masks = splitImages(where, "masks", input.masks, height, width);
  if (maps.length !== masks.length) {
    throw new LoupeError(
      "shape",
      `${where}: one mask per map is needed, got ${maps.length} maps and ${masks.length} masks`,
    );
  }
  checkFinite(where, maps);
  const range = rangeOf(maps);
  if (range.max - range.min === Number.POSITIVE_INFINITY) {
    throw new LoupeError(
      "numeric",
      `${where}: the maps' values span more than float64 holds, from ${range.min} to ${range.max}; check the model's output`,
    );
  }
  return { height, width, maps, masks, ...range };
}

/** Views of the N images in `[N, H, W]`; arrays that are already split are checked and returned. */
export function splitImages<T extends FloatArray | MaskArray>(
  where: string,
  what: string,
  images: T | readonly T[],
  height: number,
  width: number,
): readonly T[] {
  const n = height * width;
  if (!(Number.isInteger(height) && Number.isInteger(width) && height > 0 && width > 0)) {
    throw new LoupeError(
      "shape",
      `${where}: height and width must be positive integers, got ${height} x ${width}`,
    );
  }
  const list = ArrayBuffer.isView(images) ? cut(images, n) : (images as readonly T[]);
  if (list.length === 0) {
    throw new LoupeError(
      "data",
      `${where}: needs at least one image, got none; check which class and split are read`,
    );
  }
  for (const [i, image] of list.entries()) {
    if (image.length !== n) {
      throw new LoupeError(
        "shape",
        `${where}: ${what} must hold ${height} x ${width} = ${n} values an image, got ${image.length} in image ${i}`,
      );
    }
  }
  return list;
}

function cut<T extends FloatArray | MaskArray>(flat: T, n: number): T[] {
  return Array.from(
    { length: Math.ceil(flat.length / n) },
    (_, i) => flat.subarray(i * n, (i + 1) * n) as T,
  );
}

/** Throws `numeric`, naming the first image with NaN or infinity and how many of its values are. */
export function checkFinite(where: string, maps: readonly FloatArray[]): void {
  const bad = maps.map(countNonFinite);
  const first = bad.findIndex((n) => n > 0);
  if (first < 0) return;
  const images = bad.filter((n) => n > 0).length;
  throw new LoupeError(
    "numeric",
    `${where}: maps must be finite, but image ${first} has ${bad[first]} of ${maps[first]!.length} values that are ` +
      `NaN or infinite (${images} of ${maps.length} images affected); check the model's output for that image`,
  );
}

function countNonFinite(map: FloatArray): number {
  let count = 0;
  // x - x is 0 for every finite x and NaN otherwise.
  for (let i = 0; i < map.length; i++) if (map[i]! - map[i]! !== 0) count++;
  return count;
}

function rangeOf(maps: readonly FloatArray[]): { min: number; max: number } {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const map of maps) {
    for (let i = 0; i < map.length; i++) {
      const x = map[i]!;
      if (x < min) min = x;
      if (x > max) max = x;
    }
  }
  return { min, max };
}
