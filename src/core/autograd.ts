/**
 * Reverse-mode differentiation. Every op that can be differentiated leaves a node on its output: its inputs and a function
 * from the output's gradient to theirs. `backward` visits the nodes from the newest to the oldest.
 */
import { LoupeError } from "../error.ts";
import { accumulate, copyElements } from "./ops/accumulate.ts";
import type { Tensor } from "./tensor.ts";

/** From the gradient of the output to the gradients of the inputs; `undefined` where none is needed. */
export type Backward = (dy: Tensor) => readonly (Tensor | undefined)[];

/** How a tensor was computed. */
export interface Node {
  readonly op: string;
  readonly inputs: readonly Tensor[];
  readonly backward: Backward;
}

let recording = true;

/** Runs `fn` without recording how results were computed. */
export function noGrad<T>(fn: () => T): T {
  const before = recording;
  recording = false;
  try {
    return fn();
  } finally {
    recording = before;
  }
}

export function isGradEnabled(): boolean {
  return recording;
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
  if (!recording || !inputs.some(carriesGrad)) return output;
  if (inputs.some((t) => t.id >= output.id)) {
    // backward goes by age: an output is younger than what it was made from
    throw new LoupeError("shape", `${op}: its output ${output} is older than one of its inputs`);
  }
  output.node = { op, inputs, backward };
  return output;
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

/** While gradients of leaves are collected: those that were given memory in the leaf's `gradHome`. */
let housed: Set<Tensor> | undefined;

/** Memory for the gradient of an input: where the leaf wants it, the first time in a `backward`, or else new memory. */
export function emptyGrad(input: Tensor): Tensor {
  const { gradHome: home, grad: before } = input;
  const wanted = housed && home && input.requiresGrad && !input.node && !housed.has(input);
  if (!wanted || (before && !before.disposed)) return input.device.empty(input.shape, input.dtype);
  housed?.add(input);
  return home.view();
}

export interface BackwardOptions {
  /**
   * Frees what was computed between the leaves and the output, each result as soon as its gradient is done, instead of leaving it to
   * the scope. For a graph of which only the output is looked at afterwards.
   */
  readonly freeGraph?: boolean;
}

/**
 * Adds d(output)/d(leaf) to `leaf.grad` for every leaf that requires a gradient.
 * @param output one element, unless `gradient` (of the same shape) is given
 */
export function backward(output: Tensor, gradient?: Tensor, options: BackwardOptions = {}): void {
  output.device.recording?.markBackward();
  const outer = housed;
  housed ??= new Set();
  try {
    propagate(output, gradient, {
      visit: collect,
      leave(tensor) {
        if (options.freeGraph && tensor.node && tensor !== output) tensor.dispose();
      },
    });
  } finally {
    housed = outer;
  }
}

/** Adds the gradient of a leaf to its `grad`. */
function collect(tensor: Tensor, dy: Tensor): void {
  if (!tensor.requiresGrad || tensor.node) return;
  if (tensor.disposed) throw new LoupeError("memory", `backward: the leaf ${tensor} was freed`);
  const before = tensor.grad?.disposed ? null : tensor.grad; // a step that failed may have freed it
  const sum = before ? accumulate(before, dy) : settled(tensor, dy);
  before?.dispose();
  tensor.grad = sum.keep();
}

/** The gradient in the leaf's `gradHome`, unless parts of it may be there. */
function settled(leaf: Tensor, dy: Tensor): Tensor {
  const home = leaf.gradHome;
  if (!home) return alone(dy);
  if (isHome(leaf, dy)) return home.view();
  if (dy.storage === home.storage || housed?.has(leaf)) return alone(dy);
  copyElements(dy, home);
  return home.view();
}

function isHome({ gradHome }: Tensor, dy: Tensor): boolean {
  return dy.storage === gradHome?.storage && dy.offset === gradHome.offset;
}

/** The gradient itself, or a copy where others look at the same memory: it may be changed in place. */
function alone(dy: Tensor): Tensor {
  if (dy.storage.refs === 1) return dy.view();
  const copy = dy.device.empty(dy.shape, dy.dtype);
  copyElements(dy, copy);
  return copy;
}

/** Gradients of `output` with respect to any tensors of its graph, without touching `.grad`. Unreached ones are `undefined`. */
export function grad(
  output: Tensor,
  inputs: readonly Tensor[],
  gradient?: Tensor,
): (Tensor | undefined)[] {
  const found = new Map<Tensor, Tensor>();
  return propagate(output, gradient, {
    visit(tensor, dy) {
      if (!inputs.includes(tensor)) return;
      found.set(tensor, housed?.has(tensor) && isHome(tensor, dy) ? dy.view() : alone(dy));
    },
    result: () => inputs.map((tensor) => found.get(tensor)),
  });
}

interface Walk<T> {
  /** Sees every tensor of the graph with its complete gradient, newest first. */
  visit(tensor: Tensor, dy: Tensor): void;
  /** Called when no node that is left can read the tensor: nodes read their output and what is older. */
  leave?(tensor: Tensor): void;
  result?(): T;
}

/** Walks through the graph. Frees everything it makes but what is kept or in the result. */
function propagate<T>(
  output: Tensor,
  gradient: Tensor | undefined,
  { visit, leave, result }: Walk<T>,
): T {
  checkRoot(output, gradient);
  const run = () => {
    const pending = new Map<Tensor, Tensor>();
    pending.set(output, gradient?.view() ?? output.device.ones(output.shape, output.dtype));
    for (const tensor of order(output)) {
      const dy = pending.get(tensor);
      if (!dy) continue;
      pending.delete(tensor);
      visit(tensor, dy);
      if (tensor.node) step(tensor.node, dy, pending);
      dy.dispose();
      leave?.(tensor);
    }
    return result?.() as T;
  };
  return output.device.scope(() => noGrad(run));
}

/** Runs one node's backward and adds its results to what is pending. */
function step(node: Node, dy: Tensor, pending: Map<Tensor, Tensor>): void {
  const { device } = dy;
  // views, for a backward may give what is not its own: dy, an input, one tensor twice
  const grads = device.scopes.run(() => node.backward(dy).map((g) => g?.view()));
  node.inputs.forEach((input, i) => {
    const given = grads[i];
    if (!given) return;
    checkGradient(node, input, given);
    const sofar = pending.get(input);
    const wanted = carriesGrad(input);
    const g = wanted ? inTypeOf(input, given) : given;
    if (wanted) pending.set(input, sofar ? device.scopes.run(() => accumulate(sofar, g)) : g);
    if (sofar || !wanted) g.dispose();
    if (wanted) sofar?.dispose();
  });
}

/** A gradient has the dtype of its tensor, as PyTorch's: where an op gave another one, it is converted and freed. */
function inTypeOf(input: Tensor, g: Tensor): Tensor {
  if (g.dtype === input.dtype) return g;
  const fitted = g.device.empty(g.shape, input.dtype);
  copyElements(g, fitted);
  g.dispose();
  return fitted;
}

/** The tensors of the graph, newest first: every user of a tensor comes before it. */
function order(output: Tensor): Tensor[] {
  const seen = new Set<Tensor>([output]);
  for (const tensor of seen) for (const input of tensor.node?.inputs ?? []) seen.add(input);
  return [...seen].sort((a, b) => b.id - a.id);
}

function checkRoot(output: Tensor, gradient: Tensor | undefined): void {
  const shape = `[${output.shape.join(", ")}]`;
  if (!carriesGrad(output)) {
    throw new LoupeError(
      "shape",
      `backward: nothing to differentiate, tensor ${shape} has no graph`,
    );
  }
  if (!gradient && output.size !== 1) {
    throw new LoupeError("shape", `backward: output ${shape} is not a scalar; pass its gradient`);
  }
  if (gradient && gradient.dtype !== output.dtype) {
    const rule = `the gradient of ${output.dtype} is ${output.dtype}`;
    throw new LoupeError("shape", `backward: ${rule}, got ${gradient}`);
  }
  if (gradient && gradient.shape.join() !== output.shape.join()) {
    const got = `[${gradient.shape.join(", ")}]`;
    throw new LoupeError("shape", `backward: gradient ${got} does not match the output ${shape}`);
  }
}

function checkGradient(node: Node, input: Tensor, g: Tensor): void {
  if (g.shape.join() === input.shape.join()) return;
  const text = `gradient [${g.shape.join(", ")}] for an input [${input.shape.join(", ")}]`;
  throw new LoupeError("shape", `${node.op}: its backward returned a ${text}`);
}
