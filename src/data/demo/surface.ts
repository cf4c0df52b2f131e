/**
 * A photographed surface: colour, height and gloss of every pixel, and the light that makes a picture of it. Products and
 * defects change the surface; because all are lit by the same rule, a dent looks like a dent.
 */
import { type Image, makeImage } from "../image.ts";
import { normal, type Random } from "../random.ts";
import { mix } from "./noise.ts";

/** Red, green and blue, 0..1. */
export type Colour = readonly [number, number, number];

/** A square surface: `colour` `[size, size, 3]`, `height` and `gloss` `[size, size]`. Heights are in pixels. */
export type Surface = {
  readonly size: number;
  readonly colour: Float32Array;
  readonly height: Float32Array;
  readonly gloss: Float32Array;
};

/** What one point of a surface is like. */
export type Point = { readonly colour: Colour; readonly height: number; readonly gloss: number };

/** A surface from a function of pixel coordinates. */
export function makeSurface(size: number, at: (x: number, y: number) => Point): Surface {
  const surface = {
    size,
    colour: new Float32Array(size * size * 3),
    height: new Float32Array(size * size),
    gloss: new Float32Array(size * size),
  };
  for (let y = 0, i = 0; y < size; y++) {
    for (let x = 0; x < size; x++, i++) {
      const point = at(x, y);
      surface.colour.set(point.colour, i * 3);
      surface.height[i] = point.height;
      surface.gloss[i] = point.gloss;
    }
  }
  return surface;
}

/** Mixes `colour` into pixel `i`: `amount` 0 leaves it, 1 replaces it. */
export function tint(surface: Surface, i: number, colour: Colour, amount: number): void {
  for (let c = 0; c < 3; c++) {
    surface.colour[i * 3 + c] = mix(surface.colour[i * 3 + c]!, colour[c]!, amount);
  }
}

/** The light on a picture: direction towards it, how much is diffuse, how it falls off, and the camera's noise. */
export type Light = {
  readonly direction: Colour;
  readonly ambient: number;
  readonly level: number;
  readonly slope: readonly [number, number];
  readonly vignette: number;
  readonly noise: number;
};

/** A light that differs a little from picture to picture, as on a real line. `angle` in radians, 0 from the right. */
export function lightFrom(angle: number, elevation: number, random: Random): Light {
  const turn = angle + 0.12 * normal(random);
  const flat = Math.cos(elevation);
  return {
    direction: [flat * Math.cos(turn), flat * Math.sin(turn), Math.sin(elevation)],
    ambient: 0.45 + 0.02 * normal(random),
    level: 1 + 0.03 * normal(random),
    slope: [0.05 * normal(random), 0.05 * normal(random)],
    vignette: 0.1 + 0.03 * random.uniform(),
    noise: 0.008,
  };
}

/** The picture: shaded by the slope of the heights, with highlights where the surface is glossy, slightly soft. */
export function photograph(surface: Surface, light: Light, random: Random): Image {
  const { size, colour, height, gloss } = surface;
  const lit = new Float32Array(size * size * 3);
  const [lx, ly, lz] = light.direction;
  const at = (x: number, y: number) =>
    height[Math.min(size - 1, Math.max(0, y)) * size + Math.min(size - 1, Math.max(0, x))]!;
  for (let y = 0, i = 0; y < size; y++) {
    for (let x = 0; x < size; x++, i++) {
      const nx = (at(x - 1, y) - at(x + 1, y)) / 2;
      const ny = (at(x, y - 1) - at(x, y + 1)) / 2;
      const length = Math.sqrt(nx * nx + ny * ny + 1);
      const towards = Math.max(0, (nx * lx + ny * ly + lz) / length);
      const half = Math.max(0, (nx * lx + ny * ly + lz + 1) / (length * Math.sqrt(2 + 2 * lz)));
      const shine = gloss[i]! * half ** 40;
      const u = x / size - 0.5;
      const v = y / size - 0.5;
      const fall =
        1 + light.slope[0] * u + light.slope[1] * v - light.vignette * (u * u + v * v) * 2;
      const shade = (light.ambient + ((1 - light.ambient) * towards) / lz) * fall * light.level;
      for (let c = 0; c < 3; c++) lit[i * 3 + c] = colour[i * 3 + c]! * shade + shine * fall;
    }
  }
  return develop(lit, size, light.noise, random);
}

/** Lens softness, sensor noise, 8 bits. */
function develop(lit: Float32Array, size: number, noise: number, random: Random): Image {
  const across = blur(lit, size, 3);
  const soft = blur(across, size, size * 3);
  const out = makeImage(size, size, 3);
  for (let i = 0; i < out.data.length; i++) {
    const grain = noise * (random.uniform() + random.uniform() + random.uniform() - 1.5) * 2;
    out.data[i] = Math.max(0, Math.min(255, Math.round((soft[i]! + grain) * 255)));
  }
  return out;
}

/** One pass of a three-tap filter; `step` is 3 along rows and a row's length along columns. */
function blur(from: Float32Array, size: number, step: number): Float32Array {
  const out = from.slice();
  const places =
    step === 3 ? (i: number) => Math.floor(i / 3) % size : (i: number) => Math.floor(i / step);
  for (let i = 0; i < from.length; i++) {
    const place = places(i);
    const before = place > 0 ? from[i - step]! : from[i]!;
    const after = place < size - 1 ? from[i + step]! : from[i]!;
    out[i] = 0.14 * before + 0.72 * from[i]! + 0.14 * after;
  }
  return out;
}
