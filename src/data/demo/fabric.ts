/** Demo product: denim-like twill. Threads over and under each other, uneven as yarn is; defects of weaving and handling. */
import { normal, type Random } from "../random.ts";
import { fractal, hash, mix, noise, smooth } from "./noise.ts";
import type { Defect, Piece, Product } from "./product.ts";
import { blob, coverOf, path, spotIn, stroke, union } from "./shapes.ts";
import { type Colour, lightFrom, makeSurface, tint } from "./surface.ts";

const threads = 22;
const warpColour: Colour = [0.2, 0.31, 0.5];
const weftColour: Colour = [0.72, 0.74, 0.76];
const backing: Colour = [0.06, 0.06, 0.08];

type Weave = { period: number; turn: number; shift: [number, number]; seed: number };

function make(size: number, random: Random): Piece {
  const weave: Weave = {
    period: size / threads,
    turn: 0.02 * normal(random),
    shift: [random.uniform() * 64, random.uniform() * 64],
    seed: random.int(0, 2 ** 31),
  };
  const shade = 1 + 0.03 * normal(random);
  const surface = makeSurface(size, (x, y) => {
    const { u, v } = along(weave, x, y);
    const yarn = yarnAt(weave, u, v);
    const worn = 1 + 0.06 * fractal((x / size) * 3, (y / size) * 3, weave.seed + 5, 3);
    const fibre = yarn.warp
      ? noise(u * 7, v * 1.6, weave.seed + 1)
      : noise(u * 1.6, v * 7, weave.seed + 2);
    const own = yarn.warp
      ? hash(Math.floor(u), 0, weave.seed + 3)
      : hash(0, Math.floor(v), weave.seed + 4);
    const base = yarn.warp ? warpColour : weftColour;
    const bright = shade * worn * (0.8 + 0.2 * own + 0.22 * fibre) * mix(0.55, 1.05, yarn.height);
    const colour = base.map((c) => c * bright) as unknown as Colour;
    return { colour, height: yarn.height * weave.period * 0.35, gloss: 0.02 };
  });
  const light = lightFrom(-2.1, 0.9, random);
  return { surface, light, place: (r) => spotIn(size, size * 0.16, r) };
}

/** Thread coordinates: one unit is one thread, slightly turned and wavy. */
function along({ period, turn, shift, seed }: Weave, x: number, y: number) {
  const wave = 0.35 * fractal(x / (period * 9), y / (period * 9), seed, 2);
  const u = (x * Math.cos(turn) - y * Math.sin(turn)) / period + shift[0] + wave;
  const v = (x * Math.sin(turn) + y * Math.cos(turn)) / period + shift[1] - wave;
  return { u, v };
}

/** Which thread is on top, and how high it is there, 0..1: a three-and-one twill. */
function yarnAt({ seed }: Weave, u: number, v: number): { warp: boolean; height: number } {
  const column = Math.floor(u);
  const row = Math.floor(v);
  const across = (t: number, thread: number) => {
    const width = 0.9 + 0.14 * hash(thread, 9, seed);
    return Math.sqrt(Math.max(0, 1 - ((2 * t - 1) / width) ** 2));
  };
  const phase = (((row + column) % 4) + 4) % 4;
  const over = phase < 3;
  // A thread dives at the ends of its float.
  const inFloat = over ? (phase + (v - row)) / 3 : v - row;
  const rise = Math.sqrt(Math.max(0, Math.sin(Math.PI * Math.min(1, Math.max(0, inFloat)))));
  const warp = across(u - column, column) * (over ? 0.55 + 0.45 * rise : 0.25);
  const weft = across(v - row, row + 500) * (over ? 0.3 : 0.95);
  return { warp: warp >= weft, height: Math.max(warp, weft) };
}

const hole: Defect = ({ surface, place }, random) => {
  const { size } = surface;
  const centre = place(random);
  const radius = size * (0.035 + 0.03 * random.uniform());
  const gone = blob(size, centre, radius, 0.3, 2, random);
  const frayed = blob(size, centre, radius * 1.2, 0.3, 3, random);
  const seed = random.int(0, 2 ** 31);
  gone.forEach((amount, i) => {
    // A few torn threads still cross the hole, the rim is white with broken fibres.
    const strand = smooth(0.74, 0.8, noise((i % size) / 2.2, Math.floor(i / size) / 14, seed));
    const fluff = noise((i % size) / 1.3, Math.floor(i / size) / 2.6, seed + 1);
    const open = amount * (1 - 0.8 * strand);
    tint(surface, i, weftColour, 0.9 * fluff * frayed[i]! * (1 - amount));
    tint(surface, i, backing, open);
    surface.height[i] = mix(surface.height[i]!, -2, open);
  });
  return union(gone, frayed);
};

const missingThread: Defect = ({ surface, place }, random) => {
  const { size } = surface;
  const { x, y } = place(random);
  const upright = random.uniform() < 0.6;
  const width = (size / threads) * 0.42;
  const length = size * (0.5 + 0.7 * random.uniform());
  const seed = random.int(0, 2 ** 31);
  const cover = coverOf(size, (px, py) => {
    const [across, far] = upright ? [px - x, py - y] : [py - y, px - x];
    const drift = 1.5 * fractal(far / 40, 1, seed, 2);
    const end = smooth(length / 2 + 3, length / 2 - 3, Math.abs(far));
    return end * smooth(width + 0.9, width - 0.9, Math.abs(across + drift));
  });
  cover.forEach((amount, i) => {
    // Where the thread was, the crossing ones lie low and bare.
    const far = upright ? Math.floor(i / size) : i % size;
    const rung = 0.5 + 0.5 * Math.sin((far * 2 * Math.PI) / (size / threads));
    tint(surface, i, backing, 0.62 * amount);
    tint(surface, i, upright ? weftColour : warpColour, 0.3 * rung * amount);
    surface.height[i] = mix(surface.height[i]!, 0.5 * rung - 0.5, amount);
  });
  return cover;
};

const stain: Defect = ({ surface, place }, random) => {
  const { size } = surface;
  const radius = size * (0.06 + 0.05 * random.uniform());
  const cover = blob(size, place(random), radius, 0.35, 4, random);
  const oil: Colour = random.uniform() < 0.5 ? [0.35, 0.27, 0.16] : [0.16, 0.15, 0.14];
  const seed = random.int(0, 2 ** 31);
  cover.forEach((amount, i) => {
    const soaked = 0.75 + 0.25 * fractal((i % size) / 9, Math.floor(i / size) / 9, seed, 3);
    const c = i * 3;
    for (let k = 0; k < 3; k++) {
      const dark = surface.colour[c + k]! * (0.25 + 0.9 * oil[k]!);
      surface.colour[c + k] = mix(surface.colour[c + k]!, dark, amount * soaked);
    }
  });
  return cover;
};

const fibre: Defect = ({ surface, place }, random) => {
  const { size } = surface;
  const start = place(random);
  const length = size * (0.22 + 0.2 * random.uniform());
  const spots = path(start, random.uniform() * 6.28, length, 0.28, random);
  const width = 1.9 + random.uniform();
  const shadow = stroke(
    size,
    spots.map(({ x, y }) => ({ x: x + 1.6, y: y + 1.9 })),
    width + 1,
  );
  const cover = stroke(size, spots, width);
  const colours: Colour[] = [
    [0.85, 0.3, 0.22],
    [0.95, 0.93, 0.85],
    [0.9, 0.75, 0.25],
  ];
  const colour = colours[random.int(0, colours.length)]!;
  cover.forEach((amount, i) => {
    tint(surface, i, [0.02, 0.02, 0.03], 0.4 * shadow[i]! * (1 - amount));
    tint(surface, i, colour, amount);
    surface.height[i] = mix(surface.height[i]!, surface.height[i]! * 0.3 + 4, amount);
  });
  return cover;
};

/** Twill with holes, missing threads, stains and foreign fibres. */
export const fabric: Product = {
  name: "fabric",
  make,
  defects: { fibre, hole, missing_thread: missingThread, stain },
};
