/**
 * JPEG headers: the size before anything is decoded, and the file without what would change its pixels. Pillow applies
 * neither EXIF orientation nor colour profiles, browsers apply both, so both are cut out before decoding.
 */

/** What the frame header says. `components`: 1 grey, 3 colour, 4 CMYK. */
export type JpegHeader = {
  readonly width: number;
  readonly height: number;
  readonly components: number;
  readonly bits: number;
};

type Segment = { marker: number; begin: number; end: number };

/** Reads the frame header. Throws an Error that says what is wrong. */
export function jpegHeader(bytes: Uint8Array): JpegHeader {
  for (const { marker, begin, end } of segments(bytes)) {
    if (!isFrame(marker)) continue;
    if (end - begin < 10) throw new Error("the frame header is cut off");
    const view = new DataView(bytes.buffer, bytes.byteOffset + begin + 4, 6);
    const size = { width: view.getUint16(3), height: view.getUint16(1) };
    return { ...size, components: view.getUint8(5), bits: view.getUint8(0) };
  }
  throw new Error("there is no frame header");
}

/** The file without application data (EXIF, colour profiles) and comments; JFIF and Adobe's colour flag stay. */
export function withoutMetadata(bytes: Uint8Array): Uint8Array {
  const kept: Uint8Array[] = [bytes.subarray(0, 2)];
  for (const { marker, begin, end } of segments(bytes)) {
    const application = marker >= 0xe0 && marker <= 0xef && marker !== 0xe0 && marker !== 0xee;
    if (!application && marker !== 0xfe) kept.push(bytes.subarray(begin, end));
  }
  const out = new Uint8Array(kept.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of kept) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** The segments up to the first scan; the last one reaches from its marker to the end of the file. */
function* segments(bytes: Uint8Array): Generator<Segment> {
  let at = 2;
  while (at + 4 <= bytes.length) {
    if (bytes[at] !== 0xff) throw new Error(`there is no marker at byte ${at}`);
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker === 0xda) {
      yield { marker, begin: at, end: bytes.length };
      return;
    }
    const alone = marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
    const end = alone ? at + 2 : at + 2 + bytes[at + 2]! * 256 + bytes[at + 3]!;
    if (end > bytes.length) break;
    yield { marker, begin: at, end };
    at = end;
  }
  throw new Error("the file ends before its image data");
}

/** SOF0..SOF15 without DHT, JPG and DAC, which share the range. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
}
