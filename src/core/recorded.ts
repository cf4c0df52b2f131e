/** A recording with its memory, parameters and bind groups: ready to be sent to the GPU again and again. */
import { LoupeError } from "../error.ts";
import type { Device } from "./device.ts";
import { formatBytes, type Storage } from "./memory.ts";
import { type Copy, type Launch, type Prepared, slotBytes } from "./queue.ts";
import { VirtualStorage } from "./recording.ts";
import { Tensor } from "./tensor.ts";
import { discard, mapPlaces, type Outputs, placesIn, type Trace } from "./trace.ts";
import { type Lifetime, liveAt, peakOf, place } from "./workspace.ts";

/** What the memory of a program goes to, in bytes. */
export interface MemoryPlan {
  /** Tensors that existed before: parameters, state. */
  readonly held: number;
  readonly inputs: number;
  readonly outputs: number;
  /** What the forward pass keeps for the gradients; 0 without a `backward`. */
  readonly activations: number;
  /** What else is needed when most memory is: gradients, temporaries. */
  readonly workspace: number;
  /** Most bytes needed at once, without `held`: no plan can do with less. */
  readonly peak: number;
  /** Bytes that the plan takes, without `held`. */
  readonly planned: number;
  readonly launches: number;
  /** Different kernels, each compiled once. */
  readonly kernels: number;
}

interface Item extends Lifetime {
  readonly storage: VirtualStorage;
}

/** Everything of a recording that needs memory of its own, and which of it is handed out. */
function itemsOf({ recording, inputs, outputs }: Trace): { shared: Item[]; own: VirtualStorage[] } {
  const given = new Set(placesIn(outputs).map((p) => p.storage));
  const touched = new Set<VirtualStorage>(inputs);
  for (const { buffers } of recording.launches) {
    for (const b of buffers) if (b instanceof VirtualStorage) touched.add(b);
  }
  for (const storage of given) if (storage instanceof VirtualStorage) touched.add(storage);
  const own = [...touched].filter((s) => given.has(s));
  const shared = [...touched]
    .filter((s) => !given.has(s) && s.last >= 0)
    .map((storage) => ({
      storage,
      bytes: storage.bytes,
      first: storage.first,
      last: storage.last,
    }));
  return { shared, own };
}

/** The plan of a recording; nothing is allocated. */
export function memoryPlan(trace: Trace): MemoryPlan {
  const { recording } = trace;
  const { shared, own } = itemsOf(trace);
  const total = (storages: Iterable<Storage>) => [...storages].reduce((sum, s) => sum + s.bytes, 0);
  const outputs = total(own);
  const peak = peakOf(shared);
  const at = recording.backwardAt;
  // what was made before the gradients began and is read after that
  const saved = shared.filter((i) => at !== undefined && i.first < at && i.last >= at);
  const activations = total(saved.map((i) => i.storage).filter((s) => !trace.inputs.includes(s)));
  const kept = liveAt(
    saved.filter((i) => !trace.inputs.includes(i.storage)),
    peak.at,
  );
  const inputs = total(trace.inputs.filter((s) => s.last >= 0));
  return {
    held: total(recording.externals),
    inputs,
    outputs,
    activations,
    workspace: Math.max(0, peak.bytes - kept - inputs),
    peak: peak.bytes + outputs,
    planned: place(shared).sizes.reduce((a, b) => a + b, 0) + outputs,
    launches: recording.launches.length,
    kernels: new Set(recording.launches.map((l) => l.spec.code)).size,
  };
}

/** Which launch finds its parameters in which slot; launches with the same numbers share one. */
function slotsOf(launches: Trace["recording"]["launches"]): { slotOf: number[]; count: number } {
  const known = new Map<string, number>();
  let count = 0;
  const slotOf = launches.map(({ spec, refresh }) => {
    if (!spec.params) return 0;
    if (refresh) return count++;
    const key = spec.params.join();
    const slot = known.get(key) ?? count++;
    known.set(key, slot);
    return slot;
  });
  return { slotOf, count };
}

export class Recorded {
  readonly trace: Trace;
  /** True when a second recording was found to be the same. */
  verified = false;
  readonly #device: Device;
  readonly #prepared: readonly Prepared[];
  readonly #uniforms: GPUBuffer;
  readonly #slotOf: readonly number[];
  readonly #real = new Map<Storage, Storage>();
  readonly #own: readonly Storage[];
  #given: Tensor[] = [];

  constructor(device: Device, trace: Trace) {
    this.#device = device;
    this.trace = trace;
    const { recording } = trace;
    const { shared, own } = itemsOf(trace);
    const slots = device.workspace.enter(shared);
    shared.forEach((item, i) => void this.#real.set(item.storage, slots[i] as Storage));
    const reserved: Storage[] = [];
    try {
      for (const storage of own) {
        const real = device.memory.reserve(storage.bytes, "the outputs of a program");
        reserved.push(real);
        this.#real.set(storage, real);
      }
    } catch (error) {
      for (const storage of reserved) device.memory.unreserve(storage);
      device.workspace.leave();
      throw error;
    }
    this.#own = reserved;
    for (const storage of recording.externals) storage.refs++;
    const { slotOf, count } = slotsOf(recording.launches);
    this.#slotOf = slotOf;
    this.#uniforms = device.queue.createUniforms(Math.max(1, count) * slotBytes);
    const bytes = new Uint8Array(count * slotBytes);
    recording.launches.forEach(({ spec }, i) => {
      if (spec.params) bytes.set(spec.params, (slotOf[i] as number) * slotBytes);
    });
    if (count) device.queue.write(this.#uniforms, 0, bytes);
    const launches = recording.launches.map((l): Launch => {
      return { ...l, buffers: l.buffers.map((b) => this.#realOf(b)) };
    });
    this.#prepared = device.queue.prepare(launches, this.#uniforms, slotOf);
  }

  #realOf(storage: Storage): Storage {
    return this.#real.get(storage) ?? storage;
  }

  /** Sends the recorded work with new inputs. */
  run(inputs: readonly Tensor[]): Outputs {
    const { recording, outputs, inputs: slots } = this.trace;
    this.#checkExternals();
    for (const tensor of this.#given) tensor.dispose();
    this.#given = [];
    for (const hook of recording.hooks) hook();
    this.#refresh();
    const copies = inputs.flatMap((input, i): Copy[] => {
      const real = this.#real.get(slots[i] as VirtualStorage);
      if (!real) return []; // nothing reads it
      const { storage, offset, bytes } = input;
      const size = Math.ceil(bytes / 4) * 4;
      return size
        ? [{ from: storage.buffer, fromOffset: offset, to: real.buffer, bytes: size }]
        : [];
    });
    this.#device.queue.replay(this.#prepared, copies);
    return mapPlaces(outputs, ({ storage, shape, dtype, offset }) => {
      const real = this.#realOf(storage);
      real.refs++;
      const tensor = new Tensor(this.#device, real, shape, dtype, offset);
      this.#given.push(tensor);
      return tensor;
    });
  }

  /** Parameters that change with every run. */
  #refresh(): void {
    this.trace.recording.launches.forEach(({ refresh }, i) => {
      const params = refresh?.().params;
      if (params)
        this.#device.queue.write(this.#uniforms, (this.#slotOf[i] as number) * slotBytes, params);
    });
  }

  #checkExternals(): void {
    for (const storage of this.trace.recording.externals) {
      if (storage.refs > 1) continue;
      const what = `a tensor of ${formatBytes(storage.bytes)} that it uses was freed since it was recorded`;
      throw new LoupeError("memory", `program: ${what}; keep it, or dispose() the program`);
    }
  }

  /** Frees the memory; outputs that were handed out go with it. */
  dispose(): void {
    const { memory, workspace } = this.#device;
    for (const tensor of this.#given) tensor.dispose();
    for (const storage of this.trace.recording.externals) memory.release(storage);
    discard(this.#device, this.trace.recording);
    for (const storage of this.#own) memory.unreserve(storage);
    workspace.leave();
    this.#uniforms.destroy();
  }
}
