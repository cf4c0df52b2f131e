/** Layers without weights. */
import { map, maxPool2d, type Pair, relu, type Tensor, track } from "../../core/index.ts";
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

/** relu(x), which takes x's memory: its gradient reads the result alone. For an x that nothing else reads. */
export function takeRelu(x: Tensor): Tensor {
  const y = relu(x);
  x.forgetValues();
  return y;
}

/** relu(a + b) in one launch: the end of every residual block. Both arguments get the same gradient. */
export function addRelu(a: Tensor, b: Tensor): Tensor {
  const y = map("addRelu", { f: "select(a + b, T(0), a + b <= T(0))" }, { a, b });
  return track("addRelu", y, [a, b], (g) => {
    const d = map("addRelu gradient", { f: "select(T(0), g, y > T(0))" }, { g, y });
    return [d, d];
  });
}
