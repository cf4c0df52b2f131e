/** Reverse-mode differentiation: what is done with the gradients of a graph. */
import { LoupeError } from "../error.ts";
import { accumulate, copyElements } from "./ops/accumulate.ts";
import { propagate } from "./propagate.ts";
import type { Tensor } from "./tensor.ts";

export {
  type Backward,
  carriesGrad,
  customGrad,
  enableGrad,
  isGradEnabled,
  type Node,
  noGrad,
  track,
  trackAll,
} from "./graph.ts";

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
