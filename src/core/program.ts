/**
 * Record and replay. A training step is thousands of small launches, and what costs is the host: shapes, memory, the graph. A
 * program runs a function over tensors once to note its launches, plans their memory from lifetimes, and from then on only
 * sends the list again.
 */
import { LoupeError } from "../error.ts";
import type { Device } from "./device.ts";
import { deviceOf } from "./launch.ts";
import { type MemoryPlan, memoryPlan, Recorded } from "./recorded.ts";
import type { Tensor } from "./tensor.ts";
import {
  checkInput,
  difference,
  discard,
  type Outputs,
  type TensorType,
  type Trace,
  trace,
} from "./trace.ts";

export interface PrepareOptions {
  /** Told how many kernels of how many are compiled. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** A function over tensors that is recorded once per shape of its inputs. */
export interface Program<A extends readonly Tensor[], R extends Outputs> {
  /**
   * Runs it. What it returns belongs to the open scope, but its memory to the program: the next run of the same shapes frees it.
   */
  (...inputs: A): R;
  /** Records for these shapes and compiles all kernels at once, without running anything. */
  prepare(types: readonly TensorType[], options?: PrepareOptions): Promise<void>;
  /** What memory a run with these shapes takes. Nothing is allocated and nothing runs. */
  plan(...types: readonly TensorType[]): MemoryPlan;
  /** Frees the memory of all recordings. */
  dispose(): void;
}

/** Recordings that are kept; the oldest goes first. */
const mostRecordings = 8;

/**
 * Records `fn` at its first call and replays it afterwards, with the same bits as calling `fn`.
 *
 * Inside, nothing may be read back, and host numbers are frozen: what changes from step to step is an input tensor, or is
 * written by `everyRun`. The second call records once more and refuses a step whose numbers have changed. Tensors from outside
 * (parameters, optimiser state) are used in place; they may be written to, but not freed.
 * @throws LoupeError `config` for what can't be recorded, with its line
 * @example
 * const step = program(device, (x, y) => {
 *   const loss = mseLoss(net.forward(x), y);
 *   backward(loss, undefined, { freeGraph: true });
 *   optimiser.step();
 *   optimiser.zeroGrad();
 *   return loss;
 * });
 * const [loss] = await device.read(() => [step(x, y)]);
 */
export function program<A extends readonly Tensor[], R extends Outputs>(
  device: Device,
  fn: (...inputs: A) => R,
): Program<A, R> {
  const step = fn as unknown as (...inputs: Tensor[]) => Outputs;
  const recordings = new Map<string, Recorded>();

  const keep = (types: readonly TensorType[], traced: Trace): Recorded => {
    const oldest =
      recordings.size === mostRecordings ? recordings.entries().next().value : undefined;
    if (oldest) {
      oldest[1].dispose();
      recordings.delete(oldest[0]);
    }
    try {
      const made = new Recorded(device, traced);
      recordings.set(keyOf(types), made);
      return made;
    } catch (error) {
      discard(device, traced.recording);
      throw error;
    }
  };

  const run = (...inputs: A): R => {
    if (device.recording) return fn(...inputs); // part of a larger program
    if (inputs.length) deviceOf("program", inputs);
    for (const input of inputs) checkInput(device, input);
    device.queue.check();
    const known = recordings.get(keyOf(inputs));
    if (known && !known.verified) verify(known, inputs);
    return (known ?? keep(inputs, trace(device, step, inputs))).run(inputs) as R;
  };

  const verify = (known: Recorded, types: readonly TensorType[]): void => {
    const again = trace(device, step, types);
    const what = difference(known.trace, again);
    discard(device, again.recording);
    if (what === undefined) {
      known.verified = true;
      return;
    }
    const rule = "a recorded step does the same every time";
    const next = "pass what changes as a tensor, or write it in everyRun()";
    throw new LoupeError("config", `program: ${what} at the second call, but ${rule}; ${next}`);
  };

  return Object.assign(run, {
    async prepare(types: readonly TensorType[], options: PrepareOptions = {}): Promise<void> {
      device.requireNoRecording("preparing a program");
      if (recordings.has(keyOf(types))) return;
      const traced = trace(device, step, types);
      const { launches, externals } = traced.recording;
      for (const storage of externals) storage.refs++; // not to be handed out again meanwhile
      try {
        await device.queue.compile(launches, options.onProgress);
        if (recordings.has(keyOf(types))) discard(device, traced.recording);
        else keep(types, traced);
      } finally {
        for (const storage of externals) device.memory.release(storage);
      }
    },
    plan(...types: readonly TensorType[]): MemoryPlan {
      const known = recordings.get(keyOf(types));
      if (known) return memoryPlan(known.trace);
      const traced = trace(device, step, types);
      discard(device, traced.recording);
      return memoryPlan(traced);
    },
    dispose(): void {
      for (const recorded of recordings.values()) recorded.dispose();
      recordings.clear();
    },
  });
}

/**
 * Host work that belongs to a step: counting it, or writing its numbers to a tensor. Done at once, or, inside a program, at every
 * run before its launches.
 */
export function everyRun(device: Device, work: () => void): void {
  if (device.recording) device.recording.hooks.push(work);
  else work();
}

function keyOf(types: readonly TensorType[]): string {
  return types.map(({ shape, dtype }) => `${dtype}[${shape.join()}]`).join(" ");
}
