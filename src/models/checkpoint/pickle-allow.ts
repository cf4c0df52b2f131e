/**
 * The whitelist: every global a checkpoint's pickle may name, and what calling it makes. A name that is not here stops the reading.
 * Objects that training leaves beside the weights (numpy scalars, sets, counters) become `Inert`: they are neither built nor run.
 * Source: torch/_utils.py (`_rebuild_*`), torch/_weights_only_unpickler.py for which names occur.
 */
import { LoupeError } from "../../error.ts";
import { Inert, Name, refuse, StorageRef, TensorRef, type Value } from "./pickle-values.ts";
import type { HostDType } from "./tensor.ts";

const storages: Readonly<Record<string, HostDType>> = {
  DoubleStorage: "f64",
  FloatStorage: "f32",
  HalfStorage: "f16",
  BFloat16Storage: "bf16",
  LongStorage: "i64",
  IntStorage: "i32",
  ShortStorage: "i16",
  CharStorage: "i8",
  ByteStorage: "u8",
  BoolStorage: "bool",
};

/** Names that may be called with anything and give an object nobody looks into. */
const inert = [
  "numpy.core.multiarray.scalar",
  "numpy._core.multiarray.scalar",
  "numpy.core.multiarray._reconstruct",
  "numpy._core.multiarray._reconstruct",
  "numpy.dtype",
  "_codecs.encode",
  "collections.Counter",
  "torch.device",
  ...["builtins", "__builtin__"].flatMap((m) =>
    ["set", "frozenset", "bytearray", "bytes", "complex"].map((n) => `${m}.${n}`),
  ),
];

/** Names that may stand in a pickle but not be called. */
const mentioned = [
  "numpy.ndarray",
  "torch.Tensor",
  "torch.nn.parameter.Parameter",
  ...["builtins", "__builtin__"].flatMap((m) =>
    ["int", "float", "bool", "str", "list", "dict", "tuple"].map((n) => `${m}.${n}`),
  ),
  ...["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8"].map(
    (n) => `torch.${n}`,
  ),
  "torch.bool",
  "torch.complex64",
  "torch.complex128",
];

const isSize = (v: Value | undefined): v is number => Number.isSafeInteger(v) && (v as number) >= 0;

function sizes(value: Value | undefined, what: string): number[] {
  if (!Array.isArray(value) || value.length > 64 || !value.every(isSize)) {
    throw new LoupeError(
      "checkpoint",
      `pth: a tensor's ${what} is not a list of up to 64 non-negative integers`,
    );
  }
  return value;
}

/** `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks, metadata?)`. */
function rebuildTensor(args: Value[]): Value {
  const [storage, offset, size, stride, , , metadata] = args;
  if (!(storage instanceof StorageRef) || !isSize(offset)) {
    throw new LoupeError("checkpoint", "pth: a tensor is built without a storage and an offset");
  }
  // Metadata marks lazily negated or conjugated tensors: their bytes are not their values.
  if (metadata instanceof Map && metadata.size > 0)
    refuse("a tensor with metadata", "its bytes are not its values");
  const shape = sizes(size, "size");
  const strides = sizes(stride, "stride");
  if (shape.length !== strides.length) {
    throw new LoupeError(
      "checkpoint",
      `pth: a tensor has ${shape.length} sizes but ${strides.length} strides`,
    );
  }
  return new TensorRef(storage, offset, shape, strides);
}

/** `_rebuild_parameter(data, requires_grad, hooks)`: a parameter is its tensor. */
function rebuildParameter(args: Value[]): Value {
  const [data] = args;
  if (!(data instanceof TensorRef))
    throw new LoupeError("checkpoint", "pth: a parameter is built without a tensor");
  return data;
}

/** `_rebuild_from_type_v2(func, type, args, state)`: a tensor with attributes, or of a subclass; only plain tensors and parameters pass. */
function rebuildFromType(args: Value[]): Value {
  const [func, type, inner] = args;
  const plain =
    type instanceof Name && /^torch\.(Tensor|nn\.parameter\.Parameter)$/.test(type.name);
  if (!plain || !(func instanceof Name) || !Array.isArray(inner))
    refuse("torch._tensor._rebuild_from_type_v2", "its type is not a plain tensor");
  if (func.build !== rebuildTensor && func.build !== rebuildParameter)
    refuse(func.name, "a tensor is not built by it");
  return func.build(inner);
}

/** `OrderedDict()`, or from Python 2 `OrderedDict([[key, value], …])`. */
function orderedDict(args: Value[]): Value {
  const pairs = args[0] ?? [];
  if (!Array.isArray(pairs) || args.length > 1)
    refuse("collections.OrderedDict", "its argument is not a list of pairs");
  const dict = new Map<Value, Value>();
  for (const pair of pairs) {
    if (!Array.isArray(pair) || pair.length !== 2)
      refuse("collections.OrderedDict", "its argument is not a list of pairs");
    dict.set(pair[0]!, pair[1]!);
  }
  return dict;
}

const names = new Map<string, Name>();
const allow = (name: string, build?: (args: Value[]) => Value) =>
  names.set(name, new Name(name, build));

allow("collections.OrderedDict", orderedDict);
allow("collections.defaultdict", () => new Map());
allow("torch._utils._rebuild_tensor", rebuildTensor);
allow("torch._utils._rebuild_tensor_v2", rebuildTensor);
allow("torch._utils._rebuild_parameter", rebuildParameter);
allow("torch._utils._rebuild_parameter_with_state", rebuildParameter);
allow("torch._tensor._rebuild_from_type_v2", rebuildFromType);
allow("torch.Size", (args) => sizes(args[0] ?? [], "torch.Size"));
for (const name of inert) allow(name, () => new Inert(name));
for (const name of mentioned) allow(name);

const storageTypes = new Map<Name, HostDType>();
for (const [name, dtype] of Object.entries(storages)) {
  for (const module of ["torch", "torch.cuda"]) {
    allow(`${module}.${name}`);
    storageTypes.set(names.get(`${module}.${name}`)!, dtype);
  }
}

/** The whitelisted global of that name; any other is refused by its name. */
export function allowedName(module: string, name: string): Name {
  return names.get(`${module}.${name}`) ?? refuse(`${module}.${name}`);
}

/** A storage's element type, from the class its persistent id names. */
export function storageType(value: Value | undefined): HostDType | undefined {
  return value instanceof Name ? storageTypes.get(value) : undefined;
}
