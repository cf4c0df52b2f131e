/**
 * CDO's synthetic anomalies: rectangles of white noise pasted into a normal image, as in the 2025 code (pasted at
 * 1024 x 1024, then resized with the image) and in the 2023 code (pasted at the training size, away from the background).
 * With a `synthesis` they become anomalies of that difficulty, in the same boxes as long as it moves none.
 */
import { LoupeError } from "../error.ts";
import { estimateBackground } from "./background.ts";
import { cleanDetour, detourCut, detourSize, noisyDetour } from "./detour.ts";
import { type Box, type Image, makeImage, toRgb } from "./image.ts";
import {
  type DrawOrder,
  drawPatches,
  type IsBackground,
  type Patch,
  paintMask,
  paintPatches,
} from "./patches.ts";
import type { Random } from "./random.ts";
import { cut, resize, wholeWindow } from "./resize.ts";
import { streamsBeside } from "./synthesis/strength.ts";
import { checkSynthesis, type Survival, type Synthesis } from "./synthesis/synthesis.ts";
import { type Ground, synthesise } from "./synthesis/synthesise.ts";

/** How anomalies are made. The default is the 2025 reference with its detour, in draw order `patches`. */
export type NoiseOptions = {
  /** `2025`: Pillow's resizes. `2023`: OpenCV's, and no detour. */
  readonly version?: "2025" | "2023";
  /** Paste at 1024 x 1024 before the image becomes small. `false`: paste at the training size. 2025 only. */
  readonly detour?: boolean;
  /** Draw noise only inside the patches (default), or for all pixels first as the reference does. */
  readonly order?: DrawOrder;
  /** Centre no patch on the estimated background (see `skipBackgroundClasses`). Not with the detour. */
  readonly skipBackground?: boolean;
  /** How hard anomalies are to see; without it as the reference paints them. */
  readonly synthesis?: Synthesis;
};

/** An RGB image with noise, its mask (one channel, 0..255, fractional borders after the detour), and the patches. */
export type NoisyImage = {
  readonly image: Image;
  readonly mask: Image;
  readonly patches: readonly Patch[];
  /** With a `synthesis`: how much of what was painted counts as abnormal. */
  readonly survival?: Survival;
};

/** The clean image at the training size, as the generator with these options leaves it when it draws no patch. */
export function cleanImage(source: Image, size: number, options: NoiseOptions = {}): Image {
  const image = toRgb(source);
  const square = { width: size, height: size };
  if (options.version === "2023") return resize(image, square, "cv2-bilinear");
  return takesDetour(options) ? cleanDetour(image, size) : resize(image, square, "bilinear");
}

/**
 * A training image of `size` x `size` pixels with synthetic anomalies. `source` is the image as decoded; `clean`, if at
 * hand from an earlier epoch, is `cleanImage(source, size, options)`. Same random stream, same result. What a `synthesis`
 * draws comes from streams that follow from where `random` stands at first, so that boxes are the same with and without it.
 * Throws `LoupeError("config")` when the image is too small for patches or options don't go together.
 */
export function whiteNoise(
  source: Image,
  size: number,
  random: Random,
  options: NoiseOptions = {},
  clean: Image = cleanImage(source, size, options),
): NoisyImage {
  if (takesDetour(options)) {
    if (options.skipBackground) {
      const next = 'use version "2023" or detour: false';
      throw new LoupeError(
        "config",
        `white noise: skipBackground is not done with the detour; ${next}`,
      );
    }
    const image = toRgb(source);
    const ground = () => ({ side: detourSize, cut: detourCut(image), isBackground: undefined });
    const made = makePatches(random, detourSize, options, ground);
    return { ...noisyDetour(image, clean, made.patches), ...made };
  }
  const isBackground = backgroundOf(clean, options);
  const whole = wholeWindow(clean);
  const ground = () => ({ side: size, cut: (box: Box) => cut(whole, box), isBackground });
  const made = makePatches(random, size, options, ground, isBackground);
  return { ...pasted(clean, made.patches), ...made };
}

/** The reference's patches, or what a synthesis makes of them on a ground of `side` x `side` pixels. */
function makePatches(
  random: Random,
  side: number,
  { order, synthesis }: NoiseOptions,
  ground: () => Ground,
  isBackground?: IsBackground,
): { patches: readonly Patch[]; survival?: Survival } {
  if (!synthesis) return { patches: drawPatches(random, side, order, isBackground) };
  checkSynthesis(synthesis);
  const streams = streamsBeside(random);
  const drawn = drawPatches(random, side, order, isBackground);
  return synthesise(drawn, ground(), synthesis, streams);
}

function takesDetour({ version = "2025", detour = true }: NoiseOptions): boolean {
  return version === "2025" && detour;
}

function backgroundOf(image: Image, options: NoiseOptions) {
  if (!options.skipBackground) return undefined;
  const background = estimateBackground(image);
  return (row: number, column: number) => background[row * image.width + column] !== 0;
}

function pasted(clean: Image, patches: readonly Patch[]): { image: Image; mask: Image } {
  const image = makeImage(clean.width, clean.height, 3, clean.data.slice());
  const mask = makeImage(clean.width, clean.height, 1);
  paintPatches(wholeWindow(image), patches);
  paintMask(wholeWindow(mask), patches);
  return { image, mask };
}
