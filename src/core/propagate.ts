/**
 * The way of gradients through the graph: from the newest tensor to the oldest, each visited once its gradient is complete. Parts of
 * the graph that were not kept are made when gradients reach them.
 */
import { LoupeError } from "../error.ts";
import type { DType } from "../kernels/index.ts";
import { carriesGrad, type Deferred, type Node, noGrad } from "./graph.ts";
import { accumulate, copyElements } from "./ops/accumulate.ts";
import type { Tensor } from "./tensor.ts";

export interface Walk<T> {
  /** Sees every tensor of the graph with its complete gradient, newest first. */
  visit(tensor: Tensor, dy: Tensor): void;
  /** Called when no node that is left can read the tensor: nodes read their output and what is older. */
  leave?(tensor: Tensor): void;
  result?(): T;
}

/** Walks through the graph. Frees everything it makes but what is kept or in the result. */
export function propagate<T>(
  output: Tensor,
  gradient: Tensor | undefined,
  { visit, leave, result }: Walk<T>,
): T {
  checkRoot(output, gradient);
  const run = () => {
    const pending: Pending = new Map();
    const route = new Route(output);
    pending.set(output, gradient?.view() ?? output.device.ones(output.shape, output.dtype));
    for (let tensor = route.next(); tensor; tensor = route.next()) {
      const dy = pending.get(tensor);
      const deferred = tensor.node?.deferred;
      if (dy) visit(tensor, dy);
      if (deferred) {
        if (!route.hasOlder(deferred.outputs, tensor)) enter(deferred, route, pending, leave);
        continue;
      }
      const outputs = tensor.node?.together?.outputs ?? [tensor];
      if (route.hasOlder(outputs, tensor)) continue; // their gradients are used together
      const dys = outputs.map((t) => pending.get(t));
      for (const t of outputs) pending.delete(t);
      if (tensor.node) step(tensor.node, dys, pending);
      outputs.forEach((t, i) => {
        if (!dys[i]) return;
        dys[i].dispose();
        leave?.(t);
        if (route.isOwn(t)) t.dispose();
      });
    }
    return result?.() as T;
  };
  return output.device.scope(() => noGrad(run));
}

/** Gradients that have arrived so far. */
type Pending = Map<Tensor, Tensor>;

/** The tensors of the graph, newest first: every user of a tensor comes before it. */
class Route {
  readonly #known = new Set<Tensor>();
  readonly #own = new Set<Tensor>();
  /** Oldest first. */
  readonly #rest: Tensor[] = [];

  constructor(root: Tensor) {
    this.#rest = this.#add([root]);
  }

  next(): Tensor | undefined {
    return this.#rest.pop();
  }

  /** True when one of the tensors is still to come: all of them lie side by side. */
  hasOlder(tensors: readonly Tensor[], than: Tensor): boolean {
    return tensors.some((t) => t.id < than.id && this.#known.has(t));
  }

  /** A tensor that was made for this walk. */
  isOwn(tensor: Tensor): boolean {
    return this.#own.has(tensor);
  }

  /** Adds a graph that was made for this walk. */
  insert(roots: readonly Tensor[]): void {
    const more = this.#add(roots);
    for (const tensor of more) if (tensor.node) this.#own.add(tensor);
    this.#rest.push(...more);
    this.#rest.sort((a, b) => a.id - b.id);
  }

  /** What is not known yet of the graph behind the roots. */
  #add(roots: readonly Tensor[]): Tensor[] {
    const more = new Set(roots.filter((t) => !this.#known.has(t)));
    for (const tensor of more) {
      for (const input of tensor.node?.inputs ?? []) if (!this.#known.has(input)) more.add(input);
    }
    for (const tensor of more) this.#known.add(tensor);
    return [...more].sort((a, b) => a.id - b.id);
  }
}

/** Makes a part of the graph, and hands the gradients of its outputs to those just made. */
function enter(
  deferred: Deferred,
  route: Route,
  pending: Pending,
  leave: ((tensor: Tensor) => void) | undefined,
): void {
  const { outputs } = deferred;
  const reached = outputs.some((t) => pending.has(t));
  const made = reached ? deferred.make() : [];
  route.insert(made.filter(carriesGrad));
  outputs.forEach((output, i) => {
    const dy = pending.get(output);
    const again = made[i];
    pending.delete(output);
    if (dy && again) give(pending, again, dy);
    leave?.(output);
  });
}

/** Runs one node's backward, unless no gradient reached it, and adds its results to what is pending. */
function step(node: Node, dys: readonly (Tensor | undefined)[], pending: Pending): void {
  const dy = dys.find((t) => t !== undefined);
  if (!dy) return;
  const { inputs, together } = node;
  const taken = new Map<number, Tensor>();
  const take = (i: number, dtype: DType) => {
    const input = inputs[i] as Tensor;
    const sofar = pending.get(input);
    const twice = inputs.indexOf(input) !== inputs.lastIndexOf(input); // each gives a gradient
    if (sofar?.dtype === dtype && !twice) taken.set(i, sofar);
    return taken.get(i);
  };
  // views, for a backward may give what is not its own: dy, an input, one tensor twice
  const backward = () => (together ? together.backward(dys) : node.backward(dy, { take }));
  const grads = dy.device.scopes.run(() => backward().map((g) => g?.view()));
  inputs.forEach((input, i) => {
    const given = grads[i];
    if (!given) return;
    checkGradient(node, input, given);
    if (taken.has(i)) pending.delete(input);
    give(pending, input, given);
    taken.get(i)?.dispose();
  });
}

/** Adds a gradient, which it takes over, to what has arrived. */
function give(pending: Pending, to: Tensor, given: Tensor): void {
  const sofar = pending.get(to);
  const wanted = carriesGrad(to);
  const g = wanted ? inTypeOf(to, given) : given;
  if (wanted) pending.set(to, sofar ? g.device.scopes.run(() => accumulate(sofar, g)) : g);
  if (sofar || !wanted) g.dispose();
  if (wanted) sofar?.dispose();
}

/** A gradient has the dtype of its tensor, as PyTorch's: where an op gave another one, it is converted and freed. */
function inTypeOf(input: Tensor, g: Tensor): Tensor {
  if (g.dtype === input.dtype) return g;
  const fitted = g.device.empty(g.shape, input.dtype);
  copyElements(g, fitted);
  g.dispose();
  return fitted;
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
