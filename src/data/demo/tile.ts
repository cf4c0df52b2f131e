/** Demo product: a glazed tile with a blue print, as on an old wall. Defects of printing, firing and handling. */
import { normal, type Random } from "../random.ts";
import { fractal, mix, noise, norm, smooth } from "./noise.ts";
import type { Defect, Piece, Product } from "./product.ts";
import { blob, coverOf, path, spotIn, stroke, union, zigzag } from "./shapes.ts";
import { type Colour, lightFrom, makeSurface, tint } from "./surface.ts";

const glaze: Colour = [0.9, 0.89, 0.84];
const deepBlue: Colour = [0.1, 0.2, 0.45];
const paleBlue: Colour = [0.38, 0.53, 0.74];
const grout: Colour = [0.52, 0.5, 0.47];
const clay: Colour = [0.66, 0.4, 0.28];

type Setting = { turn: number; x: number; y: number; scale: number; seed: number };

function make(size: number, random: Random): Piece {
  const set: Setting = {
    turn: 0.008 * normal(random),
    x: 0.006 * normal(random),
    y: 0.006 * normal(random),
    scale: 1 + 0.006 * normal(random),
    seed: random.int(0, 2 ** 31),
  };
  const ink = 0.92 + 0.04 * normal(random);
  const surface = makeSurface(size, (x, y) => {
    const { u, v } = inTile(set, x / size - 0.5, y / size - 0.5);
    const edge = smooth(0.47, 0.462, Math.max(Math.abs(u), Math.abs(v)));
    const mottled = 1 + 0.03 * fractal(u * 7, v * 7, set.seed, 4);
    const print = printAt(u, v, size, set.seed);
    const wash = 0.82 + 0.18 * fractal(u * 16, v * 16, set.seed + 3, 3);
    const deep = ink * print.deep * Math.min(1, wash);
    const pale = ink * print.pale * Math.min(1, wash) * (1 - deep);
    const sand = 1 + 0.25 * fractal(x / 2.5, y / 2.5, set.seed + 4, 2);
    const colour = glaze.map((c, k) => {
      const printed = mix(mix(c * mottled, paleBlue[k]!, pale), deepBlue[k]!, deep);
      return mix(grout[k]! * sand, printed, edge);
    }) as unknown as Colour;
    const ripple = 0.5 * fractal(u * 9, v * 9, set.seed + 6, 2);
    return { colour, height: edge * (2.2 + ripple), gloss: 0.16 * edge };
  });
  return {
    surface,
    light: lightFrom(-2.3, 1.05, random),
    place: (r) => spotIn(size, size * 0.18, r),
  };
}

function inTile({ turn, x, y, scale }: Setting, px: number, py: number) {
  const u = ((px - x) * Math.cos(turn) - (py - y) * Math.sin(turn)) * scale;
  const v = ((px - x) * Math.sin(turn) + (py - y) * Math.cos(turn)) * scale;
  return { u, v };
}

/** The ornament, the same on every tile: a rosette, quarter rosettes in the corners, leaves between, a frame. */
function printAt(u: number, v: number, size: number, seed: number): { deep: number; pale: number } {
  const hand = 0.003 * fractal(u * 22, v * 22, seed + 8, 2);
  const soft = 1.1 / size;
  const below = (d: number) => smooth(soft, -soft, d + hand);
  const line = (d: number, width: number) => below(Math.abs(d) - width);
  const r = norm(u, v);
  const angle = Math.atan2(v, u);
  const petals = r - 0.115 - 0.055 * Math.cos(8 * angle);
  const core = r - 0.045;
  const corner = norm(Math.abs(u) - 0.44, Math.abs(v) - 0.44);
  const turn = Math.atan2(Math.abs(v) - 0.44, Math.abs(u) - 0.44);
  const fan = corner - 0.15 - 0.025 * Math.cos(12 * turn);
  const a = (Math.abs(u) + Math.abs(v)) / Math.SQRT2;
  const b = (Math.abs(u) - Math.abs(v)) / Math.SQRT2;
  const leaf = norm((a - 0.285) / 1.9, b) - 0.034;
  const bud =
    norm(Math.min(Math.abs(u), Math.abs(v)), Math.max(Math.abs(u), Math.abs(v)) - 0.3) - 0.04;
  const frame = Math.max(Math.abs(u), Math.abs(v)) - 0.43;
  const inCorner = corner < 0.2 ? 0 : 1;
  return {
    deep: Math.max(
      line(petals, 0.009),
      below(core + 0.012),
      line(r - 0.205, 0.006),
      line(fan, 0.009),
      line(corner - 0.075, 0.012),
      line(leaf, 0.007),
      line(bud, 0.006),
      line(frame, 0.006) * inCorner,
    ),
    pale: Math.max(below(petals), below(fan), below(leaf), below(bud + 0.012)) * (1 - below(core)),
  };
}

const crack: Defect = ({ surface, place }, random) => {
  const { size } = surface;
  const heading = random.uniform() * 2 * Math.PI;
  const main = zigzag(place(random), heading, size * (0.3 + 0.25 * random.uniform()), 0.45, random);
  const fork = main[Math.floor(main.length * (0.3 + 0.4 * random.uniform()))]!;
  const turn = random.uniform() < 0.5 ? 0.8 : -0.8;
  const side = zigzag(fork, heading + turn, size * 0.14, 0.45, random);
  const line = union(stroke(size, main, 0.9), stroke(size, side, 0.6));
  const lip = union(stroke(size, main, 2.6), stroke(size, side, 1.8));
  line.forEach((amount, i) => {
    tint(surface, i, [0.62, 0.58, 0.5], 0.35 * lip[i]!);
    tint(surface, i, [0.16, 0.13, 0.1], 0.8 * amount);
    surface.height[i] = surface.height[i]! - 0.8 * amount;
  });
  return lip;
};

const chip: Defect = ({ surface, place }, random) => {
  const { size } = surface;
  const centre = place(random);
  const radius = size * (0.03 + 0.03 * random.uniform());
  const core = blob(size, centre, radius, 0.45, 1.5, random);
  const rim = blob(size, centre, radius * 1.3, 0.4, 1.5, random);
  const seed = random.int(0, 2 ** 31);
  core.forEach((amount, i) => {
    const rough = 0.75 + 0.4 * noise((i % size) / 2, Math.floor(i / size) / 2, seed);
    tint(surface, i, [0.83, 0.78, 0.7], 0.85 * rim[i]!);
    tint(surface, i, clay.map((c) => c * rough) as unknown as Colour, amount);
    surface.height[i] = surface.height[i]! - 0.8 * rim[i]! - amount * (0.8 + 0.6 * rough);
    surface.gloss[i] = surface.gloss[i]! * (1 - rim[i]!);
  });
  return union(core, rim);
};

const printError: Defect = ({ surface, place }, random) => {
  const { size } = surface;
  const cover = blob(size, place(random), size * (0.08 + 0.04 * random.uniform()), 0.3, 3, random);
  const before = surface.colour.slice();
  const lost = random.uniform() < 0.5;
  const shift = [3 + random.int(0, 4), 2 + random.int(0, 4)] as const;
  const changed = coverOf(size, (x, y) => {
    const i = y * size + x;
    const from = (Math.max(0, y - shift[1]) * size + Math.max(0, x - shift[0])) * 3;
    // Ink that did not take, or the screen that slipped.
    const colour = lost ? glaze : (before.subarray(from, from + 3) as unknown as Colour);
    const old = before.subarray(i * 3, i * 3 + 3);
    const visible = Math.max(...old.map((v, k) => Math.abs(v - colour[k]!)));
    tint(surface, i, colour, (lost ? 0.92 : 1) * cover[i]!);
    return cover[i]! * smooth(0.02, 0.12, visible);
  });
  return changed;
};

const smudge: Defect = ({ surface, place }, random) => {
  const { size } = surface;
  const start = place(random);
  const heading = random.uniform() * 2 * Math.PI;
  const spots = path(start, heading, size * (0.12 + 0.12 * random.uniform()), 0.25, random);
  const radius = size * (0.03 + 0.015 * random.uniform());
  const seed = random.int(0, 2 ** 31);
  const wiped = stroke(size, spots, 2 * radius, false);
  const pressed = blob(size, start, radius * 1.5, 0.35, 5, random);
  const dirt: Colour = random.uniform() < 0.5 ? [0.33, 0.27, 0.18] : [0.2, 0.2, 0.21];
  const fading = coverOf(size, (x, y) => {
    const away = norm(x - start.x, y - start.y) / (size * 0.26);
    return wiped[y * size + x]! * Math.max(0, 1 - away);
  });
  const cover = coverOf(size, (x, y) => {
    const along = x * Math.cos(heading) + y * Math.sin(heading);
    const across = y * Math.cos(heading) - x * Math.sin(heading);
    const streak = smooth(-0.5, 0.6, fractal(along / 30, across / 2.6, seed, 3));
    const i = y * size + x;
    return Math.max(pressed[i]! * (0.55 + 0.45 * streak), fading[i]! * streak);
  });
  cover.forEach((amount, i) => {
    tint(surface, i, dirt, 0.5 * amount);
    surface.gloss[i] = surface.gloss[i]! * (1 - 0.8 * amount);
  });
  return union(pressed, fading);
};

/** A printed tile with chips, cracks, print errors and smudges. */
export const tile: Product = {
  name: "tile",
  make,
  defects: { chip, crack, print_error: printError, smudge },
};
