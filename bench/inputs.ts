/**
 * Numbers that every engine makes alike, from a linear congruential generator, so that answers can be compared between engines.
 * Images and weights are drawn in PyTorch's order and put in ours.
 */

/** Uniform in (−scale, scale). */
export function drawn(n: number, seed: number, scale = 1): Float32Array<ArrayBuffer> {
  const out = new Float32Array(n);
  let state = seed >>> 0;
  for (let i = 0; i < n; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    out[i] = ((state >>> 8) / 8_388_608 - 1) * scale;
  }
  return out;
}

type Four = readonly [number, number, number, number];

/** `[N, C, H, W]` as `[N, H, W, C]`. */
export function toNHWC(x: Float32Array, [n, c, h, w]: Four): Float32Array<ArrayBuffer> {
  return moved(x, [n, c, h, w], [0, 2, 3, 1]);
}

/** `[N, H, W, C]` as `[N, C, H, W]`. */
export function toNCHW(x: Float32Array, [n, h, w, c]: Four): Float32Array<ArrayBuffer> {
  return moved(x, [n, h, w, c], [0, 3, 1, 2]);
}

/** `[O, I, kh, kw]` as `[kh, kw, I, O]`. */
export function toHWIO(x: Float32Array, [o, i, kh, kw]: Four): Float32Array<ArrayBuffer> {
  return moved(x, [o, i, kh, kw], [2, 3, 1, 0]);
}

/** `[kh, kw, I, O]` as `[O, I, kh, kw]`. */
export function toOIHW(x: Float32Array, [kh, kw, i, o]: Four): Float32Array<ArrayBuffer> {
  return moved(x, [kh, kw, i, o], [3, 2, 0, 1]);
}

function moved(x: Float32Array, shape: Four, order: Four): Float32Array<ArrayBuffer> {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const [a, b, c, d] = order.map((axis) => shape[axis]) as unknown as Four;
  const [sa, sb, sc, sd] = order.map((axis) => strides[axis]) as unknown as Four;
  const out = new Float32Array(x.length);
  let at = 0;
  for (let i = 0; i < a; i++)
    for (let j = 0; j < b; j++)
      for (let k = 0; k < c; k++)
        for (let l = 0; l < d; l++) out[at++] = x[i * sa + j * sb + k * sc + l * sd] as number;
  return out;
}
