/** Images between PyTorch's order in files, [N, C, H, W], and ours, [N, H, W, C]. */

type Four = readonly [number, number, number, number];

export interface Ordered {
  readonly shape: Four;
  readonly data: Float32Array;
}

/** `[N, C, H, W]` to `[N, H, W, C]`. */
export function toNHWC(data: Float32Array, [n, c, h, w]: Four): Ordered {
  return { shape: [n, h, w, c], data: swap(data, n, c, h * w) };
}

/** `[N, H, W, C]` to `[N, C, H, W]`. */
export function toNCHW(data: Float32Array, [n, h, w, c]: Four): Ordered {
  return { shape: [n, c, h, w], data: swap(data, n, h * w, c) };
}

/** `[n, a, b]` to `[n, b, a]`. */
function swap(data: Float32Array, n: number, a: number, b: number): Float32Array {
  const out = new Float32Array(data.length);
  for (let k = 0; k < n; k++) {
    const from = k * a * b;
    for (let i = 0; i < a; i++) {
      for (let j = 0; j < b; j++) out[from + j * a + i] = data[from + i * b + j] as number;
    }
  }
  return out;
}
