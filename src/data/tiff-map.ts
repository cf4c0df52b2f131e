/**
 * One-channel TIFF files, as anomaly maps are stored: read by the `tiff` package, after checking that size, strips and
 * compressed data promise no more memory than the pixels need. The package itself inflates without a limit.
 */

import { decode } from "tiff";
import { inflate } from "#codec";

/** A map of float, 8-bit or 16-bit values, `[height, width]`. */
export type TiffMap = {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array | Float64Array | Uint8Array | Uint16Array;
};

type Ifd = ReturnType<typeof decode>[number];

/** Decodes the first page. Throws an Error that says what is wrong. */
export async function decodeTiffMap(bytes: Uint8Array, maxPixels: number): Promise<TiffMap> {
  checkTags(bytes);
  const [ifd] = decode(bytes, { ignoreImageData: true, pages: [0] });
  if (!ifd) throw new Error("it has no image");
  const { width, height, samplesPerPixel } = ifd;
  if (!(width >= 1 && height >= 1 && width * height <= maxPixels)) {
    throw new Error(`its size is ${width}x${height}, at most ${maxPixels} pixels are read`);
  }
  if (samplesPerPixel !== 1) throw new Error(`it has ${samplesPerPixel} channels, a map has one`);
  if (ifd.tiled) throw new Error("it is stored in tiles; save it in strips");
  await checkStrips(bytes, ifd);
  const { data } = decode(bytes, { pages: [0] })[0]!;
  if (data.length !== width * height) throw new Error("it is truncated");
  return { width, height, data };
}

/** Bytes per value of the TIFF types 1 to 12. */
const typeBytes = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8];
const exifTags = [0x8769, 0x8825];

/** The values of all tags together must fit into the file: tags may share bytes, and the package copies them all. */
function checkTags(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 14) throw new Error("the file ends in its header");
  const little = view.getUint16(0) === 0x4949;
  const begin = view.getUint32(4, little);
  if (begin + 2 > bytes.length) throw new Error("it is truncated");
  const count = view.getUint16(begin, little);
  if (begin + 2 + count * 12 > bytes.length) throw new Error("it is truncated");
  let total = 0;
  for (let at = begin + 2; at < begin + 2 + count * 12; at += 12) {
    if (exifTags.includes(view.getUint16(at, little)))
      throw new Error("it has EXIF data; save it without");
    const size = (typeBytes[view.getUint16(at + 2, little)] ?? 0) * view.getUint32(at + 4, little);
    total += size > 4 ? size : 0;
  }
  if (total > bytes.length) throw new Error("its tags are damaged");
}

/** Every strip must lie in the file and hold as many bytes as its rows need, not more. */
async function checkStrips(bytes: Uint8Array, ifd: Ifd): Promise<void> {
  const offsets = [...list(ifd.stripOffsets)];
  const counts = [...list(ifd.stripByteCounts)];
  const rows = Math.min(ifd.rowsPerStrip || ifd.height, ifd.height);
  if (offsets.length === 0 || offsets.length !== Math.ceil(ifd.height / rows)) {
    throw new Error(`it has ${offsets.length} strips for ${ifd.height} rows`);
  }
  for (const [i, offset] of offsets.entries()) {
    const height = Math.min(rows, ifd.height - i * rows);
    const needed = Math.ceil((ifd.width * ifd.bitsPerSample) / 8) * height;
    const count = counts[i] ?? bytes.length - offset;
    if (offset + count > bytes.length) throw new Error("it is truncated");
    const strip = bytes.subarray(offset, offset + count);
    const length = await unpackedLength(strip, ifd.compression, needed);
    if (length < needed) throw new Error(`it is truncated (strip ${i + 1} of ${offsets.length})`);
  }
}

function list(value: unknown): Iterable<number> {
  if (typeof value === "number") return [value];
  return (value as Iterable<number> | undefined) ?? [];
}

/** How long a strip is unpacked, up to a little more than it may be; throws when it is longer. */
async function unpackedLength(strip: Uint8Array, compression: number, needed: number) {
  if (compression === 1) return strip.length;
  const most = needed + 1024;
  if (compression === 5) return lzwLength(strip, most);
  if (compression === 8 || compression === 32946) return (await inflate(strip, most)).length;
  throw new Error(`compression ${compression} is not read; save it uncompressed`);
}

/** The length of what a TIFF LZW stream unpacks to: each code's length is one more than that of its prefix. */
function lzwLength(strip: Uint8Array, most: number): number {
  const lengths = new Uint32Array(4097);
  lengths.fill(1, 0, 256);
  let [next, bits, total, previous] = [258, 9, 0, -1];
  for (let at = 0; at + bits <= strip.length * 8; ) {
    const code = bitsAt(strip, at, bits);
    at += bits;
    if (code === 257) break;
    if (code === 256) {
      [next, bits, previous] = [258, 9, -1];
      continue;
    }
    if (previous >= 0 && next < 4096) lengths[next++] = lengths[previous]! + 1;
    total += code < next ? lengths[code]! : 0;
    if (total > most) throw new Error(`a strip unpacks to more than ${most} bytes`);
    previous = code;
    if (next >= (1 << bits) - 1 && bits < 12) bits++;
  }
  return total;
}

function bitsAt(bytes: Uint8Array, at: number, count: number): number {
  const byte = at >> 3;
  const word = (bytes[byte]! << 16) | ((bytes[byte + 1] ?? 0) << 8) | (bytes[byte + 2] ?? 0);
  return (word >> (24 - (at & 7) - count)) & ((1 << count) - 1);
}
