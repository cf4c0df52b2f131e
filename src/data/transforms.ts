/**
 * From a sample to the numbers a network sees: read, resize, add synthetic anomalies, normalise. What is random comes from
 * (seed, epoch, index of the sample), so it does not matter in which order, how early or how often samples are loaded.
 */
import { readFile } from "#codec";
import { LoupeError } from "../error.ts";
import { type ImageCache, imageCache, type Kept } from "./cache.ts";
import type { Sample } from "./dataset.ts";
import { type DecodeOptions, decodeImage } from "./decode.ts";
import { frameOf, type Place, prepare, wildRandom } from "./frame.ts";
import { checkFraming, crops, type Framing, framingOf } from "./framing.ts";
import type { Image, Size } from "./image.ts";
import { binaryMask, decodeMask, fractionalMask, type MaskOptions, sizeFinding } from "./mask.ts";
import { normalise } from "./normalise.ts";
import { type Random, seededRandom } from "./random.ts";
import { checkSynthesis, type Survival, type Synthesis } from "./synthesis/synthesis.ts";
import { cleanImage, type NoiseOptions, whiteNoise } from "./white-noise.ts";

/**
 * Loads one sample into `image` `[size, size, 3]` (normalised) and `mask` `[size, size]`. `index`: place of the sample in
 * its list, which together with seed and epoch decides what is random. Tells how much of the anomalies that a `synthesis`
 * painted counts as abnormal.
 */
export type Transform = (
  sample: Sample,
  index: number,
  image: Float32Array,
  mask: Float32Array,
) => Promise<Survival | undefined>;

/** How images and masks are read and resized. */
export type LoadOptions = Framing &
  MaskOptions &
  Pick<DecodeOptions, "maxPixels" | "grey16" | "report"> & {
    /** Where bytes come from; default the file system, in a page `fetch`. */
    readonly read?: (path: string) => Promise<Uint8Array>;
    /** Told of each image without synthetic anomalies the size at which it is stored and where its square lies. */
    readonly onFrame?: (path: string, stored: Size, place: Place) => void;
  };

/** How training images are made. */
export type TrainOptions = LoadOptions & {
  readonly seed: number;
  /** Which pass over the data this is, from 0. */
  readonly epoch: number;
  /** Synthetic anomalies on normal images; `false` leaves them clean and out of the detour. Default: on. */
  readonly anomalies?: Omit<NoiseOptions, "version"> | false;
  /** Share one over all epochs; default: a new one, which saves nothing. */
  readonly cache?: ImageCache;
};

/**
 * Training: normal images get synthetic anomalies and their mask (fractional borders), defective ones keep their own
 * mask, resized and not binarised. Source: CDO, ad_dataset.py (2025), dataset.py (2023).
 * Throws `LoupeError("config")` for a framing that can't be, or on which anomalies can't be painted.
 */
export function trainTransform(options: TrainOptions): Transform {
  checkFraming(options);
  const { seed, epoch, size, anomalies = {}, cache = imageCache(0) } = options;
  const plainly = plainTransform(options, fractionalMask, cache, (index) =>
    wildRandom(seed, epoch, index),
  );
  if (anomalies === false) return plainly;
  const version = paintable(options);
  const noise: NoiseOptions = { ...anomalies, version };
  if (noise.synthesis) checkSynthesis(noise.synthesis);
  const detour = version === "2025" && anomalies.detour !== false;
  return async (sample, index, image, mask) => {
    if (sample.label === 1) return plainly(sample, index, image, mask);
    const kept = await remember(cache, `${version} ${detour} ${size} ${sample.path}`, async () => {
      const source = await readPixels(sample.path, options);
      const clean = cleanImage(source, size, noise);
      return { clean, stored: sizeOf(source), ...(detour ? { source } : {}) };
    });
    const random = seededRandom(seed, epoch, index);
    const noisy = whiteNoise(kept.source ?? kept.clean, size, random, noise, kept.clean);
    normalise(noisy.image, image);
    for (let i = 0; i < mask.length; i++) mask[i] = noisy.mask.data[i]! / 255;
    return noisy.survival;
  };
}

/** The version whose anomalies are painted: there are none on images that are cut, nor under Lanczos. */
function paintable(framing: Framing): "2025" | "2023" {
  const { filters = "2025" } = framing;
  if (filters !== "lanczos" && !crops(framing)) return filters;
  const { size: _, ...got } = framingOf(framing);
  const rule = "are painted on images that filters 2025 or 2023 stretch to the square";
  const next = "leave out shorter and wild, or set anomalies to false";
  const message = `synthetic anomalies ${rule}, got ${JSON.stringify(got)}; ${next}`;
  throw new LoupeError("config", message);
}

/** The options with this synthesis, if there is one and anomalies are made at all. */
export function withSynthesis<T extends Pick<TrainOptions, "anomalies">>(
  options: T,
  synthesis: Synthesis | undefined,
): T {
  if (!synthesis || options.anomalies === false) return options;
  return { ...options, anomalies: { ...options.anomalies, synthesis } };
}

/** Evaluation: images are framed and normalised, masks are 1 where the resized mask is above one half. */
export function testTransform(options: LoadOptions): Transform {
  checkFraming(options);
  return plainTransform(options, binaryMask, imageCache(0));
}

/** `randomOf`: what is random about the framing of an image; without it the image decides. */
function plainTransform(
  options: LoadOptions,
  toMask: typeof fractionalMask,
  cache: ImageCache,
  randomOf?: (index: number) => Random,
): Transform {
  const framing = framingOf(options);
  const shape = JSON.stringify(framing);
  return async (sample, index, image, mask) => {
    const kept = await remember(cache, `plain ${shape} ${sample.path}`, async () => {
      const decoded = await readPixels(sample.path, options);
      return { clean: prepare(decoded, framing, sample.path), stored: sizeOf(decoded) };
    });
    const seen = frameOf(kept.clean, kept.stored, framing, randomOf?.(index));
    options.onFrame?.(sample.path, kept.stored, seen.place);
    normalise(seen.image, image);
    mask.fill(0);
    if (sample.maskPath === undefined) return undefined;
    const whole = await readFittingMask(sample.path, kept.stored, sample.maskPath, options);
    mask.set(toMask(whole, seen.place, framing));
    if (sample.label === 1 && !mask.some((v) => v > 0)) {
      const cut = crops(framing) ? " where the image is cut" : "";
      const message = `nothing is left of the mask at this size${cut}, its image stays defective: ${framing.size}`;
      options.report?.({ level: "warning", file: sample.maskPath, message });
    }
    return undefined;
  };
}

const sizeOf = ({ width, height }: Size): Size => ({ width, height });

async function remember(cache: ImageCache, key: string, make: () => Promise<Kept>): Promise<Kept> {
  const known = cache.get(key);
  if (known) return known;
  const made = await make();
  cache.put(key, made);
  return made;
}

async function readPixels(path: string, options: LoadOptions): Promise<Image> {
  const { maxPixels, grey16, report, read = readFile } = options;
  return decodeImage(await read(path), {
    file: path,
    ...(maxPixels === undefined ? {} : { maxPixels }),
    ...(grey16 === undefined ? {} : { grey16 }),
    ...(report === undefined ? {} : { report }),
  });
}

/** The mask, binary; refused when its aspect ratio is not the image's. */
async function readFittingMask(
  path: string,
  image: Size,
  maskPath: string,
  options: LoadOptions,
): Promise<Image> {
  const mask = await decodeMask(await (options.read ?? readFile)(maskPath), maskPath, options);
  const { width, height } = mask;
  const finding = sizeFinding({ ...image, path }, { path: maskPath, width, height });
  if (finding?.level === "error") {
    throw new LoupeError("data", `mask: ${maskPath}: ${finding.message}`);
  }
  if (finding) options.report?.(finding);
  return mask;
}
