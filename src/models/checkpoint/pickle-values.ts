/** What the restricted unpickler can make: plain values, and the few objects of torch that describe a tensor. Nothing here runs. */
import { LoupeError } from "../../error.ts";
import type { HostDType } from "./tensor.ts";

/** Anything a pickle may hold here. Tuples and lists are arrays; every dict is a Map. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Value[]
  | Map<Value, Value>
  | StorageRef
  | TensorRef
  | Inert
  | Name;

/** A torch storage the pickle points at; its bytes lie elsewhere in the file. */
export class StorageRef {
  readonly key: string;
  readonly dtype: HostDType;
  /** Elements of the whole storage. */
  readonly numel: number;
  /** First element this reference sees (a view of a storage in files of torch 0.3 and before). */
  readonly base: number;
  /** Elements this reference sees. */
  readonly length: number;

  constructor(key: string, dtype: HostDType, numel: number, base = 0, length = numel) {
    this.key = key;
    this.dtype = dtype;
    this.numel = numel;
    this.base = base;
    this.length = length;
  }
}

/** A strided window on a storage, not read yet. Offset and strides count elements. */
export class TensorRef {
  readonly storage: StorageRef;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly stride: readonly number[];

  constructor(
    storage: StorageRef,
    offset: number,
    shape: readonly number[],
    stride: readonly number[],
  ) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.stride = stride;
  }
}

/** An object that is known to be harmless and of no use here (a numpy scalar, a set): its name is all that is kept. */
export class Inert {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** A global the pickle named and the whitelist knows. */
export class Name {
  readonly name: string;
  /** What calling it makes; undefined for a name that may only be mentioned. */
  readonly build: ((args: Value[]) => Value) | undefined;
  constructor(name: string, build?: (args: Value[]) => Value) {
    this.name = name;
    this.build = build;
  }
}

/** The one way to refuse: by name. */
export function refuse(
  name: string,
  why = "it is not on the list of what a checkpoint needs",
): never {
  const shown = name.length > 200 ? `${name.slice(0, 200)}…` : name;
  throw new LoupeError(
    "checkpoint",
    `pth: refuses to build ${shown} (${why}); save the weights alone with torch.save(model.state_dict(), path) or as safetensors`,
  );
}

/** What a value is, for messages: short, and never more than one level deep. */
export function describe(value: Value): string {
  if (value instanceof TensorRef)
    return `tensor ${value.storage.dtype} [${value.shape.join(", ")}]`;
  if (value instanceof Map) return `dict of ${value.size}`;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return `list of ${value.length}`;
  if (value instanceof StorageRef) return `storage of ${value.length}`;
  if (value instanceof Inert || value instanceof Name) return value.name;
  const text = typeof value === "string" ? JSON.stringify(value.slice(0, 80)) : String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
