/** Convolution layer; `[kh, kw, I / groups, O]` in memory, `[O, I / groups, kh, kw]` in its state dict. */
import { type Conv2dOptions, conv2d, type Pair, type Tensor } from "../../core/index.ts";
import { LoupeError } from "../../error.ts";
import { type Build, biasBound, defaultWeight, drawn, type Initialiser, uniform } from "./init.ts";
import { Layer } from "./module.ts";

export interface Conv2dSettings extends Conv2dOptions {
  readonly kernelSize: Pair;
  /** Default true. */
  readonly bias?: boolean;
  /** Default: PyTorch's, Kaiming-uniform with a = √5. */
  readonly init?: Initialiser;
}

/** @example const conv = new Conv2d({ device, rng }, 3, 64, { kernelSize: 7, stride: 2, padding: 3 }); */
export class Conv2d extends Layer {
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;
  readonly options: Conv2dOptions;
  readonly #text: string;

  constructor(build: Build, inChannels: number, outChannels: number, settings: Conv2dSettings) {
    super();
    const { kernelSize, bias = true, init = defaultWeight, ...options } = settings;
    const [kh, kw] = typeof kernelSize === "number" ? [kernelSize, kernelSize] : kernelSize;
    const { groups = 1 } = options;
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      const rule = `${inChannels} and ${outChannels} channels do not divide into ${groups} groups`;
      throw new LoupeError("shape", `Conv2d: ${rule}`);
    }
    const shape = [kh, kw, inChannels / groups, outChannels];
    this.weight = this.parameter("weight", drawn(build, shape, init), "conv");
    const ofBias = (s: readonly number[], rng: NonNullable<Build["rng"]>) =>
      uniform(s, rng, biasBound(shape));
    this.bias = bias ? this.parameter("bias", drawn(build, [outChannels], ofBias)) : undefined;
    this.options = options;
    this.#text = `Conv2d(${inChannels}, ${outChannels}, ${kh} × ${kw})`;
  }

  /** `[N, H, W, I]` to `[N, OH, OW, O]`. */
  forward(x: Tensor): Tensor {
    return conv2d(x, this.weight, this.bias, this.options);
  }

  override toString(): string {
    return this.#text;
  }
}
