/**
 * safetensors, read and written: 8 bytes of header length, a JSON header `{ name: { dtype, shape, data_offsets } }`, then the bytes of
 * all tensors without holes. Written here because no kept JavaScript writer exists and the format is small. Source of the rules:
 * huggingface/safetensors, `tensor.rs` (`read_metadata`, `validate`, `prepare`).
 */
import { LoupeError } from "../../error.ts";
import { parseHeader } from "./safetensors-header.ts";
import {
  type HostDType,
  type HostTensor,
  hostTensor,
  itemSize,
  numel,
  type StateDict,
  typedView,
} from "./tensor.ts";

/** The official limit on the header. */
const maxHeader = 100_000_000;

/** Our dtypes to the file's, in the order in which the official writer lays them out, last first. */
const dtypeNames: readonly (readonly [HostDType, string])[] = [
  ["bool", "BOOL"],
  ["u8", "U8"],
  ["i8", "I8"],
  ["i16", "I16"],
  ["u16", "U16"],
  ["f16", "F16"],
  ["bf16", "BF16"],
  ["i32", "I32"],
  ["u32", "U32"],
  ["f32", "F32"],
  ["f64", "F64"],
  ["i64", "I64"],
  ["u64", "U64"],
];
const fromName = new Map(dtypeNames.map(([dtype, name]) => [name, dtype]));
const rankOf = new Map(dtypeNames.map(([dtype], rank) => [dtype, rank]));

/** What a safetensors file holds. */
export interface SafetensorsFile {
  /** In the order of the data. Views into the file's bytes wherever the alignment allows. */
  readonly tensors: StateDict;
  readonly metadata: ReadonlyMap<string, string>;
}

function fail(message: string): never {
  throw new LoupeError("checkpoint", `safetensors: ${message}`);
}

function headerText(bytes: Uint8Array): { text: string; dataStart: number } {
  if (bytes.length < 8) fail(`the file has ${bytes.length} bytes, the header length alone takes 8`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getBigUint64(0, true);
  if (length > BigInt(bytes.length - 8)) {
    fail(
      `the header should have ${length} bytes but ${bytes.length - 8} follow; the file is cut off or not safetensors`,
    );
  }
  if (length > BigInt(maxHeader))
    fail(`the header has ${length} bytes, at most ${maxHeader} are allowed`);
  const dataStart = 8 + Number(length);
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return { text: decoder.decode(bytes.subarray(8, dataStart)), dataStart };
  } catch {
    return fail("the header is not UTF-8");
  }
}

/** Reads a safetensors file from its bytes. Throws on anything the official reader refuses, and on duplicate keys. */
export function readSafetensors(bytes: Uint8Array): SafetensorsFile {
  const { text, dataStart } = headerText(bytes);
  const { tensors: infos, metadata } = parseHeader(text);
  const data = bytes.subarray(dataStart);
  const tensors: StateDict = new Map();
  let at = 0;
  for (const { name, dtype: dtypeName, shape, begin, end } of infos) {
    const where = `safetensors: tensor ${JSON.stringify(name)}`;
    const dtype = fromName.get(dtypeName);
    if (dtype === undefined) fail(`tensor ${JSON.stringify(name)} has unknown dtype ${dtypeName}`);
    if (end > data.length || begin > end) {
      fail(
        `tensor ${JSON.stringify(name)} lies at bytes ${begin} to ${end} of ${data.length} bytes of data; the file is cut short or damaged, copy or fetch it again`,
      );
    }
    if (begin !== at) {
      const what = begin > at ? "leaves a hole" : "overlaps the tensor before it";
      fail(`tensor ${JSON.stringify(name)} ${what} (begins at ${begin}, expected ${at})`);
    }
    const needed = numel(shape, where) * itemSize(dtype);
    if (needed !== end - begin) {
      fail(
        `tensor ${JSON.stringify(name)} has ${end - begin} bytes but ${dtypeName} [${shape.join(", ")}] needs ${needed}`,
      );
    }
    const array = typedView(dtype, data.subarray(begin, end));
    tensors.set(name, hostTensor(dtype, shape, array, where));
    at = end;
  }
  if (at !== data.length) fail(`the tensors end at byte ${at} but the data has ${data.length}`);
  return { tensors, metadata };
}

const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

function headerOf(
  entries: readonly [string, HostTensor][],
  metadata: ReadonlyMap<string, string>,
): Uint8Array {
  const parts: string[] = [];
  if (metadata.size > 0) {
    const pairs = [...metadata].sort(([a], [b]) => order(a, b));
    parts.push(
      `"__metadata__":{${pairs.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`).join(",")}}`,
    );
  }
  let at = 0;
  for (const [name, t] of entries) {
    const end = at + t.data.byteLength;
    const dtype = dtypeNames[rankOf.get(t.dtype)!]![1];
    parts.push(
      `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape: t.shape, data_offsets: [at, end] })}`,
    );
    at = end;
  }
  const json = `{${parts.join(",")}}`;
  const encoded = new TextEncoder().encode(json);
  const padded = new Uint8Array(Math.ceil(encoded.length / 8) * 8).fill(0x20);
  padded.set(encoded);
  return padded;
}

/**
 * Writes a state dict as a safetensors file. The same tensors give the same bytes, whatever their order in the map, and the bytes are
 * those of the official writer: widest dtype first, then by name, the header padded with spaces to 8 bytes.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array {
  const entries = [...tensors].sort(
    ([a, x], [b, y]) => rankOf.get(y.dtype)! - rankOf.get(x.dtype)! || order(a, b),
  );
  for (const [name, t] of entries) {
    if (name === "__metadata__")
      fail("a tensor can't be named __metadata__, the format reserves it");
    hostTensor(t.dtype, t.shape, t.data, `safetensors: tensor ${JSON.stringify(name)}`);
  }
  const header = headerOf(entries, metadata);
  if (header.length > maxHeader)
    fail(`the header would have ${header.length} bytes, at most ${maxHeader} are allowed`);
  const total = entries.reduce((sum, [, t]) => sum + t.data.byteLength, 8 + header.length);
  const out = new Uint8Array(total);
  new DataView(out.buffer).setBigUint64(0, BigInt(header.length), true);
  out.set(header, 8);
  let at = 8 + header.length;
  for (const [, t] of entries) {
    out.set(new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength), at);
    at += t.data.byteLength;
  }
  return out;
}
