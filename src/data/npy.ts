/**
 * NumPy's .npy files: one array with its shape and type. The header is a Python dictionary in text; it is read by a strict
 * parser for exactly the three keys NumPy writes, never evaluated, and the data must fill the file to the byte.
 */
import { LoupeError } from "../error.ts";

/** The element types that are read, by NumPy's name. `bool` comes as bytes 0 and 1. */
export type NpyType = "float32" | "float64" | "uint8" | "bool";

/** An array: row-major `data` of `shape`. */
export type NpyArray = {
  readonly dtype: NpyType;
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array | Uint8Array;
};

const types: Record<string, { dtype: NpyType; bytes: number }> = {
  "<f4": { dtype: "float32", bytes: 4 },
  "<f8": { dtype: "float64", bytes: 8 },
  "|u1": { dtype: "uint8", bytes: 1 },
  "|b1": { dtype: "bool", bytes: 1 },
};
const descriptions: Record<NpyType, string> = {
  float32: "<f4",
  float64: "<f8",
  uint8: "|u1",
  bool: "|b1",
};
/** NumPy itself reads no longer header by default. */
const longestHeader = 10_000;

/**
 * Reads a .npy file (format 1, 2 or 3, little-endian, C order). Throws `LoupeError("data")` naming the file for anything
 * else, and when the data is shorter or longer than the shape says.
 */
export function readNpy(bytes: Uint8Array, file = "npy"): NpyArray {
  const refuse = (rule: string): never => {
    throw new LoupeError("data", `npy: ${file}: ${rule}`);
  };
  const { header, start } = headerOf(bytes, refuse);
  const { descr, fortran, shape } =
    parseHeader(header) ?? refuse(`the header can't be read: ${header}`);
  const type = types[descr];
  if (!type) {
    const known = "float32, float64, uint8 and bool (little-endian) are read";
    return refuse(`element type ${descr}; ${known}, convert it with .astype(numpy.float32)`);
  }
  if (fortran && shape.length > 1) {
    return refuse("Fortran order; save numpy.ascontiguousarray(array) instead");
  }
  const count = shape.reduce((a, b) => a * b, 1);
  const found = bytes.length - start;
  if (count * type.bytes !== found) {
    const need = `${count * type.bytes} bytes`;
    return refuse(`shape [${shape}] of ${type.dtype} needs ${need} of data, the file has ${found}`);
  }
  // A copy, because the data need not begin at a multiple of its element size.
  const copy = new Uint8Array(bytes.subarray(start)).buffer;
  return { dtype: type.dtype, shape, data: elements(type.dtype, copy) };
}

function elements(dtype: NpyType, buffer: ArrayBuffer): NpyArray["data"] {
  if (dtype === "float32") return new Float32Array(buffer);
  if (dtype === "float64") return new Float64Array(buffer);
  const data = new Uint8Array(buffer);
  return dtype === "bool" ? data.map((v) => (v === 0 ? 0 : 1)) : data;
}

type Refuse = (rule: string) => never;

function headerOf(bytes: Uint8Array, refuse: Refuse): { header: string; start: number } {
  const magic = String.fromCharCode(...bytes.subarray(0, 6));
  if (magic !== "\x93NUMPY" || bytes.length < 12) return refuse("it is not a .npy file");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = bytes[6]!;
  if (version < 1 || version > 3) return refuse(`format version ${version} is not known`);
  const begin = version === 1 ? 10 : 12;
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > longestHeader || begin + length > bytes.length) {
    return refuse(`its header of ${length} bytes does not fit into the file`);
  }
  const header = new TextDecoder().decode(bytes.subarray(begin, begin + length)).trim();
  return { header, start: begin + length };
}

type Header = { descr: string; fortran: boolean; shape: number[] };

/** `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`, the keys in any order, or nothing. */
function parseHeader(text: string): Header | undefined {
  const body = /^\{(.*)\}$/s.exec(text)?.[1];
  if (body === undefined) return undefined;
  const entry =
    /\s*'(descr|fortran_order|shape)'\s*:\s*('[^'\\]*'|True|False|\([\d\s,]*\))\s*(?:,|$)\s*/y;
  const found = new Map<string, string>();
  while (entry.lastIndex < body.length) {
    const match = entry.exec(body);
    if (!match || found.has(match[1]!)) return undefined;
    found.set(match[1]!, match[2]!);
  }
  const descr = found.get("descr");
  const order = found.get("fortran_order");
  const shape = parseShape(found.get("shape") ?? "");
  if (!descr?.startsWith("'") || !shape || !(order === "True" || order === "False"))
    return undefined;
  return { descr: descr.slice(1, -1), fortran: order === "True", shape };
}

/** `()`, `(5,)` or `(2, 3)`, of sizes whose product is a safe integer. */
function parseShape(text: string): number[] | undefined {
  const inner = /^\(\s*((?:\d+\s*,\s*)*(?:\d+\s*,?)?)\s*\)$/.exec(text)?.[1];
  if (inner === undefined) return undefined;
  const sizes = inner.split(",").map((part) => part.trim());
  const shape = sizes.filter((part) => part !== "").map(Number);
  if (shape.length === 1 && !inner.includes(",")) return undefined;
  const count = shape.reduce((a, b) => a * b, 1);
  return Number.isSafeInteger(count * 8) ? shape : undefined;
}

/**
 * The bytes of a .npy file (format 1, C order) with this array. `dtype` follows from the data unless it is `bool`.
 * Throws `LoupeError("shape")` when the shape does not hold the data.
 */
export function writeNpy(
  data: NpyArray["data"],
  shape: readonly number[],
  dtype?: "bool",
): Uint8Array {
  const count = shape.reduce((a, b) => a * b, 1);
  if (count !== data.length || !shape.every((n) => Number.isSafeInteger(n) && n >= 0)) {
    throw new LoupeError("shape", `npy: shape [${shape}] does not hold ${data.length} values`);
  }
  const type = dtype ?? typeOf(data);
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '${descriptions[type]}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const out = new Uint8Array(10 + length + data.byteLength);
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, length & 255, length >> 8]);
  out.set(new TextEncoder().encode(`${text.padEnd(length - 1)}\n`), 10);
  out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 10 + length);
  return out;
}

function typeOf(data: NpyArray["data"]): NpyType {
  if (data instanceof Float32Array) return "float32";
  return data instanceof Float64Array ? "float64" : "uint8";
}
