/** What patches are filled with, at the strength of their image. */
import type { Box } from "../image.ts";
import { noiseEnd } from "../patches.ts";
import type { Random } from "../random.ts";
import { coarseNoise, cutOff, type NoiseField } from "./coarse-noise.ts";
import { type Cut, drawPiece } from "./pieces.ts";
import type { Streams } from "./strength.ts";
import type { Texture } from "./synthesis.ts";

/** Pixels `[rows, columns, 3]` of a box; `plain` where they are the white noise of the reference. `patch`: its number, from 0. */
export type Fill = (
  box: Box,
  patch: number,
) => { readonly pixels: Uint8Array; readonly plain: boolean };

/** Where textures come from: one image, painted at `side` x `side`. */
export interface Source {
  readonly side: number;
  readonly cut: Cut;
  readonly streams: Streams;
}

/** Fills the patches of one image, in any order. */
export function fillOf(texture: Texture | undefined, s: number, source: Source): Fill {
  const { side, cut, streams } = source;
  const even = (box: Box, patch: number, low: number, end: number) =>
    evenly(streams("texture", patch), box, low, end);
  const white: Fill = (box, patch) => ({ pixels: even(box, patch, 0, noiseEnd), plain: true });
  const coarse = (strength: number, lowest?: number) =>
    coarseNoise(streams("field"), side, cutOff(side, strength, lowest));
  switch (texture?.kind) {
    case undefined:
    case "normal":
      return white;
    case "amp": {
      const a = 127 * (texture.most ?? 1) * s;
      const [low, end] = [Math.trunc(a), Math.trunc(noiseEnd - a)];
      return (box, patch) => ({ pixels: even(box, patch, low, end), plain: false });
    }
    case "freq": {
      const noise = coarse(s, texture.lowest);
      return (box) => ({ pixels: noise.pixels(box), plain: false });
    }
    case "source": {
      let noise: NoiseField | undefined;
      return (box, patch) => {
        const kind = drawKind(streams("kind", patch), s);
        if (kind === 0) return white(box, patch);
        if (kind > 1) {
          const random = streams("texture", patch);
          return { pixels: drawPiece(random, cut, side, box, kind === 2), plain: false };
        }
        noise ??= coarse(coarseStrength);
        return { pixels: noise.pixels(box), plain: false };
      };
    }
  }
}

/** How coarse the noise of a mixture is, as the strength of `freq`. */
const coarseStrength = 0.5;
/** White noise, coarse noise, changed pieces, pieces as they are. */
const kinds = 4;

/** One of two neighbouring kinds: triangular windows around s (kinds − 1). */
function drawKind(random: Random, s: number): number {
  const place = s * (kinds - 1);
  const below = Math.floor(place);
  return random.uniform() < place - below ? below + 1 : below;
}

function evenly(random: Random, box: Box, low: number, end: number): Uint8Array {
  const pixels = new Uint8Array((box.bottom - box.top) * (box.right - box.left) * 3);
  random.fill(pixels, low, end);
  return pixels;
}
