/** Builds `.pth` files by hand, byte for byte, for what PyTorch itself would never write. */
import { strToU8, zipSync } from "fflate";

type Part = string | Uint8Array;

/** Latin-1 text and bytes, one after the other. */
export function bytesOf(...parts: readonly Part[]): Uint8Array {
  const chunks = parts.map((p) => (typeof p === "string" ? strToU8(p, true) : p));
  const out = new Uint8Array(chunks.reduce((n, c) => n + c.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}

/** Little-endian integer. */
export function le(value: number, size: number): Uint8Array {
  const out = new Uint8Array(size);
  let rest = BigInt(value);
  for (let i = 0; i < size; i++) {
    out[i] = Number(rest & 255n);
    rest >>= 8n;
  }
  return out;
}

/** A pickled text of up to 255 bytes. */
export const text = (value: string) => bytesOf("X", le(strToU8(value).length, 4), strToU8(value));
/** A pickled integer. */
export const int = (value: number) => bytesOf("\x8a\x08", le(value, 8));
/** A pickled tuple. */
export const tuple = (...items: readonly Part[]) => bytesOf("(", ...items, "t");
/** `{ key: value, … }`. */
export const dict = (...items: readonly Part[]) => bytesOf("}(", ...items, "u");

/** A storage's persistent id and its load. */
export function storage(type: string, key: string, numel: number, ...more: Part[]): Uint8Array {
  return bytesOf(
    tuple(text("storage"), `c${type}\n`, text(key), text("cpu"), int(numel), ...more),
    "Q",
  );
}

/** A tensor on a float storage, as torch pickles it. */
export function tensor(
  from: Uint8Array,
  offset: number,
  shape: readonly number[],
  stride: readonly number[],
  ...more: Part[]
): Uint8Array {
  return bytesOf(
    "ctorch._utils\n_rebuild_tensor_v2\n",
    tuple(
      from,
      int(offset),
      tuple(...shape.map(int)),
      tuple(...stride.map(int)),
      "\x89",
      "ccollections\nOrderedDict\n)R",
      ...more,
    ),
    "R",
  );
}

/** A pickle of protocol 2. */
export const pickle = (...parts: readonly Part[]) => bytesOf("\x80\x02", ...parts, ".");

/** A zip `.pth` around a pickle. */
export function zipPth(
  data: Uint8Array,
  storages: Readonly<Record<string, Uint8Array>> = {},
  more: Readonly<Record<string, Uint8Array>> = {},
): Uint8Array {
  const files: Record<string, Uint8Array> = { "archive/data.pkl": data };
  for (const [key, bytes] of Object.entries(storages)) files[`archive/data/${key}`] = bytes;
  return zipSync({ ...files, ...more }, { level: 0, mtime: new Date(2020, 0, 1) });
}

/** A file of the older stream around a pickle. */
export function legacyPth(
  data: Uint8Array,
  keys: Uint8Array,
  ...storages: readonly Uint8Array[]
): Uint8Array {
  return bytesOf(
    "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.",
    "\x80\x02M\xe9\x03.",
    pickle(dict(text("little_endian"), "\x88")),
    data,
    keys,
    ...storages,
  );
}

/** f32 values as bytes. */
export const floats = (...values: number[]) => new Uint8Array(new Float32Array(values).buffer);
