/** Patterns that repeat: gratings, checks, tiles, weaves. Every field maps a point (in pixels) to 0..1. */
import { mix, norm, smooth } from "../demo/noise.ts";

/** A pattern: a value of 0..1 for every point of the plane, in pixels. */
export type Field = (x: number, y: number) => number;

/** x modulo m, never negative. */
export const wrap = (x: number, m: number) => x - Math.floor(x / m) * m;

/** 1 inside, 0 outside; `d` is the signed distance to the edge in pixels, negative inside. */
export const inside = (d: number) => smooth(0.6, -0.6, d);

export const sine =
  (period: number): Field =>
  (x) =>
    0.5 + 0.5 * Math.sin((2 * Math.PI * x) / period);

/** Bars that take `duty` of each period. */
export const stripes =
  (period: number, duty: number): Field =>
  (x) =>
    inside(Math.abs(wrap(x, period) - period / 2) - (duty * period) / 2);

export const saw =
  (period: number): Field =>
  (x) =>
    wrap(x, period) / period;

/** Wavy bars. */
export const waves =
  (period: number, swing: number): Field =>
  (x, y) =>
    0.5 + 0.5 * Math.sin((2 * Math.PI * (x + swing * Math.sin((4 * y) / period))) / period);

/** Zigzag bars. */
export const chevron =
  (period: number): Field =>
  (x, y) =>
    stripes(period, 0.5)(x + Math.abs(wrap(y, 2 * period) - period), 0);

export const checks =
  (side: number): Field =>
  (x, y) =>
    (Math.floor(x / side) + Math.floor(y / side)) & 1;

export const grid =
  (period: number, width: number): Field =>
  (x, y) =>
    Math.max(stripes(period, width / period)(x, 0), stripes(period, width / period)(y, 0));

/** Two sets of bars that shine through each other. */
export const plaid =
  (period: number): Field =>
  (x, y) =>
    0.35 * stripes(period, 0.5)(x, 0) +
    0.35 * stripes(period, 0.5)(y, 0) +
    0.3 * stripes(2 * period, 0.15)(x + y * 0, 0);

/** Discs, or rings of width `ring`, in rows; every other row is shifted by `shift` periods. */
export const dots =
  (period: number, radius: number, { shift = 0, ring = 0 } = {}): Field =>
  (x, y) => {
    const row = Math.floor(y / period);
    const dx = wrap(x + (row & 1) * shift * period, period) - period / 2;
    const d = norm(dx, wrap(y, period) - period / 2) - radius * period;
    return inside(ring ? Math.abs(d) - ring / 2 : d);
  };

/** Bricks with joints of a pixel or so. */
export const bricks =
  (width: number, height: number): Field =>
  (x, y) => {
    const row = Math.floor(y / height);
    const u = wrap(x + (row & 1) * (width / 2), width);
    const joint = Math.min(u, width - u, wrap(y, height), height - wrap(y, height));
    return 1 - inside(joint - 0.8);
  };

/** Blocks of bars, by turns along and across. */
export const basket =
  (side: number): Field =>
  (x, y) => {
    const across = (Math.floor(x / side) + Math.floor(y / side)) & 1;
    return stripes(side / 3, 0.55)(across ? x : y, 0);
  };

/** Threads that pass over and under each other; `step` 1 is plain weave, 2 and more are twills. */
export const weave =
  (thread: number, step: number): Field =>
  (x, y) => {
    const [i, j] = [Math.floor(x / thread), Math.floor(y / thread)];
    const over = step === 1 ? (i + j) & 1 : Number(wrap(i - j, 2 * step) < step);
    const along = over ? wrap(x, thread) : wrap(y, thread);
    return mix(0.25, 1, Math.sin((Math.PI * along) / thread)) * (over ? 1 : 0.75);
  };

/** Planks laid at right angles. */
export const herringbone =
  (side: number): Field =>
  (x, y) => {
    const [i, j] = [Math.floor(x / side), Math.floor(y / side)];
    const k = wrap(i - j, 4);
    const [u, v] = [wrap(x, side), wrap(y, side)];
    const edges = k < 2 ? Math.min(v, side - v) : Math.min(u, side - u);
    const end = [u, side - u, side - v, v][k] as number;
    return 1 - inside(Math.min(edges, end) - 0.8);
  };

/** Joints between regular hexagons. */
export const hexagons =
  (side: number): Field =>
  (x, y) => {
    const h = side * Math.sqrt(3);
    const from = (ox: number, oy: number) => {
      const [dx, dy] = [wrap(x + ox, side) - side / 2, wrap(y + oy, h) - h / 2];
      return Math.max(Math.abs(dx), Math.abs(dx) / 2 + (Math.abs(dy) * Math.sqrt(3)) / 2);
    };
    return inside(side / 2 - Math.min(from(0, 0), from(side / 2, h / 2)) - 0.8);
  };

/** Triangles, light and dark by turns. */
export const triangles =
  (side: number): Field =>
  (x, y) => {
    const at = (angle: number) =>
      Math.floor((x * Math.cos(angle) + y * Math.sin(angle)) / (side * 0.866));
    return (at(0) + at((2 * Math.PI) / 3) + at((4 * Math.PI) / 3)) & 1;
  };
