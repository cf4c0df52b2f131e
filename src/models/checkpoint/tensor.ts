/**
 * A tensor as a checkpoint file holds it: plain host memory with the file's own dtype and shape. Every reader here returns these,
 * every writer takes them, and `toFloat32` is the one way from them to the engine's f32.
 */
import { LoupeError } from "../../error.ts";

interface HostArrays {
  f64: Float64Array;
  f32: Float32Array;
  /** Raw IEEE half bits. */
  f16: Uint16Array;
  /** Raw bfloat16 bits. */
  bf16: Uint16Array;
  i64: BigInt64Array;
  i32: Int32Array;
  i16: Int16Array;
  i8: Int8Array;
  u64: BigUint64Array;
  u32: Uint32Array;
  u16: Uint16Array;
  u8: Uint8Array;
  /** One byte each, 0 or 1. */
  bool: Uint8Array;
}

/** Element types a checkpoint may hold. */
export type HostDType = keyof HostArrays;

/** A tensor in host memory, row-major, in the file's own dimension order (PyTorch: convolutions are OIHW). */
export type HostTensor = {
  [D in HostDType]: {
    readonly dtype: D;
    readonly shape: readonly number[];
    readonly data: HostArrays[D];
  };
}[HostDType];

/** Parameter and buffer names, as PyTorch spells them, to tensors. */
export type StateDict = Map<string, HostTensor>;

type Constructor = {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): HostTensor["data"];
};

const constructors: Record<HostDType, Constructor> = {
  f64: Float64Array,
  f32: Float32Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  i64: BigInt64Array,
  i32: Int32Array,
  i16: Int16Array,
  i8: Int8Array,
  u64: BigUint64Array,
  u32: Uint32Array,
  u16: Uint16Array,
  u8: Uint8Array,
  bool: Uint8Array,
};

/** Bytes of one element. */
export function itemSize(dtype: HostDType): number {
  return constructors[dtype].BYTES_PER_ELEMENT;
}

/** Number of elements of a shape (1 for a scalar `[]`). Throws where the product leaves the safe integers. */
export function numel(shape: readonly number[], where = "tensor"): number {
  let n = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new LoupeError(
        "checkpoint",
        `${where}: sizes must be non-negative integers ([${shape.join(", ")}])`,
      );
    }
    n *= size;
    if (!Number.isSafeInteger(n)) {
      throw new LoupeError(
        "checkpoint",
        `${where}: shape [${shape.join(", ")}] overflows the number of elements`,
      );
    }
  }
  return n;
}

/**
 * Little-endian bytes as a typed array: a view where the alignment allows, else a copy. Files are little-endian and so is every
 * machine that has WebGPU.
 */
export function typedView(dtype: HostDType, bytes: Uint8Array): HostTensor["data"] {
  const make = constructors[dtype];
  const size = make.BYTES_PER_ELEMENT;
  // Not slice(): Node's Buffer overrides it to return a view.
  const from = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return new make(from.buffer, from.byteOffset, bytes.byteLength / size);
}

/** Puts a dtype, a shape and data together; throws if their lengths don't agree. */
export function hostTensor(
  dtype: HostDType,
  shape: readonly number[],
  data: HostTensor["data"],
  where = "tensor",
): HostTensor {
  const n = numel(shape, where);
  if (data.length !== n || !(data instanceof constructors[dtype])) {
    throw new LoupeError(
      "checkpoint",
      `${where}: shape [${shape.join(", ")}] of ${dtype} needs ${n} elements but the data is ${data.constructor.name} of ${data.length}`,
    );
  }
  return { dtype, shape, data } as HostTensor;
}

/** IEEE half bits to f32, exact (a NaN keeps its payload). Source: IEEE 754-2019, 3.4. */
function halfToFloat(bits: Uint16Array): Float32Array {
  const out = new Float32Array(bits.length);
  const raw = new Uint32Array(out.buffer);
  for (let i = 0; i < bits.length; i++) {
    const h = bits[i]!;
    const sign = (h & 0x8000) << 16;
    const exponent = (h >> 10) & 31;
    const mantissa = h & 1023;
    if (exponent === 0) out[i] = (sign ? -mantissa : mantissa) * 2 ** -24;
    else if (exponent === 31) raw[i] = sign | 0x7f800000 | (mantissa << 13);
    else raw[i] = sign | ((exponent + 112) << 23) | (mantissa << 13);
  }
  return out;
}

function bfloatToFloat(bits: Uint16Array): Float32Array {
  const out = new Float32Array(bits.length);
  const raw = new Uint32Array(out.buffer);
  for (let i = 0; i < bits.length; i++) raw[i] = bits[i]! << 16;
  return out;
}

/**
 * The values as f32. f16 and bf16 widen exactly; f64 and integers round to nearest even, as `tensor.float()` does (an f64 beyond
 * the range becomes infinite); bool becomes 0 or 1. An f32 tensor's own array is returned, not a copy.
 */
export function toFloat32(tensor: HostTensor): Float32Array {
  switch (tensor.dtype) {
    case "f32":
      return tensor.data;
    case "f16":
      return halfToFloat(tensor.data);
    case "bf16":
      return bfloatToFloat(tensor.data);
    case "i64":
    case "u64":
      return Float32Array.from(tensor.data as BigInt64Array, roundToFloat);
    case "bool":
      return Float32Array.from(tensor.data, (v) => (v === 0 ? 0 : 1));
    default:
      return Float32Array.from(tensor.data);
  }
}

/** Rounds a 64-bit integer once; going through a double would round twice. */
function roundToFloat(value: bigint): number {
  const magnitude = value < 0n ? -value : value;
  let shift = 0n;
  while (magnitude >> shift >= 1n << 50n) shift++;
  // The bits cut off only break ties, so one sticky bit stands for all of them.
  const cut = magnitude >> shift;
  const sticky = cut << shift === magnitude ? 0n : 1n;
  const rounded = Math.fround(Number(cut | sticky)) * 2 ** Number(shift);
  return value < 0n ? -rounded : rounded;
}
