/**
 * Reads BMP: 1, 4, 8 bits with palette, 16, 24 and 32 bits, bottom-up or top-down, uncompressed. fast-bmp reads no
 * palettes, no top-down rows and few 32-bit files, so reading is done here; files are checked before memory is taken.
 */
import { type Image, makeImage } from "./image.ts";

/** What the file header says; `bits` per pixel, `palette` at its byte offset, masks of R, G, B for 16 and 32 bits. */
export type BmpHeader = {
  readonly width: number;
  readonly height: number;
  readonly bits: number;
  readonly topDown: boolean;
  readonly pixels: number;
  readonly palette: number;
  readonly entry: 3 | 4;
  readonly masks: readonly [number, number, number];
};

const masks555 = [0x7c00, 0x03e0, 0x001f] as const;
const masks888 = [0xff0000, 0xff00, 0xff] as const;

/** Reads the header. Throws an Error that says what is wrong. */
export function bmpHeader(bytes: Uint8Array): BmpHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 26) throw new Error("the file ends in its header");
  const pixels = view.getUint32(10, true);
  const size = view.getUint32(14, true);
  if (size === 12) {
    const [width, height] = [view.getUint16(18, true), view.getUint16(20, true)];
    const bits = view.getUint16(24, true);
    const rest = { topDown: false, pixels, palette: 26, entry: 3, masks: masks888 } as const;
    return checked({ width, height, bits, ...rest });
  }
  if (size < 40 || bytes.length < 54) throw new Error(`its header of ${size} bytes is not known`);
  const compression = view.getUint32(30, true);
  if (compression !== 0 && compression !== 3) {
    throw new Error(`compression ${compression} is not read; save it uncompressed or as PNG`);
  }
  const bits = view.getUint16(28, true);
  const fields = compression === 3;
  if (fields && bytes.length < 66) throw new Error("the file ends in its header");
  const masks = fields
    ? ([54, 58, 62].map((at) => view.getUint32(at, true)) as [number, number, number])
    : bits === 16
      ? masks555
      : masks888;
  const height = view.getInt32(22, true);
  return checked({
    width: view.getInt32(18, true),
    height: Math.abs(height),
    bits,
    topDown: height < 0,
    pixels,
    palette: 14 + size + (fields && size === 40 ? 12 : 0),
    entry: 4,
    masks,
  });
}

function checked(header: BmpHeader): BmpHeader {
  if (![1, 4, 8, 16, 24, 32].includes(header.bits)) {
    throw new Error(`${header.bits} bits per pixel are not known`);
  }
  return header;
}

/** Decodes a BMP whose size has been checked: one channel if all its colours are grey by palette, else three. */
export function decodeBmp(bytes: Uint8Array): Image {
  const header = bmpHeader(bytes);
  const { width, height, bits } = header;
  const stride = Math.ceil((width * bits) / 32) * 4;
  // The last row may come without its padding.
  const needed = stride * (height - 1) + Math.ceil((width * bits) / 8);
  const found = Math.max(0, bytes.length - header.pixels);
  if (found < needed)
    throw new Error(`it is truncated (${found} of ${needed} bytes of image data)`);
  const out = makeImage(width, height, 3);
  const colourAt = bits <= 8 ? paletteReader(bytes, header) : fieldReader(bytes, header);
  for (let y = 0; y < height; y++) {
    const row = header.pixels + (header.topDown ? y : height - 1 - y) * stride;
    for (let x = 0, o = y * width * 3; x < width; x++, o += 3) colourAt(row, x, out.data, o);
  }
  return out;
}

type ColourAt = (row: number, x: number, out: Uint8Array, o: number) => void;

function paletteReader(bytes: Uint8Array, { bits, palette, entry, pixels }: BmpHeader): ColourAt {
  const last = Math.min(pixels, bytes.length);
  return (row, x, out, o) => {
    const bit = x * bits;
    const index = (bytes[row + (bit >> 3)]! >> (8 - bits - (bit & 7))) & ((1 << bits) - 1);
    const at = palette + index * entry;
    if (at + 3 > last) return;
    out[o] = bytes[at + 2]!;
    out[o + 1] = bytes[at + 1]!;
    out[o + 2] = bytes[at]!;
  };
}

function fieldReader(bytes: Uint8Array, { bits, masks }: BmpHeader): ColourAt {
  const count = bits / 8;
  const fields = masks.map((mask) => {
    const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask);
    return { mask, shift, most: mask >>> shift || 1 };
  });
  return (row, x, out, o) => {
    const at = row + x * count;
    let value = 0;
    for (let i = count - 1; i >= 0; i--) value = value * 256 + bytes[at + i]!;
    fields.forEach(({ mask, shift, most }, c) => {
      out[o + c] = Math.floor((((value & mask) >>> shift) * 255) / most);
    });
  };
}
