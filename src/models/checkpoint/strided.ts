/**
 * From torch's tensors (a strided window on a shared storage) to dense row-major ones. A contiguous window stays a view; anything else
 * is copied, within a budget: a stride of 0 lets 4 bytes claim to be a terabyte.
 */
import { LoupeError } from "../../error.ts";
import type { StorageRef, TensorRef } from "./pickle-values.ts";
import { type HostTensor, hostTensor, itemSize, numel, typedView } from "./tensor.ts";

type Data = HostTensor["data"];

/** The raw bytes of a storage, whole. */
export type StorageBytes = (storage: StorageRef) => Uint8Array;

function isContiguous(shape: readonly number[], stride: readonly number[]): boolean {
  let expected = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    if (shape[d] === 1) continue;
    if (stride[d] !== expected) return false;
    expected *= shape[d]!;
  }
  return true;
}

/** Copies a strided window into `out`, last axis innermost. */
function gather(from: Data, ref: TensorRef, start: number, out: Data): void {
  const { shape, stride } = ref;
  const last = shape.length - 1;
  const inner = shape[last]!;
  const step = stride[last]!;
  const index = new Array<number>(last).fill(0);
  let at = start;
  for (let to = 0; to < out.length; ) {
    for (let i = 0; i < inner; i++) out[to++] = from[at + i * step]!;
    for (let d = last - 1; d >= 0; d--) {
      at += stride[d]!;
      if (++index[d]! < shape[d]!) break;
      at -= stride[d]! * shape[d]!;
      index[d] = 0;
    }
  }
}

/** Reads tensors out of storages; each storage is fetched once and each tensor made once. */
export class TensorReader {
  readonly #fetch: StorageBytes;
  readonly #storages = new Map<string, Data>();
  readonly #made = new Map<TensorRef, HostTensor>();
  #budget: number;

  /** `budget`: bytes that copies of non-contiguous tensors may take in all. */
  constructor(fetch: StorageBytes, budget: number) {
    this.#fetch = fetch;
    this.#budget = budget;
  }

  #storage(ref: StorageRef): Data {
    const known = this.#storages.get(ref.key);
    if (known !== undefined) return known;
    const bytes = this.#fetch(ref);
    const needed = ref.numel * itemSize(ref.dtype);
    if (bytes.length !== needed) {
      throw new LoupeError(
        "checkpoint",
        `pth: storage ${ref.key} has ${bytes.length} bytes but ${ref.numel} of ${ref.dtype} need ${needed}`,
      );
    }
    const data = typedView(ref.dtype, bytes);
    this.#storages.set(ref.key, data);
    return data;
  }

  /** The tensor, dense. `name` is for messages. */
  read(ref: TensorRef, name: string): HostTensor {
    const made = this.#made.get(ref);
    if (made !== undefined) return made;
    const tensor = this.#read(ref, `pth: ${name}`);
    this.#made.set(ref, tensor);
    return tensor;
  }

  #read(ref: TensorRef, where: string): HostTensor {
    const { storage, shape, stride } = ref;
    const count = numel(shape, where);
    const data = this.#storage(storage);
    const span = shape.reduce((sum, size, d) => sum + (size - 1) * stride[d]!, 0);
    if (count > 0 && ref.offset + span >= storage.length) {
      throw new LoupeError(
        "checkpoint",
        `${where}: element ${ref.offset + span} wanted of a storage of ${storage.length} (shape [${shape.join(", ")}], stride [${stride.join(", ")}], offset ${ref.offset})`,
      );
    }
    const start = storage.base + ref.offset;
    if (count === 0) return hostTensor(storage.dtype, shape, data.subarray(0, 0), where);
    if (isContiguous(shape, stride))
      return hostTensor(storage.dtype, shape, data.subarray(start, start + count), where);
    const bytes = count * itemSize(storage.dtype);
    this.#budget -= bytes;
    if (this.#budget < 0) {
      throw new LoupeError(
        "checkpoint",
        `${where}: shape [${shape.join(", ")}] with stride [${stride.join(", ")}] takes ${bytes} bytes, too many for this file; save a contiguous copy (tensor.contiguous())`,
      );
    }
    const out = typedView(storage.dtype, new Uint8Array(bytes));
    gather(data, ref, start, out);
    return hostTensor(storage.dtype, shape, out, where);
  }
}
