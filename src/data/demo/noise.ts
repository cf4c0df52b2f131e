/** Smooth random fields for the demo's textures: value noise on a hashed lattice, and sums of its octaves. */

/** A number of [0, 1) for a lattice point. */
export function hash(x: number, y: number, seed: number): number {
  let h = Math.imul(x | 0, 0x27d4eb2d) ^ Math.imul(y | 0, 0x165667b1) ^ seed;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
}

/** Value noise in [0, 1), smooth, features about one unit wide. */
export function noise(x: number, y: number, seed: number): number {
  const ix = Math.floor(x);
  const iy = Math.floor(y);
  const u = fade(x - ix);
  const v = fade(y - iy);
  const top = mix(hash(ix, iy, seed), hash(ix + 1, iy, seed), u);
  const bottom = mix(hash(ix, iy + 1, seed), hash(ix + 1, iy + 1, seed), u);
  return mix(top, bottom, v);
}

/** The sum of `octaves` noises, each twice as fine and half as strong, scaled to about -1..1 with mean 0. */
export function fractal(x: number, y: number, seed: number, octaves = 4): number {
  let sum = 0;
  let weight = 1;
  let total = 0;
  for (let i = 0; i < octaves; i++) {
    sum += weight * (noise(x * 2 ** i, y * 2 ** i, seed + i * 1013) * 2 - 1);
    total += weight;
    weight /= 2;
  }
  return (sum / total) * 1.6;
}

/** Linear interpolation. */
export function mix(a: number, b: number, t: number): number {
  return a + (b - a) * t;
}

/** 0 below `from`, 1 above `to`, smooth between; `from` may be the larger one. */
export function smooth(from: number, to: number, x: number): number {
  const t = Math.min(1, Math.max(0, (x - from) / (to - from)));
  return t * t * (3 - 2 * t);
}

/** The length of (x, y); Math.hypot guards against overflow and takes ten times as long. */
export function norm(x: number, y: number): number {
  return Math.sqrt(x * x + y * y);
}

function fade(t: number): number {
  return t * t * t * (t * (t * 6 - 15) + 10);
}
