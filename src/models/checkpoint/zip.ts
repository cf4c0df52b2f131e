/**
 * Reads the zip archive that `torch.save` writes. torch stores its entries uncompressed; an archive that was packed again may be
 * deflated, so that is unpacked too, never beyond the declared size. Every length is checked against the file before it is used.
 * Entry names are only ever compared, never turned into paths. Source of the format: PKWARE APPNOTE 6.3.
 */
import { Inflate } from "fflate";
import { LoupeError } from "../../error.ts";

const endSignature = 0x06054b50;
const end64Signature = 0x06064b50;
const locator64Signature = 0x07064b50;
const centralSignature = 0x02014b50;
const localSignature = 0x04034b50;

/** Deflate can't shrink by more than this; a larger claim is a lie. */
const maxRatio = 1032;
const maxEntries = 200_000;
const inflateStep = 1 << 16;

/** Weights hardly compress: an archive that unpacks to more than this many times its size is a bomb. */
const maxGrowth = 64;
const growthSlack = 1 << 26;

/** One entry, still packed. */
export interface ZipEntry {
  readonly name: string;
  /** Packed bytes, a view into the file. */
  readonly packed: Uint8Array;
  readonly deflated: boolean;
  /** Size once unpacked, as declared. */
  readonly size: number;
  readonly crc: number;
}

function fail(message: string): never {
  throw new LoupeError("checkpoint", `zip: ${message}`);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function safe(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) fail(`a length of ${value} bytes is impossible`);
  return Number(value);
}

/** Where the central directory lies and how many entries it claims. */
interface Directory {
  readonly start: number;
  readonly end: number;
  readonly count: number;
}

function findEnd(view: DataView): number {
  const last = view.byteLength - 22;
  for (let at = last; at >= Math.max(0, last - 0xffff); at--) {
    const found = view.getUint32(at, true) === endSignature;
    if (found && view.getUint16(at + 20, true) === last - at) return at;
  }
  return fail("the end of the archive is missing; the file is cut off");
}

function findDirectory(view: DataView): Directory {
  const at = findEnd(view);
  let count = view.getUint16(at + 10, true);
  let size = view.getUint32(at + 12, true);
  let start = view.getUint32(at + 16, true);
  let limit = at;
  const locator = at - 20;
  if (count === 0xffff || size === 0xffffffff || start === 0xffffffff) {
    if (locator < 0 || view.getUint32(locator, true) !== locator64Signature)
      fail("the ZIP64 locator is missing");
    const at64 = safe(view.getBigUint64(locator + 8, true));
    if (at64 > locator - 56 || view.getUint32(at64, true) !== end64Signature)
      fail("the ZIP64 end record is missing");
    count = safe(view.getBigUint64(at64 + 32, true));
    size = safe(view.getBigUint64(at64 + 40, true));
    start = safe(view.getBigUint64(at64 + 48, true));
    limit = at64;
  }
  if (start + size > limit)
    fail(`the directory (${size} bytes at ${start}) does not fit before byte ${limit}`);
  if (count > maxEntries) fail(`${count} entries, at most ${maxEntries} are allowed`);
  return { start, end: start + size, count };
}

interface Sizes {
  packed: number;
  size: number;
  local: number;
}

/** Replaces the 32-bit fields that say "see the ZIP64 extra field" by its values. */
function widen(view: DataView, extra: number, extraEnd: number, sizes: Sizes): Sizes {
  const wanted = (["size", "packed", "local"] as const).filter((k) => sizes[k] === 0xffffffff);
  if (wanted.length === 0) return sizes;
  for (let at = extra; at + 4 <= extraEnd; ) {
    const end = at + 4 + view.getUint16(at + 2, true);
    if (view.getUint16(at, true) === 1 && end <= extraEnd && at + 4 + 8 * wanted.length <= end) {
      const wide = { ...sizes };
      wanted.forEach((key, i) => {
        wide[key] = safe(view.getBigUint64(at + 4 + 8 * i, true));
      });
      return wide;
    }
    at = end;
  }
  return sizes;
}

/** The packed bytes of an entry, found through its local header. */
function packedBytes(bytes: Uint8Array, name: string, sizes: Sizes, limit: number): Uint8Array {
  const view = viewOf(bytes);
  const { local, packed } = sizes;
  if (local + 30 > limit || view.getUint32(local, true) !== localSignature)
    fail(`entry ${name} has no local header at byte ${local}`);
  const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  if (start + packed > limit)
    fail(`entry ${name} (${packed} bytes at ${start}) does not fit before byte ${limit}`);
  return bytes.subarray(start, start + packed);
}

/** Lists the entries of an archive by name. Nothing is unpacked yet. */
export function readZip(bytes: Uint8Array): Map<string, ZipEntry> {
  if (bytes.length < 22) fail(`${bytes.length} bytes are too few for an archive`);
  const view = viewOf(bytes);
  const directory = findDirectory(view);
  const entries = new Map<string, ZipEntry>();
  let at = directory.start;
  for (let i = 0; i < directory.count; i++) {
    if (at + 46 > directory.end || view.getUint32(at, true) !== centralSignature)
      fail(`the directory claims ${directory.count} entries but ends after ${i}`);
    const extra = at + 46 + view.getUint16(at + 28, true);
    const extraEnd = extra + view.getUint16(at + 30, true);
    const next = extraEnd + view.getUint16(at + 32, true);
    if (next > directory.end) fail(`directory entry ${i} does not fit in the directory`);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, extra));
    const sizes = widen(view, extra, extraEnd, {
      packed: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      local: view.getUint32(at + 42, true),
    });
    if (view.getUint16(at + 8, true) & 1) fail(`entry ${name} is encrypted`);
    const method = view.getUint16(at + 10, true);
    if (method !== 0 && method !== 8)
      fail(`entry ${name} is packed by method ${method}, only stored and deflated are read`);
    if (entries.has(name)) fail(`two entries are named ${name}`);
    const packed = packedBytes(bytes, name, sizes, directory.start);
    const deflated = method === 8;
    if (!deflated && sizes.packed !== sizes.size)
      fail(`entry ${name} is stored but declares ${sizes.packed} and ${sizes.size} bytes`);
    if (deflated && sizes.size > sizes.packed * maxRatio)
      fail(`entry ${name} declares ${sizes.size} bytes out of ${sizes.packed}, deflate can't`);
    entries.set(name, {
      name,
      packed,
      deflated,
      size: sizes.size,
      crc: view.getUint32(at + 16, true),
    });
    at = next;
  }
  checkTotals([...entries.values()], bytes.length);
  return entries;
}

/** Entries that overlap, or that unpack to far more than the file, are how a small archive takes all memory. */
function checkTotals(entries: readonly ZipEntry[], fileSize: number): void {
  const packed = entries.reduce((sum, e) => sum + e.packed.length, 0);
  if (packed > fileSize)
    fail(`the entries take ${packed} bytes but the file has ${fileSize}; they overlap`);
  const unpacked = entries.reduce((sum, e) => sum + e.size, 0);
  if (unpacked > maxGrowth * fileSize + growthSlack)
    fail(`the archive unpacks to ${unpacked} bytes out of ${fileSize}; refused as a zip bomb`);
}

function inflate(entry: ZipEntry): Uint8Array {
  const out = new Uint8Array(entry.size);
  let length = 0;
  const stream = new Inflate((chunk) => {
    if (length + chunk.length > out.length)
      fail(`entry ${entry.name} unpacks to more than the ${entry.size} bytes it declares`);
    out.set(chunk, length);
    length += chunk.length;
  });
  try {
    for (let at = 0; at < entry.packed.length; at += inflateStep) {
      const end = Math.min(at + inflateStep, entry.packed.length);
      stream.push(entry.packed.subarray(at, end), end === entry.packed.length);
    }
  } catch (error) {
    if (error instanceof LoupeError) throw error;
    fail(`entry ${entry.name} is not deflate data (${(error as Error).message})`);
  }
  if (length !== entry.size)
    fail(`entry ${entry.name} unpacks to ${length} bytes but declares ${entry.size}`);
  return out;
}

const crcTables = Array.from({ length: 4 }, () => new Uint32Array(256));
for (let i = 0; i < 256; i++) {
  let c = i;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  crcTables[0]![i] = c;
}
for (let t = 1; t < 4; t++) {
  for (let i = 0; i < 256; i++) {
    const c = crcTables[t - 1]![i]!;
    crcTables[t]![i] = (c >>> 8) ^ crcTables[0]![c & 255]!;
  }
}

/** CRC-32 (IEEE 802.3), four bytes a step. */
export function crc32(bytes: Uint8Array): number {
  const [t0, t1, t2, t3] = crcTables as [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
  const words = bytes.length & ~3;
  let c = 0xffffffff;
  for (let i = 0; i < words; i += 4) {
    c ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    c = t3[c & 255]! ^ t2[(c >>> 8) & 255]! ^ t1[(c >>> 16) & 255]! ^ t0[c >>> 24]!;
  }
  for (let i = words; i < bytes.length; i++) c = (c >>> 8) ^ t0[(c ^ bytes[i]!) & 255]!;
  return (c ^ 0xffffffff) >>> 0;
}

/**
 * The bytes of an entry: a view if it is stored, else unpacked. Refuses an entry over `limit` bytes before it allocates, and one
 * whose checksum differs (a checksum of 0 stands for "not computed": torch can be told to skip it).
 */
export function entryBytes(entry: ZipEntry, limit: number): Uint8Array {
  if (entry.size > limit)
    fail(`entry ${entry.name} has ${entry.size} bytes, at most ${limit} are allowed here`);
  const bytes = entry.deflated ? inflate(entry) : entry.packed;
  if (entry.crc !== 0 && crc32(bytes) !== entry.crc)
    fail(`entry ${entry.name} is damaged (its CRC-32 differs); get the file again`);
  return bytes;
}
