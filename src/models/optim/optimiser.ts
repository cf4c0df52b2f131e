/**
 * What all optimisers share: which parameters they move, the numbers of each step, and a state dict for a bit-equal resume.
 * Parameters without a gradient are skipped altogether, without decay, as PyTorch skips them. A step takes two launches, however
 * many parameters there are: see pack.ts.
 */
import { copyElements, everyRun, launch, type Tensor } from "../../core/index.ts";
import { LoupeError } from "../../error.ts";
import {
  type OptimiserRule,
  optimiserRowsKernel,
  optimiserUpdateKernel,
  ownCount,
} from "../../kernels/index.ts";
import type { StateDict } from "../checkpoint/index.ts";
import { Pack } from "./pack.ts";
import { readOptimiser, writeOptimiser } from "./state.ts";

/** Parameters, with names where the state dict is to have them; otherwise they are "0", "1" and so on. */
export type Parameters = readonly (Tensor | readonly [string, Tensor])[];

/** What tells one optimiser from another. */
export interface Rule {
  readonly name: string;
  /** PyTorch's names of the state's tensors. */
  readonly stateNames: readonly string[];
  /** Hyperparameters by PyTorch's names, saved, and compared on loading. */
  readonly settings: Readonly<Record<string, number>>;
  /** The kernels' shared numbers; always equally many. */
  readonly shared: (lr: number) => readonly number[];
  readonly kernels: OptimiserRule;
}

export interface StepOptions {
  /**
   * A number on the GPU, f32 or u32 `[]`; unless it is 0, nothing moves and no step is counted. For gradients in which an infinity was
   * found: see `unscaleGrads`.
   */
  readonly skip?: Tensor | undefined;
  /**
   * Every gradient is taken for 0, and parameters that never had one stay: what moments remember moves the others on. So do steps of
   * torch before 2.0 after `zero_grad`, which left zeros.
   */
  readonly zero?: boolean;
}

/** What an optimiser remembers, on the GPU. */
export interface Memory {
  readonly names: readonly string[];
  readonly pack: Pack;
  /** Steps in which each parameter had a gradient, u32. */
  readonly steps: Tensor;
  /** The state's tensors, in the order of their names: one for each segment of the pack. */
  readonly state: readonly (readonly Tensor[])[];
}

export abstract class Optimiser {
  /** Learning rate of the next step. */
  lr: number;
  readonly #rule: Rule;
  readonly #params: readonly Tensor[];
  readonly #memory: Memory;
  /** The shared numbers, the numbers of each parameter, and the flag of a step that is not skipped. */
  readonly #shared: Tensor;
  readonly #own: Tensor;
  readonly #never: Tensor;
  #written = Number.NaN;

  /**
   * Moves the parameters into one buffer, where they stay; whoever holds a `view` of one has the old memory.
   * @throws LoupeError `config` for settings or parameters that make no sense
   */
  constructor(params: Parameters, lr: number, rule: Rule) {
    nonNegative(rule.name, "lr", lr);
    this.lr = lr;
    this.#rule = rule;
    const named = namesOf(rule.name, params);
    this.#params = [...named.values()];
    const { device } = this.#params[0] as Tensor;
    const pack = new Pack(this.#params);
    const rows = this.#params.length;
    this.#memory = {
      names: [...named.keys()],
      pack,
      steps: device.zeros([rows], "u32").keep(),
      state: rule.stateNames.map(() => pack.zeros()),
    };
    this.#shared = device.zeros([rule.shared(lr).length]).keep();
    this.#own = device.zeros([ownCount(rows)]).keep();
    this.#never = device.zeros([], "u32").keep();
  }

  /** Moves every parameter that has a gradient. */
  step({ skip = this.#never, zero = false }: StepOptions = {}): void {
    const { pack, steps, state } = this.#memory;
    const { kernels, name } = this.#rule;
    const active = zero ? this.#params : this.#params.filter((param) => param.grad);
    const rows = pack.rowsOf(name, active);
    everyRun(steps.device, () => this.#advance());
    if (!zero) gather(pack, active);
    for (const { first, count } of stretches(rows)) {
      const spec = optimiserRowsKernel(kernels, first, count, zero);
      launch(spec, [this.#shared, skip], [steps, this.#own]);
    }
    for (const { segment, ...range } of pack.runs(rows)) {
      const at = pack.segments.indexOf(segment);
      const moments = state.map((flats) => flats[at] as Tensor);
      const { weights, grads, table } = segment;
      const inputs = [this.#shared, this.#own, table, ...(zero ? [] : [grads])];
      launch(optimiserUpdateKernel(kernels, range, zero), inputs, [weights, ...moments]);
    }
  }

  /** The host's part of a step: the learning rate, when it has changed. */
  #advance(): void {
    if (this.lr === this.#written) return;
    this.#shared.device.write(this.#shared, Float32Array.from(this.#rule.shared(this.lr)));
    this.#written = this.lr;
  }

  /** Bytes of the moments and of the gradients' memory. */
  get bytes(): number {
    const { pack, state } = this.#memory;
    const flats = [...state.flat(), ...pack.segments.map((s) => s.grads)];
    return flats.reduce((sum, t) => sum + t.bytes, 0);
  }

  /** Frees all gradients. */
  zeroGrad(): void {
    for (const param of this.#params) {
      param.grad?.dispose();
      param.grad = null;
    }
  }

  /** Steps and moments of every parameter under `state.<name>.`, hyperparameters under `param_groups.`. Waits for the GPU. */
  stateDict(): Promise<StateDict> {
    return readOptimiser(this.#rule, this.#memory, this.lr);
  }

  /**
   * Continues where the state dict was taken, with the same bits.
   * @throws LoupeError `checkpoint` when it belongs to other parameters, another optimiser or other hyperparameters
   */
  loadStateDict(state: StateDict): void {
    this.lr = writeOptimiser(this.#rule, this.#memory, state);
  }

  /** Frees the moments; the parameters are not its own. */
  dispose(): void {
    const { pack, steps, state } = this.#memory;
    for (const tensor of [steps, this.#shared, this.#own, this.#never, ...state.flat()]) {
      tensor.dispose();
    }
    pack.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Lays gradients that came elsewhere into the pack's memory. */
function gather(pack: Pack, params: readonly Tensor[]): void {
  for (const param of params) {
    if (param.size && !pack.holds(param))
      copyElements(param.grad as Tensor, param.gradHome as Tensor);
  }
}

/** Numbers that follow each other, taken together. */
function stretches(rows: readonly number[]): { first: number; count: number }[] {
  const found: { first: number; count: number }[] = [];
  for (const row of rows) {
    const last = found.at(-1);
    if (last && last.first + last.count === row) last.count++;
    else found.push({ first: row, count: 1 });
  }
  return found;
}

function namesOf(op: string, params: Parameters): Map<string, Tensor> {
  const named = new Map<string, Tensor>();
  const fail = (rule: string) => new LoupeError("config", `${op}: ${rule}`);
  const seen = new Map<Tensor, string>();
  for (const [i, entry] of params.entries()) {
    const [name, param] = "dtype" in entry ? [String(i), entry] : entry;
    const other = seen.get(param);
    if (named.has(name)) throw fail(`two parameters are named ${name}`);
    if (other !== undefined) throw fail(`parameters ${other} and ${name} are one tensor`);
    if (param.dtype !== "f32") throw fail(`parameter ${name} must be f32, got ${param}`);
    seen.set(param, name);
    named.set(name, param);
  }
  const [first] = seen.keys();
  if (!first) throw fail("there are no parameters to move");
  const strange = [...named].find(([, param]) => param.device !== first.device);
  if (strange) throw fail(`parameter ${strange[0]} is on another device`);
  return named;
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
