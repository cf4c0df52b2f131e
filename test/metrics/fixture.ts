/**
 * The small maps behind the stored reference numbers: uniform noise drawn from a name, plus a gain inside the mask, under
 * a Gaussian of sigma 1 (scipy's: radius 4, edge pixel repeated, axis 0 before axis 1), in float64.
 */
import { rnd } from "../golden.ts";

export interface FixtureCase {
  readonly case: string;
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly mask_kind: string;
  readonly gain: number;
}

/** Rows and columns, both ends included. */
type Rect = readonly [top: number, bottom: number, left: number, right: number];

/** A block with a corner-touching pixel; a block and a small one; a ring with a 2 x 2 hole. */
const std: Readonly<Record<number, readonly Rect[]>> = {
  1: [
    [3, 8, 4, 11],
    [9, 9, 12, 12],
  ],
  3: [
    [5, 14, 22, 29],
    [20, 21, 20, 21],
  ],
  4: [
    [10, 13, 10, 10],
    [10, 13, 13, 13],
    [10, 10, 10, 13],
    [13, 13, 10, 13],
  ],
};

export function fixtureMasks({ n, h, w, mask_kind }: FixtureCase, onePixel = 0): Uint8Array {
  const masks = new Uint8Array(n * h * w);
  const draw = (image: number, [top, bottom, left, right]: Rect) => {
    for (let y = top; y <= bottom; y++)
      masks.fill(1, (image * h + y) * w + left, (image * h + y) * w + right + 1);
  };
  if (mask_kind === "std") {
    for (const [image, rects] of Object.entries(std))
      for (const rect of rects) draw(Number(image), rect);
  }
  if (mask_kind === "all_abn") for (let i = 0; i < n; i++) draw(i, [3, 8, 4, 11]);
  if (mask_kind === "one_px") masks[2 * h * w + onePixel] = 1;
  return masks;
}

export function fixtureMaps(c: FixtureCase, masks: Uint8Array): Float64Array {
  const { n, h, w, gain } = c;
  const maps = rnd(`map_${c.case}`, [n, h, w], 0, 1).map((u, i) => u + gain * masks[i]!);
  for (let i = 0; i < n; i++) smooth(maps.subarray(i * h * w, (i + 1) * h * w), h, w, 1);
  return maps;
}

/** scipy's `gaussian_filter`, in place: sums in float64, stored in the array's own precision after each axis. */
export function smooth(
  image: Float32Array | Float64Array,
  h: number,
  w: number,
  sigma: number,
): void {
  for (let x = 0; x < w; x++) smoothLine(image, x, w, h, sigma);
  for (let y = 0; y < h; y++) smoothLine(image, y * w, 1, w, sigma);
}

/** Smooths one line of `n` pixels. */
function smoothLine(
  image: Float32Array | Float64Array,
  start: number,
  stride: number,
  n: number,
  sigma: number,
): void {
  const radius = 4 * sigma;
  const line = Float64Array.from({ length: n }, (_, i) => image[start + i * stride]!);
  const taps = Float64Array.from({ length: 2 * radius + 1 }, (_, k) =>
    Math.exp(-((k - radius) ** 2) / (2 * sigma ** 2)),
  );
  const total = taps.reduce((a, b) => a + b);
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let k = -radius; k <= radius; k++) {
      const at = i + k < 0 ? -1 - i - k : i + k >= n ? 2 * n - 1 - i - k : i + k;
      sum += (taps[k + radius]! / total) * line[at]!;
    }
    image[start + i * stride] = sum;
  }
}
