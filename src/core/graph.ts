/**
 * The graph of what was computed. Every op that can be differentiated leaves a node on its output: its inputs and a function
 * from the output's gradient to theirs.
 */
import { LoupeError } from "../error.ts";
import type { DType } from "../kernels/index.ts";
import type { Tensor } from "./tensor.ts";

/** From the gradient of the output to the gradients of the inputs; `undefined` where none is needed. */
export type Backward = (dy: Tensor, arrived: Arrived) => readonly (Tensor | undefined)[];

/** What other ops have given to the inputs so far. */
export interface Arrived {
  /**
   * The gradient so far of an input, if it has this type. Whoever takes it gives the sum as that input's gradient: an op whose last
   * launch can add saves one, and passes over memory.
   */
  take(input: number, dtype: DType): Tensor | undefined;
}

/** The same of an op with several outputs: `undefined` for those that no gradient reached. */
export type BackwardOfAll = (
  dys: readonly (Tensor | undefined)[],
) => readonly (Tensor | undefined)[];

/** How a tensor was computed. */
export interface Node {
  readonly op: string;
  readonly inputs: readonly Tensor[];
  readonly backward: Backward;
  /** Instead of `backward`: it is one of several outputs, whose gradients are used together. */
  readonly together?: { readonly outputs: readonly Tensor[]; readonly backward: BackwardOfAll };
  /** Instead of `backward`: the graph behind the output has to be made first. */
  readonly deferred?: Deferred;
}

/** A part of the graph that is made when gradients reach it. See recompute.ts. */
export interface Deferred {
  /** Everything that came from the part. */
  readonly outputs: readonly Tensor[];
  /** Computes the outputs again, with a graph down to the part's inputs. */
  make(): readonly Tensor[];
}

type Mode = "graph" | "none" | { carries: boolean };

/** Whether ops note how they computed; in between, only whether a gradient could have flown through any of them. */
let mode: Mode = "graph";

function inMode<T>(next: Mode, fn: () => T): T {
  const before = mode;
  mode = next;
  try {
    return fn();
  } finally {
    mode = before;
  }
}

/** Runs `fn` without recording how results were computed. */
export function noGrad<T>(fn: () => T): T {
  return inMode("none", fn);
}

/** Runs `fn` recording how results were computed, also inside `noGrad`. */
export function enableGrad<T>(fn: () => T): T {
  return inMode("graph", fn);
}

/** `noGrad`, and whether gradients could have flown through what `fn` did. */
export function withoutGraph<T>(fn: () => T): { result: T; carries: boolean } {
  const seen = { carries: false };
  const result = inMode(seen, fn);
  return { result, carries: seen.carries };
}

export function isGradEnabled(): boolean {
  return mode === "graph";
}

/** True when a gradient can flow to this tensor: what a backward asks before it computes one. */
export function carriesGrad(tensor: Tensor): boolean {
  return tensor.requiresGrad || tensor.node !== undefined;
}

/** Notes how `output` came from `inputs`. An op calls it last and returns its result. */
export function track(
  op: string,
  output: Tensor,
  inputs: readonly Tensor[],
  backward: Backward,
): Tensor {
  if (isNoted(op, [output], inputs)) output.node = { op, inputs, backward };
  return output;
}

/** `track` for an op with several outputs. Its backward runs once, when the gradients of all of them are complete. */
export function trackAll(
  op: string,
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  backward: BackwardOfAll,
): void {
  if (!isNoted(op, outputs, inputs)) return;
  const together = { outputs, backward };
  for (const output of outputs) output.node = { op, inputs, backward: () => [], together };
}

/** Whether the outputs get a node. */
function isNoted(op: string, outputs: readonly Tensor[], inputs: readonly Tensor[]): boolean {
  if (mode === "none" || !inputs.some(carriesGrad)) return false;
  if (mode !== "graph") {
    mode.carries = true;
    return false;
  }
  for (const output of outputs) {
    if (inputs.every((t) => t.id < output.id)) continue;
    // backward goes by age: an output is younger than what it was made from
    throw new LoupeError("shape", `${op}: its output ${output} is older than one of its inputs`);
  }
  return true;
}

/**
 * An op with a gradient of your own.
 * @example const y = customGrad("double", [x], () => mul(x, 2), (dy) => [mul(dy, 2)]);
 */
export function customGrad(
  op: string,
  inputs: readonly Tensor[],
  forward: () => Tensor,
  backward: Backward,
): Tensor {
  const output = noGrad(forward);
  const own = inputs.includes(output) ? output.view() : output;
  return track(op, own, inputs, backward);
}
