/** One recording of a function over tensors, as data: its launches, what goes in and what comes out. Two of them can be compared. */
import { LoupeError } from "../error.ts";
import { bytesOf, type DType, sizeOf } from "../kernels/index.ts";
import { isGradEnabled } from "./autograd.ts";
import type { Device } from "./device.ts";
import { show } from "./launch.ts";
import type { Storage } from "./memory.ts";
import { type RecordedLaunch, Recording, type VirtualStorage } from "./recording.ts";
import { type Shape, Tensor } from "./tensor.ts";

/** A shape and a type: what tells one recording of a program from another. A tensor is one. */
export interface TensorType {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** What a program may return: a tensor, or arrays and objects of them. */
export type Outputs = Tensor | readonly Outputs[] | { readonly [name: string]: Outputs };

/** Where an output lies. */
export interface OutputPlace extends TensorType {
  readonly storage: Storage;
  readonly offset: number;
}

/** The outputs' structure with places instead of tensors. */
export type OutputTree = OutputPlace | readonly OutputTree[] | Map<string, OutputTree>;

export interface Trace {
  readonly recording: Recording;
  readonly inputs: readonly VirtualStorage[];
  readonly outputs: OutputTree;
}

/** Records `fn`. When it throws, nothing has happened. */
export function trace(
  device: Device,
  fn: (...inputs: Tensor[]) => Outputs,
  types: readonly TensorType[],
): Trace {
  const recording = new Recording();
  device.recording = recording;
  try {
    return device.scope(() => {
      const inputs = types.map(({ shape, dtype }) => {
        const storage = recording.allocate(sizeOf(shape) * bytesOf[dtype]);
        storage.first = -1; // it is filled before the first launch
        return new Tensor(device, storage, shape, dtype);
      });
      const storages = inputs.map((t) => t.storage as VirtualStorage);
      const outputs = placesOf(device.scope(() => fn(...inputs)));
      recording.checkKept();
      return { recording, inputs: storages, outputs };
    });
  } catch (error) {
    recording.abandon();
    discard(device, recording);
    throw error;
  } finally {
    device.recording = undefined;
  }
}

/** Frees the constants of a recording. */
export function discard(device: Device, recording: Recording): void {
  for (const { storage } of recording.constants) device.memory.release(storage);
}

function placesOf(value: Outputs): OutputTree {
  if (value instanceof Tensor) {
    const { storage, shape, dtype, offset } = value;
    return { storage, shape, dtype, offset };
  }
  if (Array.isArray(value)) return value.map(placesOf);
  if (value !== null && typeof value === "object") {
    return new Map(Object.entries(value).map(([name, v]) => [name, placesOf(v as Outputs)]));
  }
  const rule = "a program returns a tensor, or arrays and objects of tensors";
  throw new LoupeError("config", `program: got ${String(value)}; ${rule}`);
}

/** Every place in the tree. */
export function placesIn(tree: OutputTree): OutputPlace[] {
  if (tree instanceof Map) return [...tree.values()].flatMap(placesIn);
  return isPlace(tree) ? [tree] : tree.flatMap(placesIn);
}

/** The tree with a value for each place. */
export function mapPlaces(tree: OutputTree, make: (place: OutputPlace) => Tensor): Outputs {
  if (tree instanceof Map) {
    return Object.fromEntries([...tree].map(([name, inner]) => [name, mapPlaces(inner, make)]));
  }
  return isPlace(tree) ? make(tree) : tree.map((inner) => mapPlaces(inner, make));
}

function isPlace(tree: OutputTree): tree is OutputPlace {
  return "storage" in tree;
}

/** What differs between two recordings of the same step, in words; `undefined` when nothing does. */
export function difference({ recording: a }: Trace, { recording: b }: Trace): string | undefined {
  for (const [i, one] of a.launches.entries()) {
    const other = b.launches[i];
    const what = other ? changed(one, other) : "is left out";
    if (what) return `launch ${i}, ${one.spec.name}(${one.shapes.map(show).join(", ")}), ${what}`;
  }
  if (b.launches.length > a.launches.length) {
    return `${b.launches[a.launches.length]?.spec.name} is added`;
  }
  const same = a.constants.every(({ data }, i) => equal(data, b.constants[i]?.data));
  if (!same || a.constants.length !== b.constants.length) return "host data has other values";
  return a.hooks.length === b.hooks.length ? undefined : "the host does other work";
}

function changed(a: RecordedLaunch, b: RecordedLaunch): string | undefined {
  if (a.spec.code !== b.spec.code)
    return `becomes ${b.spec.name}(${b.shapes.map(show).join(", ")})`;
  if (!a.refresh && !equal(a.spec.params, b.spec.params)) return "has other numbers";
  if (a.spec.grid.join() !== b.spec.grid.join()) return "has another grid";
  const moved = a.buffers.some((storage, i) => {
    const other = b.buffers[i] as Storage;
    const range =
      a.ranges[i]?.offset === b.ranges[i]?.offset && a.ranges[i]?.size === b.ranges[i]?.size;
    const constant =
      storage.id !== other.id && [storage, other].every((s) => s.pooled && s.refs > 0);
    return !range || (storage.id !== other.id && !constant);
  });
  return moved ? "uses other tensors" : undefined;
}

function equal(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a?.length === b?.length && (a ?? []).every((byte, i) => byte === b?.[i]);
}

/** Throws unless the input may enter a program. */
export function checkInput(device: Device, input: Tensor): void {
  if (input.device !== device)
    throw new LoupeError("device", "program: an input is on another device");
  if (!isGradEnabled() || !(input.requiresGrad || input.node)) return;
  const rule = "gradients do not leave a program";
  throw new LoupeError(
    "config",
    `program: input ${input} wants a gradient, but ${rule}; detach() it`,
  );
}
