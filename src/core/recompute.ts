/**
 * Memory for time: a part of a network that keeps nothing for its gradients and is run again when they reach it. PyTorch calls it
 * checkpointing. Chen et al., "Training Deep Nets with Sublinear Memory Cost" (2016).
 */
import { LoupeError } from "../error.ts";
import { enableGrad, isGradEnabled, withoutGraph } from "./graph.ts";
import { deviceOf } from "./launch.ts";
import { precisionNow, withPrecision } from "./precision.ts";
import type { Tensor } from "./tensor.ts";

/** What a part did once and for all, in order. */
interface Journal {
  readonly notes: (readonly Tensor[])[];
  /** The next note to read; undefined while they are written. */
  next: number | undefined;
}

let journal: Journal | undefined;

function keeping<T>(own: Journal | undefined, fn: () => T): T {
  const before = journal;
  journal = own;
  try {
    return fn();
  } finally {
    journal = before;
  }
}

/**
 * Computes outputs from inputs without keeping what lies between; `backward` runs `fn` again and goes on through it, with the same
 * bits. Inside another part, and without gradients, it just runs `fn`.
 *
 * `fn` must do the same both times: what moves state, draws or counts goes through `once`.
 * @param inputs all tensors that `fn` reads, but for leaves such as weights
 * @example const [y] = recompute([x], () => [block.forward(x)]);
 */
export function recompute(inputs: readonly Tensor[], fn: () => readonly Tensor[]): Tensor[] {
  const device = deviceOf("recompute", inputs);
  if (!isGradEnabled() || journal) return [...fn()];
  const own: Journal = { notes: [], next: undefined };
  const limit = Math.max(...inputs.map((t) => t.id));
  try {
    const { result, carries } = withoutGraph(() => keeping(own, () => device.scope(fn)));
    // an output has an age and a graph of its own
    const outputs = result.map((t, i) => (t.id <= limit || result.indexOf(t) < i ? t.view() : t));
    for (const tensor of own.notes.flat()) device.scopes.adopt(tensor);
    if (!carries) return outputs;
    const precision = precisionNow();
    const make = () => withPrecision(precision, () => again(own, fn));
    for (const output of outputs) {
      output.node = { op: "recompute", inputs, backward: () => [], deferred: { outputs, make } };
    }
    return outputs;
  } catch (error) {
    for (const tensor of own.notes.flat()) tensor.dispose();
    throw error;
  }
}

function again({ notes }: Journal, fn: () => readonly Tensor[]): readonly Tensor[] {
  const reading: Journal = { notes, next: 0 };
  const outputs = enableGrad(() => keeping(reading, fn));
  if (reading.next === notes.length) return outputs;
  const text = `noted ${notes.length} results at first and ${reading.next} now`;
  throw new LoupeError("shape", `recompute: a part must do the same every time, but it ${text}`);
}

/**
 * Runs `fn`; in a part that is run again only the first time, and gives the same tensors then. For small results, such as the
 * statistics of a batch, and for what may happen once in a step only.
 */
export function once(fn: () => readonly Tensor[]): readonly Tensor[] {
  if (!journal) return fn();
  const { notes, next } = journal;
  if (next === undefined) {
    const made = keeping(undefined, fn).map((t) => t.view().keep()); // outlives scopes inside the part
    notes.push(made);
    return made;
  }
  const noted = notes[next];
  if (!noted) {
    const rule = "a part must do the same every time";
    throw new LoupeError("shape", `recompute: ${rule}, but it notes more the second time`);
  }
  journal.next = next + 1;
  return noted;
}
