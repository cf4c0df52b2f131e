/** Single values of a product or a convolution and its gradients, in doubles on the host: what answers are checked against. */
import type { Point } from "./task.ts";

export interface ConvSize {
  readonly n: number;
  /** Height and width. */
  readonly size: number;
  readonly c: number;
  readonly k: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
}

export function outSize({ size, kernel, stride, padding }: ConvSize): number {
  return Math.floor((size + 2 * padding - kernel) / stride) + 1;
}

/** Multiply-adds count twice. */
export function convFlops(s: ConvSize): number {
  return 2 * s.n * outSize(s) ** 2 * s.c * s.k * s.kernel ** 2;
}

/** Some places of an array: both ends and a few between. */
export function places(length: number): number[] {
  return [...new Set([0, 0.31, 0.5, 0.77].map((f) => Math.floor(f * length)).concat(length - 1))];
}

/** C = A · B for square matrices of side n. */
export function matmulPoints(a: Float32Array, b: Float32Array, n: number): Point[] {
  return places(n * n).map((at) => {
    const [row, column] = [Math.floor(at / n), at % n];
    let total = 0;
    for (let k = 0; k < n; k++) total += get(a, row * n + k) * get(b, k * n + column);
    return [at, total];
  });
}

/** @param x `[N, H, W, C]` @param w `[kh, kw, C, K]` */
export function convPoints(x: Float32Array, w: Float32Array, s: ConvSize): Point[] {
  const out = outSize(s);
  return places(s.n * out * out * s.k).map((at) => {
    const [k, column, row, n] = digits(at, [s.k, out, out]);
    let total = 0;
    taps(s, (ky, kx) => {
      const [y, xx] = [row * s.stride + ky - s.padding, column * s.stride + kx - s.padding];
      if (!inside(y, xx, s.size)) return;
      for (let c = 0; c < s.c; c++) {
        total += get(x, pixel(n, y, xx, s.size, s.c) + c) * get(w, (tap(s, ky, kx) + c) * s.k + k);
      }
    });
    return [at, total];
  });
}

/** Gradient of the input. @param dy `[N, OH, OW, K]` */
export function inputGradPoints(dy: Float32Array, w: Float32Array, s: ConvSize): Point[] {
  const out = outSize(s);
  return places(s.n * s.size * s.size * s.c).map((at) => {
    const [c, x, y, n] = digits(at, [s.c, s.size, s.size]);
    let total = 0;
    taps(s, (ky, kx) => {
      const [row, column] = [(y + s.padding - ky) / s.stride, (x + s.padding - kx) / s.stride];
      if (!Number.isInteger(row) || !Number.isInteger(column) || !inside(row, column, out)) return;
      for (let k = 0; k < s.k; k++) {
        total +=
          get(dy, pixel(n, row, column, out, s.k) + k) * get(w, (tap(s, ky, kx) + c) * s.k + k);
      }
    });
    return [at, total];
  });
}

/** Gradient of the weight. */
export function weightGradPoints(x: Float32Array, dy: Float32Array, s: ConvSize): Point[] {
  const out = outSize(s);
  return places(s.kernel ** 2 * s.c * s.k).map((at) => {
    const [k, c, kx, ky] = digits(at, [s.k, s.c, s.kernel]);
    let total = 0;
    for (let n = 0; n < s.n; n++) {
      for (let row = 0; row < out; row++) {
        for (let column = 0; column < out; column++) {
          const [y, xx] = [row * s.stride + ky - s.padding, column * s.stride + kx - s.padding];
          if (!inside(y, xx, s.size)) continue;
          total +=
            get(x, pixel(n, y, xx, s.size, s.c) + c) * get(dy, pixel(n, row, column, out, s.k) + k);
        }
      }
    }
    return [at, total];
  });
}

function taps({ kernel }: ConvSize, visit: (ky: number, kx: number) => void): void {
  for (let ky = 0; ky < kernel; ky++) for (let kx = 0; kx < kernel; kx++) visit(ky, kx);
}

/** First row of a tap in the weight, in channels. */
const tap = (s: ConvSize, ky: number, kx: number) => (ky * s.kernel + kx) * s.c;
const pixel = (n: number, y: number, x: number, size: number, c: number) =>
  ((n * size + y) * size + x) * c;
const inside = (y: number, x: number, size: number) => y >= 0 && x >= 0 && y < size && x < size;
const get = (values: Float32Array, at: number) => values[at] as number;

/** A flat index as coordinates, the fastest axis first; what is left over is the last. */
function digits(
  at: number,
  sizes: readonly [number, number, number],
): [number, number, number, number] {
  const [a, b, c] = sizes;
  const [one, two] = [Math.floor(at / a), Math.floor(at / a / b)];
  return [at % a, one % b, two % c, Math.floor(two / c)];
}
