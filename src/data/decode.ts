/**
 * From the bytes of a file to an `Image`, with the pixels that Pillow's `convert("RGB")` or `convert("L")` gives: alpha is
 * dropped, EXIF orientation and colour profiles are not applied. The size is read and checked before anything is decoded.
 */
import { decodeJpeg, readFile } from "#codec";
import { LoupeError } from "../error.ts";
import { bmpHeader, decodeBmp } from "./bmp.ts";
import type { RawPixels } from "./codec.ts";
import type { Report } from "./finding.ts";
import { type Image, makeImage, toBrightest, toGrey, toRgb } from "./image.ts";
import { jpegHeader, withoutMetadata } from "./jpeg.ts";
import { decodePng, isPng, type Png, pngChannels, pngHeader } from "./png.ts";

/** The formats that are read; which one a file has is decided by its first bytes, never by its name. */
export type ImageFormat = "png" | "jpeg" | "bmp";

/** How to decode; all optional. */
export type DecodeOptions = {
  /** `RGB` (default, three channels), `L` (grey, one channel) or `max` (one channel, the brightest of a pixel's). */
  readonly mode?: "RGB" | "L" | "max";
  /** Named in errors and findings. */
  readonly file?: string;
  /** Refuse larger images, in pixels; default 100 million. */
  readonly maxPixels?: number;
  /**
   * 16-bit grey PNG: `clip` to 255 (default, what Pillow does) or keep the `high-byte`. A finding tells when clipping
   * loses values. Other 16-bit PNGs keep the high byte, as in Pillow.
   */
  readonly grey16?: "clip" | "high-byte";
  /** Takes what is noticed. */
  readonly report?: Report;
};

/** Format and size in pixels from the header alone. */
export type ImageHeader = {
  readonly format: ImageFormat;
  readonly width: number;
  readonly height: number;
};

const defaultMaxPixels = 100_000_000;
const nextStep = "export it again as PNG, or remove it";

/**
 * Reads format and size. Throws `LoupeError("data")` naming the file when it is empty, not an image, of an unread
 * format, or larger than `maxPixels`.
 */
export function imageHeader(bytes: Uint8Array, options: DecodeOptions = {}): ImageHeader {
  const { file = "image", maxPixels = defaultMaxPixels } = options;
  const format = sniff(bytes, file);
  const read = { png: pngHeader, jpeg: jpegHeader, bmp: bmpHeader }[format];
  const { width, height } = explain(file, format, () => read(bytes));
  if (width < 1 || height < 1) {
    throw new LoupeError("data", `decode: ${file}: its size is ${width}x${height}; ${nextStep}`);
  }
  if (width * height > maxPixels) {
    const rule = `${width}x${height} is more than the ${maxPixels} pixels allowed`;
    throw new LoupeError("data", `decode: ${file}: ${rule}; make it smaller or raise maxPixels`);
  }
  return { format, width, height };
}

/**
 * Decodes PNG, JPEG or BMP. Throws `LoupeError("data")` naming the file when it can't be decoded whole.
 * Source of the rules: Pillow 9.4 (PngImagePlugin, BmpImagePlugin, Convert.c).
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Image> {
  const { file = "image", mode = "RGB" } = options;
  const { format, width, height } = imageHeader(bytes, options);
  try {
    const image = await decoders[format](bytes, options);
    if (image.width !== width || image.height !== height) {
      throw new Error(
        `it has ${image.width}x${image.height} pixels, its header says ${width}x${height}`,
      );
    }
    return { L: toGrey, max: toBrightest, RGB: toRgb }[mode](image);
  } catch (error) {
    throw undecodable(file, format, error);
  }
}

/** Reads and decodes an image file; `options.file` is set to the path. Throws `LoupeError("io")` or `("data")`. */
export async function readImage(path: string, options: DecodeOptions = {}): Promise<Image> {
  return decodeImage(await readFile(path), { ...options, file: path });
}

const decoders: Record<ImageFormat, (bytes: Uint8Array, options: DecodeOptions) => Promise<Image>> =
  {
    png: async (bytes, options) => {
      checkPngMemory(bytes, options);
      return pngImage(await decodePng(bytes), options);
    },
    jpeg: jpegImage,
    bmp: async (bytes) => decodeBmp(bytes),
  };

/** 16 bits and alpha take up to eight bytes per pixel; four on average are what `maxPixels` allows. */
function checkPngMemory(bytes: Uint8Array, { maxPixels = defaultMaxPixels }: DecodeOptions): void {
  const { width, height, depth, colour } = pngHeader(bytes);
  const needed = (width * height * depth * pngChannels[colour]!) / 8;
  if (needed <= maxPixels * 4) return;
  const size = `${width}x${height} with ${depth} bits and ${pngChannels[colour]} channels`;
  throw new Error(`${size} is more than maxPixels ${maxPixels} allows`);
}

const unread: readonly [string, RegExp][] = [
  ["a TIFF", /^(II\*|MM.\*)/s],
  ["a GIF", /^GIF8/],
  ["a WebP", /^RIFF....WEBP/s],
  ["an AVIF or HEIC", /^....ftyp/s],
];

function sniff(bytes: Uint8Array, file: string): ImageFormat {
  if (isPng(bytes)) return "png";
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return "jpeg";
  if (bytes[0] === 0x42 && bytes[1] === 0x4d) return "bmp";
  if (bytes.length === 0) {
    throw new LoupeError("data", `decode: ${file}: the file is empty; ${nextStep}`);
  }
  const start = String.fromCharCode(...bytes.subarray(0, 16));
  const known = unread.find(([, pattern]) => pattern.test(start));
  const what = known ? `${known[0]} image` : "not an image";
  const rule = `it is ${what}, and PNG, JPEG and BMP are read`;
  const next = known ? "convert it to PNG" : "remove it or convert it to PNG";
  throw new LoupeError("data", `decode: ${file}: ${rule}; ${next}`);
}

function explain<T>(file: string, format: ImageFormat, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw undecodable(file, format, error);
  }
}

function undecodable(file: string, format: ImageFormat, error: unknown): LoupeError {
  if (error instanceof LoupeError && error.message.startsWith("decode: ")) return error;
  const reason = (error instanceof Error ? error.message : String(error)).split("\n").at(-1)!;
  const message = `decode: ${file}: this ${format.toUpperCase()} can't be decoded: ${reason}; ${nextStep}`;
  return new LoupeError("data", message, { cause: error });
}

async function jpegImage(bytes: Uint8Array): Promise<Image> {
  const { components, bits } = jpegHeader(bytes);
  if (bits !== 8 || ![1, 3, 4].includes(components)) {
    throw new Error(`${components} components of ${bits} bits are not read`);
  }
  const raw = await decodeJpeg(withoutMetadata(bytes), components);
  if (raw.channels === 4) return fromCmyk(raw);
  if (raw.channels !== 1 && raw.channels !== 3) throw new Error(`it has ${raw.channels} channels`);
  return makeImage(raw.width, raw.height, raw.channels, raw.data);
}

/** Pillow's CMYK to RGB: (255 - K) minus the ink times (255 - K) / 255, rounded. */
function fromCmyk({ width, height, data }: RawPixels): Image {
  const out = makeImage(width, height, 3);
  for (let i = 0, o = 0; i < data.length; i += 4) {
    const light = 255 - data[i + 3]!;
    for (let c = 0; c < 3; c++) {
      const product = data[i + c]! * light + 128;
      out.data[o++] = Math.max(0, light - (((product >> 8) + product) >> 8));
    }
  }
  return out;
}

function pngImage(png: Png, options: DecodeOptions): Image {
  const { width, height, channels, colour, samples } = png;
  const kept = colour === 0 || colour === 4 ? 1 : 3;
  if (samples instanceof Uint8Array && png.depth === 8 && colour !== 3 && channels === kept) {
    return makeImage(width, height, kept, samples);
  }
  const out = makeImage(width, height, kept);
  if (colour === 3) return throughPalette(png, out);
  const scale = byteOf(png, options);
  const step = out.channels;
  for (let i = 0, o = 0; i < samples.length; i += channels) {
    for (let c = 0; c < step; c++) out.data[o++] = scale(samples[i + c]!);
  }
  return out;
}

/** Indices beyond the palette become black. */
function throughPalette({ samples, palette }: Png, out: Image): Image {
  for (let i = 0, o = 0; i < samples.length; i++) {
    const at = samples[i]! * 3;
    for (let c = 0; c < 3; c++) out.data[o++] = palette[at + c] ?? 0;
  }
  return out;
}

function byteOf({ depth, colour, samples }: Png, options: DecodeOptions) {
  if (depth === 8) return (v: number) => v;
  if (depth < 8) return (v: number) => (v * 255) / ((1 << depth) - 1);
  if (colour !== 0 || options.grey16 === "high-byte") return (v: number) => v >> 8;
  const lost = (samples as Uint16Array).reduce((sum, v) => sum + (v > 255 ? 1 : 0), 0);
  if (lost > 0) {
    const rule = "16-bit grey above 255 becomes white, as in Pillow";
    const next = 'set grey16 to "high-byte" to keep the range';
    const message = `${rule} (${next}): ${lost} of ${samples.length} pixels`;
    options.report?.({ level: "warning", file: options.file ?? "image", message });
  }
  return (v: number) => Math.min(v, 255);
}
