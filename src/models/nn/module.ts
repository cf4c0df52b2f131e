/**
 * What a layer and a network have in common: tensors under PyTorch's names, train and eval mode, a state dict. Nothing is
 * collected by reflection: a module says in its constructor what it owns (`parameter`, `buffer`, `counter`, `child`), in the
 * order in which PyTorch would list it.
 */
import { isGradEnabled, recompute, type Tensor } from "../../core/index.ts";
import { matchState, requireMatch, type StateDict, type StateMatch } from "../checkpoint/index.ts";
import { type Entry, type Layout, readEntry, shapeOf, writeEntry } from "./entry.ts";

/** How strictly a state dict must fit. */
export interface LoadOptions {
  /** Names that begin with one of these may be missing or left over. */
  readonly ignore?: readonly string[];
  /** The file, for the message. */
  readonly file?: string;
}

export abstract class Module {
  #training = true;
  #recomputes = false;
  readonly #entries = new Map<string, Entry>();
  readonly #children = new Map<string, Module>();

  /** True after `train()`: BatchNorm uses the batch's statistics and moves the running ones. */
  get training(): boolean {
    return this.#training;
  }

  /** Owns a trained tensor; `layout` says how it differs from its entry in a state dict. */
  protected parameter(name: string, tensor: Tensor, layout: Layout = "plain"): Tensor {
    this.#entries.set(name, { kind: "parameter", tensor, layout });
    return tensor.keep().setRequiresGrad(true);
  }

  /** Owns a tensor that is saved but not trained. */
  protected buffer(name: string, tensor: Tensor, layout: Layout = "plain"): Tensor {
    this.#entries.set(name, { kind: "buffer", tensor, layout });
    return tensor.keep();
  }

  /** Owns a whole number on the host, saved as an i64 scalar. */
  protected counter(name: string): { value: number } {
    const counter = { value: 0 };
    this.#entries.set(name, { kind: "counter", counter });
    return counter;
  }

  protected child<M extends Module>(name: string, module: M): M {
    this.#children.set(name, module);
    return module;
  }

  /** Everything in the state dict under its full name: own entries first, then the children's. */
  *#all(prefix = ""): Generator<readonly [string, Entry]> {
    for (const [name, entry] of this.#entries) yield [prefix + name, entry];
    for (const [name, child] of this.#children) yield* child.#all(`${prefix}${name}.`);
  }

  /** This module and all below it. */
  *modules(): Generator<Module> {
    yield this;
    for (const child of this.#children.values()) yield* child.modules();
  }

  /** Trained tensors under their full names, in PyTorch's order. */
  namedParameters(): [string, Tensor][] {
    return [...this.#all()].flatMap(([name, entry]) =>
      entry.kind === "parameter" ? [[name, entry.tensor] as [string, Tensor]] : [],
    );
  }

  /** Trained tensors and buffers under their full names, in PyTorch's order. */
  namedTensors(): [string, Tensor][] {
    return [...this.#all()].flatMap(([name, entry]) =>
      entry.kind === "counter" ? [] : [[name, entry.tensor] as [string, Tensor]],
    );
  }

  parameters(): Tensor[] {
    return this.namedParameters().map(([, tensor]) => tensor);
  }

  /** Bytes of all parameters and buffers. */
  get bytes(): number {
    return [...this.#all()].reduce(
      (sum, [, entry]) => sum + ("tensor" in entry ? entry.tensor.bytes : 0),
      0,
    );
  }

  train(on = true): this {
    for (const module of this.modules()) module.#training = on;
    return this;
  }

  eval(): this {
    return this.train(false);
  }

  /**
   * Training keeps only what goes into and comes out of the parts of a network (blocks, stems), and computes what lies inside again
   * in the backward pass: a third more time for a fraction of the memory, and the same bits.
   */
  recomputeActivations(on = true): this {
    for (const module of this.modules()) module.#recomputes = on;
    return this;
  }

  /** Runs a part of the network. What lies inside is freed, kept for the gradients, or computed again for them. */
  protected part<T extends Tensor | readonly Tensor[]>(inputs: readonly Tensor[], fn: () => T): T {
    const [first] = inputs;
    if (first && !isGradEnabled()) return first.device.scope(fn);
    if (!first || !this.#recomputes) return fn();
    let single = false;
    const outputs = recompute(inputs, () => {
      const made = fn();
      single = !Array.isArray(made);
      return [made].flat() as Tensor[];
    });
    return (single ? outputs[0] : outputs) as T;
  }

  /** Parameters want no gradient any more; their gradients are freed. */
  freeze(): this {
    for (const tensor of this.parameters()) {
      tensor.setRequiresGrad(false);
      tensor.grad?.dispose();
      tensor.grad = null;
    }
    return this;
  }

  /** Names and shapes of the state dict as PyTorch has them (convolutions `[O, I, kh, kw]`). */
  stateShapes(): Map<string, readonly number[]> {
    return new Map([...this.#all()].map(([name, entry]) => [name, shapeOf(entry)]));
  }

  /** All parameters and buffers in PyTorch's names, order and layout. Waits for the GPU. */
  async stateDict(): Promise<StateDict> {
    const read = [...this.#all()].map(
      async ([name, entry]) => [name, await readEntry(entry)] as const,
    );
    return new Map(await Promise.all(read));
  }

  /**
   * Overwrites parameters and buffers in place, after names and shapes were found to fit; any dtype becomes f32.
   * `num_batches_tracked` may be missing and starts at 0 then.
   * @throws LoupeError `checkpoint` with every difference; nothing is changed then
   */
  loadStateDict(state: StateDict, options: LoadOptions = {}): StateMatch {
    const match = matchState(this.stateShapes(), state, options);
    requireMatch(match, { model: this.toString(), file: options.file ?? "state dict" });
    const matched = new Set(match.matched);
    for (const [name, entry] of this.#all()) {
      const value = matched.has(name) ? state.get(name) : undefined;
      if (value) writeEntry(name, entry, value);
      else if (entry.kind === "counter") entry.counter.value = 0;
    }
    return match;
  }

  /** Frees all tensors and gradients. */
  dispose(): void {
    for (const [, entry] of this.#all()) if (entry.kind !== "counter") entry.tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  toString(): string {
    return this.constructor.name;
  }
}

/** A module from one tensor to one tensor. */
export abstract class Layer extends Module {
  abstract forward(x: Tensor): Tensor;
}
