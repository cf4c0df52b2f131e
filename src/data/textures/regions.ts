/** How a picture of several textures is divided: halves, cells, things on a ground, small spots, thin strokes. */
import { fractal } from "../demo/noise.ts";
import type { Random } from "../random.ts";

/** Region numbers of all pixels, `[size, size]`, row-major, and how many regions there are. */
export type Division = { readonly count: number; readonly of: Uint8Array };

type Rule = (x: number, y: number) => number;

const between = (random: Random, lo: number, hi: number) => lo + (hi - lo) * random.uniform();

/** A division of a square of `size` pixels. */
export function divide(size: number, random: Random): Division {
  const kinds = [whole, halves, patches, things, things, spots, strokes];
  const kind = kinds[random.int(0, kinds.length)] as (typeof kinds)[number];
  const { count, rule } = kind(size, random);
  const of = new Uint8Array(size * size);
  const bend = random.uniform() < 0.5 ? 0 : between(random, 1, 6);
  const seed = random.int(0, 2 ** 31);
  for (let y = 0, i = 0; y < size; y++) {
    for (let x = 0; x < size; x++, i++) {
      const dx = bend ? bend * fractal(x / 20, y / 20, seed, 2) : 0;
      const dy = bend ? bend * fractal(x / 20, y / 20, seed + 5000, 2) : 0;
      of[i] = rule(x + dx, y + dy);
    }
  }
  return { count, of };
}

type Kind = (size: number, random: Random) => { readonly count: number; readonly rule: Rule };

const whole: Kind = () => ({ count: 1, rule: () => 0 });

const halves: Kind = (size, random) => {
  const angle = 2 * Math.PI * random.uniform();
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const at = between(random, -0.25, 0.25) * size;
  return { count: 2, rule: (x, y) => Number(c * (x - size / 2) + s * (y - size / 2) > at) };
};

const patches: Kind = (size, random) => {
  const count = random.int(3, 6);
  const centres = Array.from({ length: count }, () => [
    size * random.uniform(),
    size * random.uniform(),
  ]);
  const rule: Rule = (x, y) => {
    const far = centres.map(([cx, cy]) => (x - cx!) ** 2 + (y - cy!) ** 2);
    return far.indexOf(Math.min(...far));
  };
  return { count, rule };
};

/** Ellipses and rectangles of a third to half the picture. */
const things: Kind = (size, random) => several(size, random, random.int(1, 3), [0.15, 0.42]);

/** Ellipses and rectangles as small as a defect. */
const spots: Kind = (size, random) => several(size, random, random.int(2, 5), [0.05, 0.14]);

function several(
  size: number,
  random: Random,
  things: number,
  [lo, hi]: readonly [number, number],
): ReturnType<Kind> {
  const shapes = Array.from({ length: things }, () => shape(size, random, lo, hi));
  const rule: Rule = (x, y) => shapes.findLastIndex((covers) => covers(x, y)) + 1;
  return { count: things + 1, rule };
}

function shape(size: number, random: Random, lo: number, hi: number) {
  const angle = Math.PI * random.uniform();
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const [a, b] = [size * between(random, lo, hi), size * between(random, lo, hi)];
  const [cx, cy] = [size * between(random, 0.1, 0.9), size * between(random, 0.1, 0.9)];
  const power = random.uniform() < 0.6 ? 2 : 8;
  return (x: number, y: number) => {
    const u = Math.abs(c * (x - cx) + s * (y - cy)) / a;
    const v = Math.abs(c * (y - cy) - s * (x - cx)) / b;
    return u ** power + v ** power < 1;
  };
}

/** Bands of 3 to 10 pixels. */
const strokes: Kind = (size, random) => {
  const bands = Array.from({ length: random.int(1, 3) }, () => {
    const angle = Math.PI * random.uniform();
    const at = between(random, -0.3, 0.3) * size;
    return { c: Math.cos(angle), s: Math.sin(angle), at, half: between(random, 1.5, 5) };
  });
  const rule: Rule = (x, y) =>
    bands.findLastIndex(
      ({ c, s, at, half }) => Math.abs(c * (x - size / 2) + s * (y - size / 2) - at) < half,
    ) + 1;
  return { count: bands.length + 1, rule };
};
