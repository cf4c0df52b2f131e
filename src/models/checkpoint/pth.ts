/**
 * PyTorch's `.pth`/`.pt` files, both containers: the zip of torch ≥ 1.6 (`data.pkl` and one entry per storage) and the older stream
 * (magic number, protocol, system info, the object, storage keys, then the raw storages). Tensors are only located here; `strided.ts`
 * reads the ones that are wanted, so an optimizer's state costs nothing. Source: torch/serialization.py (`_legacy_load`, `_load`).
 */
import { LoupeError } from "../../error.ts";
import { unpickle } from "./pickle.ts";
import { storageType } from "./pickle-allow.ts";
import { ByteCursor } from "./pickle-bytes.ts";
import { describe, refuse, StorageRef, type Value } from "./pickle-values.ts";
import { TensorReader } from "./strided.ts";
import { itemSize } from "./tensor.ts";
import { entryBytes, readZip, type ZipEntry } from "./zip.ts";

const legacyMagic = 0x1950a86a20f9469cfc6cn;
const legacyProtocol = 1001;
/** A checkpoint's pickle holds names and shapes only. */
const maxPickle = 1 << 28;
const copySlack = 1 << 26;

/** A `.pth` file, its object tree built and its tensors located but not read. */
export interface PthFile {
  readonly format: "pth" | "pth-legacy";
  readonly root: Value;
  readonly tensors: TensorReader;
}

function fail(message: string): never {
  throw new LoupeError("checkpoint", `pth: ${message}`);
}

const isCount = (v: Value | undefined): v is number =>
  Number.isSafeInteger(v) && (v as number) >= 0;

/** Turns persistent ids into storages and sees to it that all mentions of one storage agree. */
class Storages {
  readonly byKey = new Map<string, StorageRef>();

  load = (id: Value): Value => {
    if (!Array.isArray(id)) return fail("a persistent id is not a tuple");
    const [kind, type, key, , numel, view] = id;
    const dtype = storageType(type);
    if (kind !== "storage" || dtype === undefined) {
      refuse(describe(type ?? null), "a storage of this type is not known");
    }
    // Python 2 and torch 0.x wrote keys as integers too.
    const name = typeof key === "number" ? String(key) : key;
    if (typeof name !== "string" || !isCount(numel)) return fail("a storage has no key and size");
    const known = this.byKey.get(name);
    if (known !== undefined && (known.dtype !== dtype || known.numel !== numel)) {
      return fail(
        `storage ${name} is ${known.numel} of ${known.dtype} and also ${numel} of ${dtype}`,
      );
    }
    const whole = known ?? new StorageRef(name, dtype, numel);
    this.byKey.set(name, whole);
    return view === undefined || view === null ? whole : viewOf(whole, view);
  };
}

/** A view of a storage, `(key, offset, size)`, as torch 0.3 and before wrote it. */
function viewOf(whole: StorageRef, view: Value): StorageRef {
  const [, offset, size] = Array.isArray(view) ? view : [];
  if (!isCount(offset) || !isCount(size) || offset + size > whole.numel)
    return fail(`a view of storage ${whole.key} does not lie within its ${whole.numel} elements`);
  return new StorageRef(whole.key, whole.dtype, whole.numel, offset, size);
}

function dataEntry(entries: ReadonlyMap<string, ZipEntry>): { entry: ZipEntry; folder: string } {
  const found = [...entries.values()].filter((e) => /^(?:[^/]*\/)?data\.pkl$/.test(e.name));
  const [entry] = found;
  if (entry === undefined || found.length > 1) {
    const some = [...entries.keys()].slice(0, 4).join(", ");
    return fail(`the zip has ${found.length} data.pkl, a checkpoint has one (entries: ${some})`);
  }
  const folder = entry.name.slice(0, -"data.pkl".length);
  if (entries.has(`${folder}constants.pkl`)) {
    fail(
      "this is a TorchScript program (torch.jit.save), not weights; save its state_dict instead: torch.save(torch.jit.load(path).state_dict(), other)",
    );
  }
  return { entry, folder };
}

/** Reads a zip `.pth`. */
export function readZipPth(bytes: Uint8Array): PthFile {
  const entries = readZip(bytes);
  const { entry, folder } = dataEntry(entries);
  const order = entries.get(`${folder}byteorder`);
  const byteOrder = order && new TextDecoder().decode(entryBytes(order, 64));
  if (byteOrder !== undefined && byteOrder !== "little")
    fail(`the file is ${byteOrder.slice(0, 16)}-endian, only little-endian files are read`);
  const storages = new Storages();
  const { value } = unpickle(entryBytes(entry, maxPickle), storages.load);
  const fetch = (storage: StorageRef) => {
    const data = entries.get(`${folder}data/${storage.key}`);
    if (data === undefined) return fail(`storage ${storage.key} is missing from the file`);
    return entryBytes(data, storage.numel * itemSize(storage.dtype));
  };
  const tensors = new TensorReader(fetch, 4 * bytes.length + copySlack);
  return { format: "pth", root: value, tensors };
}

/** The storages behind a legacy file's pickles: a count of elements (int64), then the bytes, in the order of `keys`. */
function legacyStorages(
  bytes: Uint8Array,
  at: number,
  keys: Value,
  refs: ReadonlyMap<string, StorageRef>,
): Map<string, Uint8Array> {
  if (!Array.isArray(keys)) return fail("the list of storages is not a list");
  const cursor = new ByteCursor(bytes, at);
  const found = new Map<string, Uint8Array>();
  for (const key of keys) {
    const name = typeof key === "number" ? String(key) : key;
    const ref = typeof name === "string" ? refs.get(name) : undefined;
    if (ref === undefined) return fail(`storage ${describe(key)} is listed but never used`);
    if (found.has(ref.key)) return fail(`storage ${ref.key} is listed twice`);
    const count = cursor.u64();
    if (count !== ref.numel)
      return fail(`storage ${ref.key} has ${count} elements in the file but ${ref.numel} by name`);
    found.set(ref.key, cursor.raw(count * itemSize(ref.dtype)));
  }
  return found;
}

/** Reads a `.pth` of torch before 1.6 (or written with `_use_new_zipfile_serialization=False`). */
export function readLegacyPth(bytes: Uint8Array): PthFile {
  const none = () => fail("a storage stands where none belongs");
  const magic = unpickle(bytes, none);
  if (magic.value !== legacyMagic) fail(`the magic number is ${describe(magic.value)}`);
  const protocol = unpickle(bytes, none, magic.end);
  if (protocol.value !== legacyProtocol)
    fail(`format ${describe(protocol.value)}, only ${legacyProtocol} is known`);
  const system = unpickle(bytes, none, protocol.end);
  if (!(system.value instanceof Map) || system.value.get("little_endian") !== true)
    fail("the file is not little-endian, only little-endian files are read");
  const storages = new Storages();
  const object = unpickle(bytes, storages.load, system.end);
  const keys = unpickle(bytes, none, object.end);
  const data = legacyStorages(bytes, keys.end, keys.value, storages.byKey);
  const fetch = (storage: StorageRef) =>
    data.get(storage.key) ?? fail(`storage ${storage.key} is missing from the file`);
  const tensors = new TensorReader(fetch, 4 * bytes.length + copySlack);
  return { format: "pth-legacy", root: object.value, tensors };
}
