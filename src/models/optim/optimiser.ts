/**
 * What all optimisers share: which parameters they move, the numbers of each step, and a state dict for a bit-equal resume.
 * Parameters without a gradient are skipped altogether, without decay, as PyTorch skips them.
 */
import { everyRun, launch, type Tensor } from "../../core/index.ts";
import { LoupeError } from "../../error.ts";
import type { KernelSpec } from "../../kernels/index.ts";
import type { StateDict } from "../checkpoint/index.ts";
import { readOptimiser, writeOptimiser } from "./state.ts";

/** Parameters, with names where the state dict is to have them; otherwise they are "0", "1" and so on. */
export type Parameters = readonly (Tensor | readonly [string, Tensor])[];

/** One parameter and what the optimiser remembers of it. */
export interface Slot {
  readonly name: string;
  readonly param: Tensor;
  /** Position among the parameters. */
  readonly index: number;
  /** Steps in which it had a gradient. */
  step: number;
  state: readonly Tensor[];
}

/** What tells one optimiser from another. */
export interface Rule {
  readonly name: string;
  /** PyTorch's names of the state's tensors. */
  readonly stateNames: readonly string[];
  /** Hyperparameters by PyTorch's names, saved, and compared on loading. */
  readonly settings: Readonly<Record<string, number>>;
  /** Scalars of this step for all parameters. */
  readonly shared: (lr: number) => readonly number[];
  /** Scalars of this step for a parameter in its step t = 1, 2, …; always equally many. */
  readonly own: (lr: number, t: number) => readonly number[];
  /** The launch for `n` elements whose own scalars start at `row`. */
  readonly kernel: (n: number, row: number) => KernelSpec;
}

export abstract class Optimiser {
  /** Learning rate of the next step. */
  lr: number;
  readonly #rule: Rule;
  readonly #slots: readonly Slot[];
  readonly #host: Float32Array<ArrayBuffer>;
  readonly #scalars: Tensor;

  constructor(params: Parameters, lr: number, rule: Rule) {
    nonNegative(rule.name, "lr", lr);
    this.lr = lr;
    this.#rule = rule;
    this.#slots = slotsOf(rule.name, params);
    const { device } = (this.#slots[0] as Slot).param;
    const count = rule.shared(lr).length + rule.own(lr, 1).length * this.#slots.length;
    this.#host = new Float32Array(count);
    this.#scalars = device.zeros([count]).keep();
    for (const slot of this.#slots) {
      const { param } = slot;
      slot.state = rule.stateNames.map(() => param.device.zeros(param.shape).keep());
    }
  }

  /** Moves every parameter that has a gradient. One launch each. */
  step(): void {
    const active = this.#slots.filter((slot) => slot.param.grad);
    everyRun(this.#scalars.device, () => this.#advance(active));
    for (const slot of active) this.#update(slot);
  }

  /** The host's part of a step: counts it and writes its numbers to the GPU. */
  #advance(active: readonly Slot[]): void {
    const { lr } = this;
    this.#host.set(this.#rule.shared(lr));
    for (const slot of active) {
      slot.step++;
      this.#host.set(this.#rule.own(lr, slot.step), this.#row(slot));
    }
    if (active.length) this.#scalars.device.write(this.#scalars, this.#host);
  }

  #row(slot: Slot): number {
    const { shared, own } = this.#rule;
    return shared(this.lr).length + slot.index * own(this.lr, 1).length;
  }

  #update(slot: Slot): void {
    const { param } = slot;
    if (param.size === 0) return;
    const spec = this.#rule.kernel(param.size, this.#row(slot));
    launch(spec, [this.#scalars, param.grad as Tensor], [param, ...slot.state]);
  }

  /** Bytes of the moments. */
  get bytes(): number {
    return this.#slots.reduce((sum, { state }) => sum + state.reduce((n, t) => n + t.bytes, 0), 0);
  }

  /** Frees all gradients. */
  zeroGrad(): void {
    for (const { param } of this.#slots) {
      param.grad?.dispose();
      param.grad = null;
    }
  }

  /** Steps and moments of every parameter under `state.<name>.`, hyperparameters under `param_groups.`. Waits for the GPU. */
  stateDict(): Promise<StateDict> {
    return readOptimiser(this.#rule, this.#slots, this.lr);
  }

  /**
   * Continues where the state dict was taken, with the same bits.
   * @throws LoupeError `checkpoint` when it belongs to other parameters, another optimiser or other hyperparameters
   */
  loadStateDict(state: StateDict): void {
    this.lr = writeOptimiser(this.#rule, this.#slots, state);
  }

  /** Frees the moments; the parameters are not its own. */
  dispose(): void {
    this.#scalars.dispose();
    for (const slot of this.#slots) {
      for (const tensor of slot.state) tensor.dispose();
      slot.state = [];
    }
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function slotsOf(op: string, params: Parameters): Slot[] {
  const slots = params.map((entry, i): Slot => {
    const [name, param] = "dtype" in entry ? [String(i), entry] : entry;
    return { name, param, index: i, step: 0, state: [] };
  });
  if (slots.length === 0) throw new LoupeError("config", `${op}: there are no parameters to move`);
  const seen = new Set<string>();
  const twice = slots.find(({ name }) => seen.size === seen.add(name).size);
  if (twice) throw new LoupeError("config", `${op}: two parameters are named ${twice.name}`);
  return slots;
}

/** Throws unless the setting is a number from 0. */
export function nonNegative(op: string, name: string, value: number): void {
  if (Number.isFinite(value) && value >= 0) return;
  throw new LoupeError("config", `${op}: ${name} must be 0 or more, got ${value}`);
}

/** Throws unless the setting is in [0, 1). */
export function share(op: string, name: string, value: number): void {
  if (value >= 0 && value < 1) return;
  throw new LoupeError("config", `${op}: ${name} must be in [0, 1), got ${value}`);
}
