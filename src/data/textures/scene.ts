/**
 * Pictures to learn from: several textures side by side, in drawn colours, directions and light, and for each pixel the number
 * of its texture. The same random stream gives the same picture.
 */
import { LoupeError } from "../../error.ts";
import { mix, noise } from "../demo/noise.ts";
import type { Colour } from "../demo/surface.ts";
import { type Image, makeImage } from "../image.ts";
import type { Random } from "../random.ts";
import { textureClasses } from "./classes.ts";
import type { Field } from "./lattices.ts";
import { drawPair } from "./palette.ts";
import { divide } from "./regions.ts";

/** A picture `[size, size, 3]` and the class of every pixel, `[size, size]`. */
export type TextureScene = { readonly image: Image; readonly labels: Uint8Array };

/** How often a region is the smooth class: much of a photo is. */
const smoothShare = 0.12;

/**
 * Draws a picture. Throws `LoupeError("config")` unless `size` is 16 to 1024 pixels.
 * @example const { image, labels } = textureScene(96, seededRandom(seed, step, i));
 */
export function textureScene(size: number, random: Random): TextureScene {
  if (!Number.isSafeInteger(size) || size < 16 || size > 1024) {
    throw new LoupeError("config", `textureScene: size must be 16 to 1024 pixels, got ${size}`);
  }
  const { count, of } = divide(size, random);
  const regions = Array.from({ length: count }, () => region(random));
  const light = drawLight(random);
  const pixels = new Float32Array(size * size * 3);
  const labels = new Uint8Array(size * size);
  for (let y = 0, i = 0; y < size; y++) {
    for (let x = 0; x < size; x++, i++) {
      const { label, field, pair } = regions[of[i]!]!;
      const t = Math.min(1, Math.max(0, field(x, y)));
      const shade = light.shade(x / size - 0.5, y / size - 0.5);
      for (let k = 0; k < 3; k++) pixels[3 * i + k] = shade * mix(pair[0][k]!, pair[1][k]!, t);
      labels[i] = label;
    }
  }
  return { image: develop(pixels, size, light, random), labels };
}

interface Region {
  readonly label: number;
  readonly field: Field;
  readonly pair: readonly [Colour, Colour];
}

function region(random: Random): Region {
  const smooth = random.uniform() < smoothShare;
  const label = smooth ? 0 : random.int(0, textureClasses.length);
  const seed = random.int(0, 2 ** 30);
  const field = textureClasses[label]!.make(seed);
  return { label, field: place(field, random), pair: drawPair(random) };
}

/** Turns, scales by up to an eighth, moves, and sometimes bends a field. */
function place(field: Field, random: Random): Field {
  const angle = 2 * Math.PI * random.uniform();
  const scale = 1.125 ** (2 * random.uniform() - 1);
  const [c, s] = [Math.cos(angle) / scale, Math.sin(angle) / scale];
  const [dx, dy] = [1000 * random.uniform(), 1000 * random.uniform()];
  const bend = random.uniform() < 0.6 ? 0 : 4 * random.uniform();
  const seed = random.int(0, 2 ** 30);
  if (bend === 0) return (x, y) => field(c * x + s * y + dx, c * y - s * x + dy);
  return (x, y) => {
    const u = x + bend * noise(x / 24, y / 24, seed);
    const v = y + bend * noise(x / 24, y / 24, seed + 71);
    return field(c * u + s * v + dx, c * v - s * u + dy);
  };
}

interface Light {
  readonly shade: (u: number, v: number) => number;
  readonly soft: number;
  readonly noise: number;
}

function drawLight(random: Random): Light {
  const level = 0.75 + 0.4 * random.uniform();
  const [a, b] = [random.uniform() - 0.5, random.uniform() - 0.5];
  const fall = random.uniform() * 0.6;
  return {
    shade: (u, v) => level * (1 + 0.7 * (a * u + b * v) - fall * (u * u + v * v)),
    soft: random.int(0, 3),
    noise: random.uniform() < 0.3 ? 0 : 0.04 * random.uniform() ** 2,
  };
}

/** The lens, `soft` passes of three taps each way, the sensor's noise, and 8 bits. */
function develop(pixels: Float32Array, size: number, light: Light, random: Random): Image {
  let from = pixels;
  for (let k = 0; k < light.soft; k++) from = blur(blur(from, size, 3), size, 3 * size);
  const out = makeImage(size, size, 3);
  for (let i = 0; i < out.data.length; i++) {
    const grain = light.noise
      ? light.noise * 2 * (random.uniform() + random.uniform() + random.uniform() - 1.5)
      : 0;
    out.data[i] = Math.max(0, Math.min(255, Math.round(255 * (from[i]! + grain))));
  }
  return out;
}

/** One pass of [1, 2, 1] / 4 along rows (`step` 3) or columns; the border is repeated. */
function blur(from: Float32Array, size: number, step: number): Float32Array {
  const out = new Float32Array(from.length);
  const row = 3 * size;
  for (let i = 0; i < from.length; i++) {
    const at = step === 3 ? Math.floor((i % row) / 3) : Math.floor(i / row);
    const before = at > 0 ? from[i - step]! : from[i]!;
    const after = at < size - 1 ? from[i + step]! : from[i]!;
    out[i] = 0.25 * before + 0.5 * from[i]! + 0.25 * after;
  }
  return out;
}
