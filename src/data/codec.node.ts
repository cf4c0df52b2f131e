/**
 * What this room needs from Node: files, zlib, and a JPEG decoder. Its twin `codec.browser.ts` offers the same to a
 * page. JPEGs are decoded by sharp (libjpeg-turbo, as in Pillow: equal pixels); without sharp by jpeg-js, whose
 * colours differ where chroma is subsampled.
 */
import { constants, inflate as zlibInflate } from "node:zlib";
import type { RawPixels } from "./codec.ts";

export { listFiles, readFile, writeFile } from "./files.node.ts";
export { startWorkers, usefulWorkers } from "./workers.node.ts";

/** Inflates a zlib stream into at most `size` bytes; a shorter result means that the stream is truncated. */
export function inflate(stream: Uint8Array, size: number): Promise<Uint8Array> {
  const options = {
    maxOutputLength: size,
    chunkSize: Math.max(64, Math.min(size + 1, 1 << 20)),
    finishFlush: constants.Z_SYNC_FLUSH,
  };
  return new Promise((done, fail) => {
    zlibInflate(stream, options, (error, bytes) => {
      if (error) fail(error);
      else done(plain(bytes));
    });
  });
}

/** Decodes a JPEG of known size; throws whatever the decoder throws. */
export async function decodeJpeg(bytes: Uint8Array, components: number): Promise<RawPixels> {
  const sharp = await loadSharp();
  if (!sharp) return decodeWithoutSharp(bytes);
  const picture = sharp(bytes, { ignoreIcc: true, failOn: "error", limitInputPixels: false });
  if (components === 4) picture.pipelineColourspace("cmyk").toColourspace("cmyk");
  const { data, info } = await picture.raw().toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  return { width, height, channels, data: plain(data) };
}

/** A Buffer is a Uint8Array that prints and compares differently; the room hands out plain ones. */
function plain(data: Buffer): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.length);
}

type Sharp = typeof import("sharp").default;

let sharpModule: Promise<Sharp | undefined> | undefined;

function loadSharp(): Promise<Sharp | undefined> {
  sharpModule ??= import("sharp").then(
    (module) => module.default,
    () => {
      const what = "sharp could not be loaded; JPEGs are decoded by jpeg-js";
      process.emitWarning(`${what}, and colours can differ from Pillow's. Run npm install sharp.`);
      return undefined;
    },
  );
  return sharpModule;
}

/** The fallback decoder. Exported so that a test reaches it on a machine that has sharp. */
export async function decodeWithoutSharp(bytes: Uint8Array): Promise<RawPixels> {
  const { decode } = (await import("jpeg-js")).default;
  const { width, height, data } = decode(bytes, {
    useTArray: true,
    formatAsRGBA: false,
    tolerantDecoding: false,
    maxResolutionInMP: 2000,
    maxMemoryUsageInMB: 2048,
  });
  return { width, height, channels: data.length / (width * height), data };
}
