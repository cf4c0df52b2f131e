/**
 * Ground-truth masks: which pixels are defective. A mask is made binary as soon as it is read (every pixel above
 * `maskThreshold` is a defect; 0 as in the reference), a mask that was not binary is reported with its counts.
 */
import { readFile } from "#codec";
import { LoupeError } from "../error.ts";
import { type DecodeOptions, decodeImage } from "./decode.ts";
import type { Finding, Report } from "./finding.ts";
import { frameMask, type Place } from "./frame.ts";
import type { Framing } from "./framing.ts";
import { type Image, makeImage, type Size } from "./image.ts";

/** How masks are read. */
export type MaskOptions = {
  /** A pixel is a defect when its value (0..255) is above this; default 0. Setting it silences the warning. */
  readonly maskThreshold?: number;
  readonly maxPixels?: number;
  readonly report?: Report;
};

/**
 * Reads a mask as one channel of 0 and 255. Throws `LoupeError("io")` or `("data")` naming the file.
 */
export async function readMask(path: string, options: MaskOptions = {}): Promise<Image> {
  return decodeMask(await readFile(path), path, options);
}

/** As `readMask`, from the bytes of the file `path`. */
export async function decodeMask(
  bytes: Uint8Array,
  path: string,
  options: MaskOptions = {},
): Promise<Image> {
  // reference: grey as by Pillow, in which the faintest colours are 0 and no defect
  const decoding: DecodeOptions = { mode: "max", file: path };
  const { maxPixels, report } = options;
  const grey = await decodeImage(bytes, { ...decoding, ...(maxPixels ? { maxPixels } : {}) });
  const finding = options.maskThreshold === undefined ? notBinary(grey, path) : undefined;
  if (finding) report?.(finding);
  return binarise(grey, options.maskThreshold ?? 0);
}

/** 255 where the grey image is above `threshold`, else 0. Throws `LoupeError("config")` outside 0..254. */
export function binarise(grey: Image, threshold: number): Image {
  if (!(threshold >= 0 && threshold < 255)) {
    throw new LoupeError("config", `maskThreshold: must be 0 to 254, got ${threshold}`);
  }
  const data = Uint8Array.from(grey.data, (v) => (v > threshold ? 255 : 0));
  return makeImage(grey.width, grey.height, 1, data);
}

function notBinary(grey: Image, file: string): Finding | undefined {
  const counts = new Uint32Array(256);
  for (const v of grey.data) counts[v]!++;
  if (counts.subarray(1).filter((n) => n > 0).length < 2) return undefined;
  const sum = (from: number, to: number) => counts.subarray(from, to).reduce((a, n) => a + n, 0);
  const found = `${counts[0]} pixels are 0, ${sum(1, 128)} are 1..127, ${sum(128, 256)} are 128..255`;
  const rule = "mask is not binary, every pixel above 0 counts as defect";
  const message = `${rule} (set maskThreshold, e.g. 127, to change that): ${found}`;
  return { level: "warning", file, message };
}

/**
 * What is wrong when a mask has another size than its image: another aspect ratio is an error (the mask would be
 * distorted), another scale a warning. Nothing when the sizes agree.
 */
export function sizeFinding(
  image: Size & { readonly path: string },
  mask: Size & { readonly path: string },
): Finding | undefined {
  if (image.width === mask.width && image.height === mask.height) return undefined;
  const same = Math.abs(image.width * mask.height - image.height * mask.width);
  const level = same < Math.max(image.width, image.height) ? "warning" : "error";
  const next = level === "error" ? "so it is not used (draw it at that size)" : "so it is scaled";
  const sizes = `${mask.width}x${mask.height}, ${image.path} is ${image.width}x${image.height}`;
  const message = `mask has another size than its image, ${next}: ${sizes}`;
  return { level, file: mask.path, message };
}

/**
 * The part of a mask that the network sees, at the size of training `[size, size]`, values 0..1 with fractional borders: resized
 * like its image (reference: not binarised again), divided by 255.
 */
export function fractionalMask(mask: Image, place: Place, framing: Framing): Float32Array {
  return Float32Array.from(frameMask(mask, place, framing).data, (v) => v / 255);
}

/** The same at the size of evaluation, `[size, size]`: 1 where the resized mask is above one half, else 0. */
export function binaryMask(mask: Image, place: Place, framing: Framing): Float32Array {
  return fractionalMask(mask, place, framing).map((v) => (v > 0.5 ? 1 : 0));
}
