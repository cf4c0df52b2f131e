/** Shapes that defects have: how much of each pixel they cover. Lengths are in pixels. */
import { normal, type Random } from "../random.ts";
import { fractal, norm, smooth } from "./noise.ts";

/** Coverage 0..1 of every pixel `[size, size]`. */
export type Cover = Float32Array;

/** A point in pixels. */
export type Spot = { readonly x: number; readonly y: number };

/** Coverage from a function of pixel coordinates. */
export function coverOf(size: number, at: (x: number, y: number) => number): Cover {
  const cover = new Float32Array(size * size);
  for (let y = 0, i = 0; y < size; y++) for (let x = 0; x < size; x++, i++) cover[i] = at(x, y);
  return cover;
}

/** A random point at least `margin` from the border. */
export function spotIn(size: number, margin: number, random: Random): Spot {
  const along = () => margin + random.uniform() * (size - 2 * margin);
  return { x: along(), y: along() };
}

/**
 * An irregular blob. `rough` 0 is an ellipse, 1 has a very uneven edge; `edge`: width over which it fades.
 */
export function blob(
  size: number,
  centre: Spot,
  radius: number,
  rough: number,
  edge: number,
  random: Random,
): Cover {
  const seed = random.int(0, 2 ** 31);
  const turn = random.uniform() * Math.PI;
  const stretch = 1 + 0.35 * random.uniform();
  return coverOf(size, (x, y) => {
    const dx = x - centre.x;
    const dy = y - centre.y;
    const a = (dx * Math.cos(turn) + dy * Math.sin(turn)) / stretch;
    const b = (dy * Math.cos(turn) - dx * Math.sin(turn)) * stretch;
    const r = norm(a, b);
    // Bays and tongues along the contour, and crumbs across it.
    const contour = fractal((1.3 * a) / (r + 1e-3) + 5, (1.3 * b) / (r + 1e-3) + 5, seed, 4);
    const crumbs = fractal(x / 3.1 + 0.3 * y, y / 3.1 - 0.3 * x, seed + 1, 2);
    return smooth(edge / 2, -edge / 2, r - radius * (1 + rough * (contour + 0.25 * crumbs)));
  });
}

/** A curved line through random turns: `bend` 0 is straight. Points are a pixel apart. */
export function path(
  start: Spot,
  angle: number,
  length: number,
  bend: number,
  random: Random,
): Spot[] {
  const spots: Spot[] = [start];
  let [x, y, heading, turning] = [start.x, start.y, angle, 0];
  for (let i = 1; i < length; i++) {
    turning = 0.9 * turning + 0.1 * bend * normal(random);
    heading += turning;
    x += Math.cos(heading);
    y += Math.sin(heading);
    spots.push({ x, y });
  }
  return spots;
}

/** A broken line that keeps its direction: `jag` is how much its short pieces turn, in radians. */
export function zigzag(
  start: Spot,
  angle: number,
  length: number,
  jag: number,
  random: Random,
): Spot[] {
  const spots: Spot[] = [start];
  let { x, y } = start;
  while (spots.length < length) {
    const heading = angle + jag * normal(random);
    const piece = 3 + random.int(0, 6);
    for (let i = 0; i < piece; i++) {
      x += Math.cos(heading);
      y += Math.sin(heading);
      spots.push({ x, y });
    }
  }
  return spots;
}

/** The pixels within `width / 2` of a path; `taper` thins its ends. */
export function stroke(size: number, spots: readonly Spot[], width: number, taper = true): Cover {
  const cover = new Float32Array(size * size);
  spots.forEach((spot, k) => {
    const t = k / Math.max(1, spots.length - 1);
    const half = (width / 2) * (taper ? Math.sqrt(Math.max(0.1, Math.sin(Math.PI * t))) : 1);
    const reach = Math.ceil(half + 1);
    for (let y = Math.floor(spot.y) - reach; y <= spot.y + reach + 1; y++) {
      for (let x = Math.floor(spot.x) - reach; x <= spot.x + reach + 1; x++) {
        if (x < 0 || y < 0 || x >= size || y >= size) continue;
        const here = smooth(half + 0.6, half - 0.6, norm(x - spot.x, y - spot.y));
        cover[y * size + x] = Math.max(cover[y * size + x]!, here);
      }
    }
  });
  return cover;
}

/** Pixel by pixel the larger coverage. */
export function union(a: Cover, b: Cover): Cover {
  return a.map((v, i) => Math.max(v, b[i]!));
}
