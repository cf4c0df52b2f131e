/**
 * CDO's synthetic anomalies: rectangles of white noise pasted into a normal image, as in the 2025 code (pasted at
 * 1024 x 1024, then resized with the image) and in the 2023 code (pasted at the training size, away from the background).
 */
import { LoupeError } from "../error.ts";
import { estimateBackground } from "./background.ts";
import { cleanDetour, detourSize, noisyDetour } from "./detour.ts";
import { type Image, makeImage, toRgb } from "./image.ts";
import { type DrawOrder, drawPatches, type Patch, paintMask, paintPatches } from "./patches.ts";
import type { Random } from "./random.ts";
import { resize, wholeWindow } from "./resize.ts";

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
};

/** An RGB image with noise, its mask (one channel, 0..255, fractional borders after the detour), and the patches. */
export type NoisyImage = {
  readonly image: Image;
  readonly mask: Image;
  readonly patches: readonly Patch[];
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
 * hand from an earlier epoch, is `cleanImage(source, size, options)`. Same random stream, same result.
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
    const patches = drawPatches(random, detourSize, options.order);
    return { ...noisyDetour(toRgb(source), clean, patches), patches };
  }
  const patches = drawPatches(random, size, options.order, backgroundOf(clean, options));
  return { ...pasted(clean, patches), patches };
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
