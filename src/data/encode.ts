/** Writes PNG: lossless, 8 bits, grey or RGB. */

import { encode } from "fast-png";
import { writeFile } from "#codec";
import type { Image } from "./image.ts";

/** The bytes of a PNG file with exactly these pixels. */
export function encodePng(image: Image): Uint8Array {
  const { width, height, channels, data } = image;
  return encode({ width, height, channels, data, depth: 8 });
}

/** Writes a PNG file, whole or not at all, and its folder. Throws `LoupeError("io")` naming the file. */
export async function writePng(path: string, image: Image): Promise<void> {
  await writeFile(path, encodePng(image));
}
