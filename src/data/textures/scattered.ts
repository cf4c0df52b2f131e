/** Patterns without order: noises, cells, and things strewn over the plane. Every field belongs to a seed. */
import { fractal, hash, mix, noise, norm, smooth } from "../demo/noise.ts";
import { type Field, inside, stripes } from "./lattices.ts";

/** A pattern that differs from seed to seed. */
export type Seeded = (seed: number) => Field;

export const valueNoise =
  (size: number): Seeded =>
  (seed) =>
  (x, y) =>
    noise(x / size, y / size, seed);

/** Clouds, of octaves from `size` pixels down. */
export const clouds =
  (size: number, octaves: number): Seeded =>
  (seed) =>
  (x, y) =>
    0.5 + 0.5 * fractal(x / size, y / size, seed, octaves);

/** Sharp crests. */
export const ridges =
  (size: number): Seeded =>
  (seed) =>
  (x, y) =>
    1 - Math.min(1, Math.abs(fractal(x / size, y / size, seed, 3)) * 2.2);

/** Patches with clear borders, `share` of the area. */
export const camouflage =
  (size: number, share: number): Seeded =>
  (seed) =>
  (x, y) =>
    smooth(0.06, -0.06, fractal(x / size, y / size, seed, 2) - (share - 0.5));

export const marble =
  (period: number): Seeded =>
  (seed) =>
  (x, y) =>
    0.5 + 0.5 * Math.sin((2 * Math.PI * x) / period + 4 * fractal(x / 20, y / 20, seed, 3));

/** Years of growth around a far centre. */
export const wood =
  (period: number): Seeded =>
  (seed) => {
    const far = 60 + 60 * hash(1, 2, seed);
    return (x, y) => {
      const r = norm(x - far, y * 0.25) + 3 * noise(x / 14, y / 40, seed);
      const grain = noise(x * 0.9, y / 9, seed + 5);
      return 0.75 * ((r / period) % 1) + 0.25 * grain;
    };
  };

/** Fine lines along y, `length` times as long as wide. */
export const brushed =
  (width: number, length: number): Seeded =>
  (seed) =>
  (x, y) =>
    0.65 * noise(x / width, y / (width * length), seed) +
    0.35 * noise((2.3 * x) / width, y / (width * length), seed + 9);

/** Independent squares of `side` pixels. */
export const grain =
  (side: number): Seeded =>
  (seed) =>
  (x, y) =>
    hash(Math.floor(x / side), Math.floor(y / side), seed);

/** A few squares among many. */
export const salt =
  (side: number, share: number): Seeded =>
  (seed) =>
  (x, y) =>
    Number(hash(Math.floor(x / side), Math.floor(y / side), seed) < share);

/** Distances to the nearest and second nearest of scattered points, in pixels, and a number of the nearest one. */
function nearest(x: number, y: number, size: number, seed: number): [number, number, number] {
  const [i, j] = [Math.floor(x / size), Math.floor(y / size)];
  let [first, second, who] = [9, 9, 0];
  for (let b = j - 1; b <= j + 1; b++) {
    for (let a = i - 1; a <= i + 1; a++) {
      const dx = a + hash(a, b, seed) - x / size;
      const dy = b + hash(a, b, seed + 77) - y / size;
      const d = dx * dx + dy * dy;
      if (d < first) {
        second = first;
        first = d;
        who = hash(a, b, seed + 154);
      } else if (d < second) second = d;
    }
  }
  return [Math.sqrt(first) * size, Math.sqrt(second) * size, who];
}

/** Bumps around scattered points. */
export const cells =
  (size: number): Seeded =>
  (seed) =>
  (x, y) =>
    Math.max(0, 1 - nearest(x, y, size, seed)[0] / size);

/** Thin lines between cells. */
export const cracks =
  (size: number): Seeded =>
  (seed) =>
  (x, y) => {
    const [first, second] = nearest(x, y, size, seed);
    return inside(second - first - 1.6);
  };

/** Each cell has its own grey. */
export const mosaic =
  (size: number): Seeded =>
  (seed) =>
  (x, y) =>
    nearest(x, y, size, seed)[2];

/** The distance to the edge of a thing at the origin; `own` is a number of 0..1 that belongs to it. */
export type Thing = (x: number, y: number, own: number) => number;

/** One thing in `share` of all squares of `size` pixels, somewhere in it and turned. */
export const strewn =
  (size: number, share: number, thing: Thing): Seeded =>
  (seed) =>
  (x, y) => {
    const [i, j] = [Math.floor(x / size), Math.floor(y / size)];
    let d = 9;
    for (let b = j - 1; b <= j + 1; b++) {
      for (let a = i - 1; a <= i + 1; a++) {
        if (hash(a, b, seed) > share) continue;
        const dx = x - (a + hash(a, b, seed + 11)) * size;
        const dy = y - (b + hash(a, b, seed + 22)) * size;
        if (dx * dx + dy * dy > size * size) continue;
        const turn = 2 * Math.PI * hash(a, b, seed + 33);
        const [c, s] = [Math.cos(turn), Math.sin(turn)];
        d = Math.min(d, thing(c * dx + s * dy, c * dy - s * dx, hash(a, b, seed + 44)));
      }
    }
    return inside(d);
  };

export const disc =
  (from: number, to: number): Thing =>
  (x, y, own) =>
    norm(x, y) - mix(from, to, own);

export const ring =
  (from: number, to: number): Thing =>
  (x, y, own) =>
    Math.abs(norm(x, y) - mix(from, to, own)) - 0.8;

export const rod =
  (length: number, width: number): Thing =>
  (x, y) =>
    norm(Math.max(0, Math.abs(x) - length / 2), y) - width / 2;

/** A bent rod. */
export const hair =
  (length: number, width: number): Thing =>
  (x, y, own) =>
    rod(length, width)(x, y + (own - 0.5) * 0.12 * x * x, own);

export const cross =
  (length: number, width: number): Thing =>
  (x, y, own) =>
    Math.min(rod(length, width)(x, y, own), rod(length, width)(y, x, own));

export const chip =
  (width: number, height: number): Thing =>
  (x, y) =>
    Math.max(Math.abs(x) - width / 2, Math.abs(y) - height / 2);

/** Long thin lines in all directions. */
export const scratches =
  (spacing: number): Seeded =>
  (seed) => {
    const angles = [0, 1, 2, 3].map((k) => Math.PI * hash(k, 0, seed));
    const sets = angles.map((a, k) => {
      const [c, s] = [Math.cos(a), Math.sin(a)];
      return (x: number, y: number) => {
        const u = c * x + s * y;
        const row = Math.floor(u / spacing);
        const kept = hash(row, Math.floor((c * y - s * x) / 40), seed + k) < 0.4;
        return kept ? stripes(spacing, 1.2 / spacing)(u, 0) : 0;
      };
    });
    return (x, y) => Math.max(...sets.map((set) => set(x, y)));
  };

/** Next to nothing: a slope, or a broad spot of light. */
export const smoothField: Seeded = (seed) => {
  const [slope, bend] = [hash(0, 0, seed) * 0.012, (hash(0, 1, seed) - 0.5) * 2e-4];
  const [cx, cy] = [hash(0, 2, seed) * 96, hash(0, 3, seed) * 96];
  return (x, y) => 0.5 + slope * (x - cx) + bend * ((x - cx) ** 2 + (y - cy) ** 2);
};
