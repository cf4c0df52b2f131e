/** Layers without weights. */
import { maxPool2d, type Pair, relu, type Tensor } from "../../core/index.ts";
import { Layer } from "./module.ts";

export class ReLU extends Layer {
  forward(x: Tensor): Tensor {
    return relu(x);
  }
}

export class Identity extends Layer {
  forward(x: Tensor): Tensor {
    return x;
  }
}

export interface MaxPoolSettings {
  readonly kernelSize: Pair;
  /** Default: the kernel's size. */
  readonly stride?: Pair;
  /** Default 0. */
  readonly padding?: Pair;
}

export class MaxPool2d extends Layer {
  readonly #settings: MaxPoolSettings;

  constructor(settings: MaxPoolSettings) {
    super();
    this.#settings = settings;
  }

  /** `[N, H, W, C]` to `[N, OH, OW, C]`. */
  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.#settings);
  }
}
