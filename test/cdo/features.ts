/** The stored features and masks of the goldens, in our layout. */
import type { Device, Tensor } from "../../src/core/index.ts";
import { rnd } from "../golden.ts";

export const levelShapes = [
  [2, 4, 8, 8],
  [2, 6, 4, 4],
  [2, 8, 2, 2],
] as const;

/** `[N, C, H, W]` numbers as `[N, H, W, C]`. */
export function toChannelsLast(
  data: ArrayLike<number>,
  shape: readonly number[],
): Float32Array<ArrayBuffer> {
  const [n, c, h, w] = shape as [number, number, number, number];
  const out = new Float32Array(data.length);
  for (let b = 0; b < n; b++)
    for (let k = 0; k < c; k++)
      for (let p = 0; p < h * w; p++)
        out[(b * h * w + p) * c + k] = data[(b * c + k) * h * w + p] as number;
  return out;
}

/** rnd(`name`) given as NCHW, as a tensor of ours. */
export function golden(
  device: Device,
  name: string,
  shape: readonly number[],
  lo = -1,
  hi = 1,
): Tensor {
  const [n, c, h, w] = shape as [number, number, number, number];
  return device.tensor(toChannelsLast(rnd(name, [...shape], lo, hi), shape), [n, h, w, c]);
}

/** fe0… and fa0… of the goldens. */
export function goldenFeatures(device: Device): { teacher: Tensor[]; student: Tensor[] } {
  return {
    teacher: levelShapes.map((shape, i) => golden(device, `fe${i}`, shape)),
    student: levelShapes.map((shape, i) => golden(device, `fa${i}`, shape)),
  };
}

type Box = readonly [
  image: number,
  top: number,
  bottom: number,
  left: number,
  right: number,
  value: number,
];

/** A mask `[n, size, size, 1]` with boxes painted in. */
export function boxes(device: Device, n: number, size: number, list: readonly Box[]): Tensor {
  const data = new Float32Array(n * size * size);
  for (const [image, top, bottom, left, right, value] of list)
    for (let y = top; y < bottom; y++)
      for (let x = left; x < right; x++) data[(image * size + y) * size + x] = value;
  return device.tensor(data, [n, size, size, 1]);
}
