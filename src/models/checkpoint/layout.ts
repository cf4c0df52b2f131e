/**
 * Convolution weights between PyTorch's order `[O, I, H, W]` (checkpoints) and ours, `[H, W, I, O]` (channels-last kernels read a
 * tap's outputs contiguously). A pure reordering: no value changes.
 */
import { LoupeError } from "../../error.ts";
import { numel } from "./tensor.ts";

/** Tile edge: a 32×32 block of f32 (4 KB each side) stays in the first-level cache. */
const tile = 32;

/** `[a, b, c]` to `[c, b, a]`. Both conversions are this, with H·W as one axis. */
function reverseAxes(data: Float32Array, a: number, b: number, c: number): Float32Array {
  const out = new Float32Array(data.length);
  for (let j = 0; j < b; j++) {
    for (let i0 = 0; i0 < a; i0 += tile) {
      const i1 = Math.min(i0 + tile, a);
      for (let k0 = 0; k0 < c; k0 += tile) {
        const k1 = Math.min(k0 + tile, c);
        for (let k = k0; k < k1; k++) {
          const to = (k * b + j) * a;
          for (let i = i0; i < i1; i++) out[to + i] = data[(i * b + j) * c + k]!;
        }
      }
    }
  }
  return out;
}

function check(where: string, data: Float32Array, shape: readonly number[]): void {
  if (shape.length !== 4) {
    throw new LoupeError("shape", `${where}: expects 4 dimensions (shape [${shape.join(", ")}])`);
  }
  const n = numel(shape, where);
  if (data.length !== n) {
    throw new LoupeError(
      "shape",
      `${where}: shape [${shape.join(", ")}] has ${n} elements but data has ${data.length}`,
    );
  }
}

/** PyTorch's convolution weight `[O, I, H, W]` to ours, `[H, W, I, O]`. `shape` is the input's. Returns a new array. */
export function toHWIO(
  data: Float32Array,
  shape: readonly [o: number, i: number, h: number, w: number],
): Float32Array {
  check("toHWIO", data, shape);
  const [o, i, h, w] = shape;
  return reverseAxes(data, o, i, h * w);
}

/** Our convolution weight `[H, W, I, O]` to PyTorch's, `[O, I, H, W]`. `shape` is the OUTPUT's: `[O, I, H, W]`, so it inverts `toHWIO(x, shape)`. */
export function toOIHW(
  data: Float32Array,
  shape: readonly [o: number, i: number, h: number, w: number],
): Float32Array {
  check("toOIHW", data, shape);
  const [o, i, h, w] = shape;
  return reverseAxes(data, h * w, i, o);
}
