/** Demo product: a turned steel washer on a rubber mat. Rings of the lathe tool catch the light in two wedges. */
import { normal, type Random } from "../random.ts";
import { fractal, mix, noise, norm, smooth } from "./noise.ts";
import type { Defect, Piece, Product } from "./product.ts";
import { blob, coverOf, path, stroke } from "./shapes.ts";
import { type Colour, lightFrom, makeSurface, type Surface, tint } from "./surface.ts";

const steel: Colour = [0.6, 0.61, 0.63];
const mat: Colour = [0.11, 0.115, 0.125];

type Ring = { x: number; y: number; outer: number; inner: number };

function make(size: number, random: Random): Piece {
  const ring: Ring = {
    x: size * (0.5 + 0.008 * normal(random)),
    y: size * (0.5 + 0.008 * normal(random)),
    outer: size * (0.4 + 0.003 * normal(random)),
    inner: size * (0.17 + 0.003 * normal(random)),
  };
  const seed = random.int(0, 2 ** 31);
  const glint = -0.8 + 0.12 * normal(random);
  const level = 1 + 0.03 * normal(random);
  const surface = makeSurface(size, (x, y) => {
    const dx = x - ring.x;
    const dy = y - ring.y;
    const r = norm(dx, dy);
    const inside = bandCover(ring, r);
    const ground = matAt(x, y, size, ring, seed);
    if (inside === 0) return { colour: ground, height: 0, gloss: 0.02 };
    const metal = steelAt(r, Math.atan2(dy, dx), glint, seed).map((c) => c * level);
    const colour = metal.map((c, k) => mix(ground[k]!, c, inside)) as unknown as Colour;
    const bevel = Math.min(smooth(0, 4, ring.outer - r), smooth(0, 3, r - ring.inner));
    return { colour, height: inside * (2 + 1.6 * bevel), gloss: 0.1 * inside };
  });
  const place = (r: Random) => {
    const angle = r.uniform() * 2 * Math.PI;
    const radius = mix(ring.inner, ring.outer, 0.25 + 0.5 * r.uniform());
    return { x: ring.x + radius * Math.cos(angle), y: ring.y + radius * Math.sin(angle) };
  };
  return { surface, light: lightFrom(-2.2, 0.95, random), place };
}

function bandCover({ outer, inner }: Ring, r: number): number {
  return smooth(outer + 0.7, outer - 0.7, r) * smooth(inner - 0.7, inner + 0.7, r);
}

/** The mat, with the washer's shadow falling to the lower right. */
function matAt(x: number, y: number, size: number, ring: Ring, seed: number): Colour {
  const grain = 1 + 0.3 * fractal((x / size) * 60, (y / size) * 60, seed + 7, 2);
  const r = norm(x - ring.x - size * 0.018, y - ring.y - size * 0.022);
  const shadow =
    smooth(ring.outer + 5, ring.outer - 3, r) * smooth(ring.inner - 7, ring.inner + 2, r);
  return mat.map((c) => c * grain * (1 - 0.7 * shadow)) as unknown as Colour;
}

/** Turned steel: fine rings, broader bands, and the wedges of light that run across the rings. */
function steelAt(r: number, angle: number, glint: number, seed: number): Colour {
  const turns = angle / Math.PI;
  const rings =
    noise(r * 1.3, turns * 0.8 + 5, seed) - 0.5 + 0.6 * (noise(r * 0.5, 3, seed + 1) - 0.5);
  const beam = (at: number, sharp: number) => Math.abs(Math.cos(angle - at)) ** sharp;
  const wedge = beam(glint, 10) + 0.4 * beam(glint + 1.25, 36) - 0.3 * beam(glint + 1.7, 8);
  const bright = 0.7 + 0.1 * rings + wedge * (0.5 + 0.34 * rings);
  return steel.map((c) => c * bright) as unknown as Colour;
}

/** Keeps a shape to the metal: 0 where the surface is mat. */
function onMetal(surface: Surface, cover: Float32Array): Float32Array {
  return cover.map((v, i) => (surface.height[i]! > 1 ? v : 0));
}

const scratch: Defect = ({ surface, place }, random) => {
  const { size } = surface;
  const length = size * (0.14 + 0.16 * random.uniform());
  const spots = path(place(random), random.uniform() * 6.28, length, 0.03, random);
  const width = 1 + 0.9 * random.uniform();
  const line = onMetal(surface, stroke(size, spots, width));
  const burr = onMetal(
    surface,
    stroke(
      size,
      spots.map(({ x, y }) => ({ x: x + 1, y: y + 1 })),
      width,
    ),
  );
  line.forEach((amount, i) => {
    tint(surface, i, [0.2, 0.2, 0.21], 0.75 * burr[i]! * (1 - amount));
    tint(surface, i, [0.98, 0.98, 1], 0.9 * amount);
    surface.height[i] = surface.height[i]! - 0.8 * amount;
  });
  return line.map((v, i) => Math.max(v, burr[i]!));
};

const dent: Defect = ({ surface, place }, random) => {
  const { size } = surface;
  const cover = onMetal(
    surface,
    blob(size, place(random), size * (0.035 + 0.025 * random.uniform()), 0.12, 5, random),
  );
  const depth = 3.2 + 1.5 * random.uniform();
  cover.forEach((amount, i) => {
    surface.height[i] = surface.height[i]! - depth * amount;
    tint(surface, i, [0.33, 0.33, 0.35], 0.35 * amount);
  });
  return cover;
};

const chip: Defect = ({ surface }, random) => {
  const { size } = surface;
  const angle = random.uniform() * 2 * Math.PI;
  const edge = size * (0.395 + 0.01 * random.uniform());
  const centre = { x: size / 2 + edge * Math.cos(angle), y: size / 2 + edge * Math.sin(angle) };
  const radius = size * (0.035 + 0.03 * random.uniform());
  const gone = onMetal(surface, blob(size, centre, radius, 0.3, 1.5, random));
  const rim = onMetal(surface, blob(size, centre, radius * 1.25, 0.25, 2, random));
  const seed = random.int(0, 2 ** 31);
  gone.forEach((amount, i) => {
    const broken = rim[i]! * (1 - amount);
    const rough = 0.35 + 0.35 * noise((i % size) / 1.5, Math.floor(i / size) / 1.5, seed);
    tint(surface, i, [rough, rough, rough * 1.03], 0.8 * broken);
    tint(surface, i, mat.map((c) => c * 0.7) as unknown as Colour, amount);
    surface.height[i] = mix(surface.height[i]! - 1.2 * broken, 0, amount);
    surface.gloss[i] = surface.gloss[i]! * (1 - amount);
  });
  return gone.map((v, i) => Math.max(v, rim[i]!));
};

const rust: Defect = ({ surface, place }, random) => {
  const { size } = surface;
  const centre = place(random);
  const radius = size * (0.035 + 0.035 * random.uniform());
  const core = onMetal(surface, blob(size, centre, radius, 0.5, 2.5, random));
  const bloom = onMetal(surface, blob(size, centre, radius * 1.35, 0.5, 6, random));
  const seed = random.int(0, 2 ** 31);
  const grains = coverOf(
    size,
    (x, y) => 0.5 + 0.5 * fractal((x + 0.4 * y) / 4, (y - 0.4 * x) / 4, seed, 4),
  );
  core.forEach((amount, i) => {
    const grain = grains[i]!;
    const brown: Colour = [0.27 + 0.26 * grain, 0.14 + 0.15 * grain, 0.07 + 0.06 * grain];
    tint(surface, i, [0.55, 0.4, 0.27], 0.5 * bloom[i]!);
    tint(surface, i, brown, amount * (0.75 + 0.25 * grain));
    surface.height[i] = surface.height[i]! + 1.4 * amount * (grain - 0.5);
    surface.gloss[i] = surface.gloss[i]! * (1 - bloom[i]!);
  });
  return core.map((v, i) => Math.max(v, 0.8 * bloom[i]!));
};

/** A washer with chips, dents, rust and scratches. */
export const washer: Product = { name: "washer", make, defects: { chip, dent, rust, scratch } };
