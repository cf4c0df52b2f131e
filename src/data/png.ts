/**
 * Reads PNG: every depth, colour type and interlacing. fast-png, which writes them for us, inflates image data and
 * colour profiles without a limit and misreads interlaced images below 8 bits, so reading is done here: walk the chunks,
 * inflate exactly what the header promises, undo the filters.
 */
import { inflate } from "#codec";

/** What IHDR says. `colour`: 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGB with alpha. */
export type PngHeader = {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colour: number;
  readonly interlaced: boolean;
};

/** Samples as stored, `[height, width, channels]`, one element each, not scaled; palette as R, G, B triples. */
export type Png = PngHeader & {
  readonly channels: number;
  readonly samples: Uint8Array | Uint16Array;
  readonly palette: Uint8Array;
};

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Samples per pixel of each colour type. */
export const pngChannels: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const depthsOf: Record<number, readonly number[]> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};
/** Adam7: first column, first row, column step, row step of each pass. */
const adam7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;
/** No deflate stream grows by more than this. */
const mostInflation = 1032;

/** Whether the bytes begin as a PNG file does. */
export function isPng(bytes: Uint8Array): boolean {
  return signature.every((byte, i) => bytes[i] === byte);
}

/** Reads IHDR. Throws an Error that says what is wrong. */
export function pngHeader(bytes: Uint8Array): PngHeader {
  if (bytes.length < 33) throw new Error("the file ends in its header");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(12) !== 0x49484452) throw new Error("the first chunk is not IHDR");
  const header = {
    width: view.getUint32(16),
    height: view.getUint32(20),
    depth: view.getUint8(24),
    colour: view.getUint8(25),
    interlaced: view.getUint8(28) === 1,
  };
  if (!depthsOf[header.colour]?.includes(header.depth)) {
    throw new Error(`colour type ${header.colour} with ${header.depth} bits is not allowed`);
  }
  return header;
}

/** Decodes a PNG whose size has been checked. Throws an Error that says what is wrong. */
export async function decodePng(bytes: Uint8Array): Promise<Png> {
  const header = pngHeader(bytes);
  const { data, palette } = chunks(bytes);
  const channels = pngChannels[header.colour]!;
  const passes = passesOf(header);
  const bits = header.depth * channels;
  const needed = passes.reduce((sum, pass) => sum + pass.rows * (rowBytes(pass, bits) + 1), 0);
  if (needed > data.length * mostInflation) throw truncated(data.length, needed);
  const raw = await inflate(data, needed).catch((error: unknown) => {
    const cause = error as { code?: string; message?: string };
    const tooMuch = error instanceof RangeError || cause.code === "ERR_BUFFER_TOO_LARGE";
    const rule = tooMuch
      ? `it holds more than the ${needed} bytes that ${header.width}x${header.height} needs`
      : `its data is damaged (${cause.message ?? String(error)})`;
    throw new Error(rule, { cause: error });
  });
  if (raw.length < needed) throw truncated(raw.length, needed);
  const samples = makeSamples(header, channels);
  let at = 0;
  for (const pass of passes) {
    const length = rowBytes(pass, bits);
    unfilter(raw, at, pass.rows, length, Math.max(1, bits >> 3));
    scatter(raw, at, pass, header, channels, samples);
    at += pass.rows * (length + 1);
  }
  return { ...header, channels, samples, palette };
}

function truncated(found: number, needed: number): Error {
  return new Error(`it is truncated (${found} of ${needed} bytes of image data)`);
}

function chunks(bytes: Uint8Array): { data: Uint8Array; palette: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: Uint8Array[] = [];
  let palette: Uint8Array = new Uint8Array(0);
  for (let at = 8; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at);
    const type = view.getUint32(at + 4);
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (type === 0x49444154) parts.push(body);
    else if (type === 0x504c5445) palette = body.slice(0, 768);
    else if (type === 0x49454e44) break;
    at += length + 12;
  }
  if (parts.length === 1) return { data: parts[0]!, palette };
  const data = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return { data, palette };
}

type Pass = {
  readonly left: number;
  readonly top: number;
  readonly across: number;
  readonly down: number;
  readonly columns: number;
  readonly rows: number;
};

function passesOf({ width, height, interlaced }: PngHeader): Pass[] {
  const steps = interlaced ? adam7 : ([[0, 0, 1, 1]] as const);
  return steps
    .map(([left, top, across, down]) => {
      const columns = Math.ceil((width - left) / across);
      return { left, top, across, down, columns, rows: Math.ceil((height - top) / down) };
    })
    .filter((pass) => pass.columns > 0 && pass.rows > 0);
}

function rowBytes(pass: Pass, bitsPerPixel: number): number {
  return Math.ceil((pass.columns * bitsPerPixel) / 8);
}

function makeSamples(header: PngHeader, channels: number): Uint8Array | Uint16Array {
  const count = header.width * header.height * channels;
  return header.depth === 16 ? new Uint16Array(count) : new Uint8Array(count);
}

/** Undoes the row filters in place; each row is one filter byte and `length` bytes. */
function unfilter(
  raw: Uint8Array,
  first: number,
  rows: number,
  length: number,
  step: number,
): void {
  let above: Uint8Array = new Uint8Array(length);
  for (let y = 0; y < rows; y++) {
    const at = first + y * (length + 1);
    const row = raw.subarray(at + 1, at + 1 + length);
    const filter = raw[at]!;
    if (filter === 1) for (let i = step; i < length; i++) row[i]! += row[i - step]!;
    else if (filter === 2) for (let i = 0; i < length; i++) row[i]! += above[i]!;
    else if (filter === 3) undoAverage(row, above, step);
    else if (filter === 4) undoPaeth(row, above, step);
    else if (filter !== 0) throw new Error(`its data is damaged (row filter ${filter})`);
    above = row;
  }
}

function undoAverage(row: Uint8Array, above: Uint8Array, step: number): void {
  for (let i = 0; i < row.length; i++) {
    const left = i < step ? 0 : row[i - step]!;
    row[i]! += (left + above[i]!) >> 1;
  }
}

function undoPaeth(row: Uint8Array, above: Uint8Array, step: number): void {
  for (let i = 0; i < Math.min(step, row.length); i++) row[i]! += above[i]!;
  for (let i = step; i < row.length; i++) {
    const a = row[i - step]!;
    const b = above[i]!;
    const c = above[i - step]!;
    const pa = Math.abs(b - c);
    const pb = Math.abs(a - c);
    const pc = Math.abs(a + b - 2 * c);
    row[i]! += pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
  }
}

/** Puts the samples of one pass where they belong. */
function scatter(
  raw: Uint8Array,
  first: number,
  pass: Pass,
  { width, depth }: PngHeader,
  channels: number,
  samples: Uint8Array | Uint16Array,
): void {
  const length = rowBytes(pass, depth * channels);
  for (let y = 0; y < pass.rows; y++) {
    const row = first + y * (length + 1) + 1;
    const out = (pass.top + y * pass.down) * width + pass.left;
    if (depth === 8 && pass.across === 1) {
      samples.set(raw.subarray(row, row + length), out * channels);
      continue;
    }
    for (let i = 0; i < pass.columns * channels; i++) {
      const column = Math.floor(i / channels) * pass.across;
      samples[(out + column) * channels + (i % channels)] = sampleAt(raw, row, i, depth);
    }
  }
}

function sampleAt(raw: Uint8Array, row: number, i: number, depth: number): number {
  if (depth === 8) return raw[row + i]!;
  if (depth === 16) return raw[row + 2 * i]! * 256 + raw[row + 2 * i + 1]!;
  const bit = i * depth;
  return (raw[row + (bit >> 3)]! >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
}
