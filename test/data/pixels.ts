/** Inputs of this room's tests: images from named streams, PNG files of any kind, hashes, recorded randomness. */
import { readFileSync } from "node:fs";
import { deflateSync } from "node:zlib";
import { type Image, makeImage } from "../../src/data/image.ts";
import type { Random } from "../../src/data/random.ts";
import { u01 } from "../golden.ts";

/** A fixture of this room; the caller says what is in it. */
export function fixture<T>(name: string): T {
  const path = new URL(`../fixtures/data/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(path, "utf8"));
}

/** floor(256 * u01(name)) as an image. */
export function namedImage(name: string, width: number, height: number, channels: 1 | 3): Image {
  const data = Uint8Array.from(u01(name, width * height * channels), (u) => Math.floor(256 * u));
  return makeImage(width, height, channels, data);
}

/** FNV-1a over bytes. */
export function fnvBytes(bytes: Uint8Array): number {
  let hash = 2166136261;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 16777619);
  return hash >>> 0;
}

/** One recorded draw: lower bound, upper bound (exclusive), value or, for an array of noise, its shape. */
export type Draw = readonly [number, number, number | readonly number[]];

/** Answers `int` from a recorded list of [lo, hi, value]; `fill` draws a fixed pattern and is recorded as one entry. */
export function recorded(draws: readonly Draw[]): Random & { left(): number } {
  let at = 0;
  const next = (lo: number, hi: number): number => {
    const draw = draws[at++];
    if (!draw || draw[0] !== lo || draw[1] !== hi) {
      throw new Error(`draw ${at - 1}: asked for [${lo}, ${hi}), recorded ${JSON.stringify(draw)}`);
    }
    return draw[2] as number;
  };
  return {
    int: next,
    fill: (out, lo, hi) => {
      next(lo, hi);
      out.forEach((_, i) => {
        out[i] = (i * 7919) % 255;
      });
    },
    uniform: () => {
      throw new Error("not recorded");
    },
    state: () => [],
    left: () => draws.length - at,
  };
}

/** One PNG chunk; the CRC is left zero, nobody here reads it. */
export function chunk(type: string, body: Uint8Array): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length);
  head.write(type, 4, "latin1");
  return Buffer.concat([head, body, Buffer.alloc(4)]);
}

type PngParts = {
  width: number;
  height: number;
  depth: number;
  colour: number;
  interlaced?: boolean;
  /** Packed rows with their filter bytes, not yet deflated; or the deflated stream. */
  raw?: Uint8Array;
  deflated?: Uint8Array;
  before?: Uint8Array[];
};

/** A PNG file from its parts, right or wrong. */
export function pngFile(parts: PngParts): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(parts.width, 0);
  header.writeUInt32BE(parts.height, 4);
  header.set([parts.depth, parts.colour, 0, 0, parts.interlaced ? 1 : 0], 8);
  const deflated = parts.deflated ?? deflateSync(parts.raw ?? new Uint8Array(0));
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", header),
    ...(parts.before ?? []),
    chunk("IDAT", deflated),
    chunk("IEND", new Uint8Array(0)),
  ]);
}

/** `samples` (row-major, interleaved) packed to `depth` bits and filtered with filters 0, 1, 2, 3, 4, 0, 1 ... */
export function pngRows(
  samples: readonly number[][],
  depth: number,
  channels: number,
  firstFilter = 0,
): Buffer {
  const step = Math.max(1, (depth * channels) >> 3);
  let above: Uint8Array = new Uint8Array(Math.ceil((samples[0]!.length * depth) / 8));
  const rows = samples.map((values, y) => {
    const row = packBits(values, depth);
    const filter = (firstFilter + y) % 5;
    const out = Uint8Array.from(row, (v, i) => v - predict(filter, row, above, i, step));
    above = row;
    return Buffer.concat([Buffer.from([filter]), out]);
  });
  return Buffer.concat(rows);
}

function packBits(values: readonly number[], depth: number): Uint8Array {
  if (depth === 16) return Uint8Array.from(values.flatMap((v) => [v >> 8, v & 255]));
  const out = new Uint8Array(Math.ceil((values.length * depth) / 8));
  values.forEach((v, i) => {
    const bit = i * depth;
    out[bit >> 3]! |= v << (8 - depth - (bit & 7));
  });
  return out;
}

function predict(
  filter: number,
  row: Uint8Array,
  above: Uint8Array,
  i: number,
  step: number,
): number {
  const a = i < step ? 0 : row[i - step]!;
  const b = above[i]!;
  const c = i < step ? 0 : above[i - step]!;
  const p = a + b - c;
  const nearest = [a, b, c].sort((x, y) => Math.abs(p - x) - Math.abs(p - y))[0]!;
  const ties = [a, b, c].find((x) => Math.abs(p - x) === Math.abs(p - nearest))!;
  return [0, a, b, (a + b) >> 1, ties][filter]!;
}
