/** Layers one after the other, named "0", "1" and so on, and the plain list that only names them. */
import { add, relu, silu, type Tensor } from "../../core/index.ts";
import { ReLU } from "./activation.ts";
import { type AfterNorm, BatchNorm2d } from "./batch-norm.ts";
import { applyNorm } from "./conv-norm.ts";
import { Conv2d } from "./conv2d.ts";
import { chain } from "./frugal.ts";
import { Layer, Module } from "./module.ts";

/** @example const stem = new Sequential([new Conv2d(build, 3, 64, { kernelSize: 3 }), new ReLU()]); */
export class Sequential extends Layer {
  readonly layers: readonly Layer[];
  readonly #steps: readonly Step[];

  constructor(layers: readonly Layer[]) {
    super();
    this.layers = layers;
    layers.forEach((layer, i) => void this.child(String(i), layer));
    this.#steps = stepsOf(layers);
  }

  /** act(layers(x) + residual), in the last layer's launch where that is a BatchNorm. */
  forward(x: Tensor, after: AfterNorm = {}): Tensor {
    const last = this.#steps.length - 1;
    return chain(
      x,
      this.#steps.map((step, i) => (y: Tensor) => step(y, i === last ? after : {})),
    );
  }
}
/** Modules under their positions; `undefined` leaves a gap in the numbering, as a `None` does in PyTorch. */
export class ModuleList<M extends Module> extends Module {
  readonly items: readonly (M | undefined)[];

  constructor(items: readonly (M | undefined)[]) {
    super();
    this.items = items;
    items.forEach((item, i) => void (item && this.child(String(i), item)));
  }
}

/** One launch or more of a sequence, and what is done to the last one's result. */
type Step = (x: Tensor, after: AfterNorm) => Tensor;

/** A convolution goes with the BatchNorm that follows it, and that with its ReLU. */
function stepsOf(layers: readonly Layer[]): Step[] {
  const steps: Step[] = [];
  for (let i = 0; i < layers.length; i++) {
    const [a, b, c] = layers.slice(i, i + 3) as [Layer, Layer?, Layer?];
    if (!(a instanceof Conv2d && b instanceof BatchNorm2d)) {
      steps.push(stepOf(a));
    } else if (c instanceof ReLU) {
      steps.push((x, after) => finish(applyNorm(x, a, b, { relu: true }), after));
      i += 2;
    } else {
      steps.push((x, after) => applyNorm(x, a, b, after));
      i += 1;
    }
  }
  return steps;
}

function stepOf(layer: Layer): Step {
  if (layer instanceof Sequential) return (x, after) => layer.forward(x, after);
  return (x, after) => finish(layer.forward(x), after);
}

function finish(y: Tensor, { residual, relu: ends, silu: smooth }: AfterNorm): Tensor {
  const sum = residual ? add(y, residual) : y;
  if (smooth) return silu(sum);
  return ends ? relu(sum) : sum;
}
