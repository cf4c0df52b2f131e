/** Layers one after the other, named "0", "1" and so on, and the plain list that only names them. */
import { isGradEnabled, type Tensor } from "../../core/index.ts";
import { ReLU, takeRelu } from "./activation.ts";
import { BatchNorm2d } from "./batch-norm.ts";
import { Layer, Module } from "./module.ts";

/** @example const stem = new Sequential([new Conv2d(build, 3, 64, { kernelSize: 3 }), new ReLU()]); */
export class Sequential extends Layer {
  readonly layers: readonly Layer[];

  constructor(layers: readonly Layer[]) {
    super();
    this.layers = layers;
    layers.forEach((layer, i) => void this.child(String(i), layer));
  }

  forward(x: Tensor): Tensor {
    const steps = this.layers.map((layer, i) => {
      const taking = layer instanceof ReLU && this.layers[i - 1] instanceof BatchNorm2d;
      return taking ? takeRelu : (y: Tensor) => layer.forward(y);
    });
    return chain(x, steps);
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

/**
 * Runs steps one after the other. Without gradients nobody needs what lies between, so each result is freed as soon as the
 * next one is there; with gradients everything stays for `backward`.
 */
export function chain(x: Tensor, steps: readonly ((x: Tensor) => Tensor)[]): Tensor {
  let y = x;
  for (const step of steps) {
    const next = frugal(x, () => step(y));
    if (!isGradEnabled() && y !== x && y !== next) y.dispose();
    y = next;
  }
  return y;
}

/** Runs `fn` in a scope of its own unless gradients need what it makes. */
export function frugal<T>({ device }: Tensor, fn: () => T): T {
  return isGradEnabled() ? fn() : device.scope(fn);
}
