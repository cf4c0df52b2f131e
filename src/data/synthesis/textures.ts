/** What patches are filled with, at the strength of their image. */
import type { Box } from "../image.ts";
import { noiseEnd } from "../patches.ts";
import type { Random } from "../random.ts";
import { coarseNoise, cutOff, type NoiseField } from "./coarse-noise.ts";
import { type Cut, drawPiece } from "./pieces.ts";
import type { Texture } from "./synthesis.ts";

/** Pixels `[rows, columns, 3]` of a box; `plain` where they are the white noise of the reference. */
export type Fill = (box: Box) => { readonly pixels: Uint8Array; readonly plain: boolean };

/** Where textures come from: one image, painted at `side` x `side`. */
export interface Source {
  readonly side: number;
  readonly cut: Cut;
  /** The image's stream for textures; patches draw from it one after the other. */
  readonly random: Random;
}

/** Fills the patches of one image, in order. */
export function fillOf(texture: Texture | undefined, s: number, source: Source): Fill {
  const { side, cut, random } = source;
  const white: Fill = (box) => ({ pixels: evenly(random, box, 0, noiseEnd), plain: true });
  switch (texture?.kind) {
    case undefined:
    case "normal":
      return white;
    case "amp": {
      const a = 127 * (texture.most ?? 1) * s;
      const [low, end] = [Math.trunc(a), Math.trunc(noiseEnd - a)];
      return (box) => ({ pixels: evenly(random, box, low, end), plain: false });
    }
    case "freq": {
      const noise = coarseNoise(random, side, cutOff(side, s, texture.lowest));
      return (box) => ({ pixels: noise.pixels(box), plain: false });
    }
    case "source": {
      let coarse: NoiseField | undefined;
      return (box) => {
        const kind = drawKind(random, s);
        if (kind === 0) return white(box);
        if (kind > 1) {
          return { pixels: drawPiece(random, cut, side, box, kind === 2), plain: false };
        }
        coarse ??= coarseNoise(random, side, cutOff(side, coarseStrength));
        return { pixels: coarse.pixels(box), plain: false };
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
