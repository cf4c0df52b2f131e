/** Convolution layer; `[kh, kw, I / groups, O]` in memory, `[O, I / groups, kh, kw]` in its state dict. */
import { type Conv2dOptions, conv2d, type Pair, type Tensor } from "../../core/index.ts";
import { LoupeError } from "../../error.ts";
import { type Build, biasBound, defaultWeight, drawn, type Initialiser, uniform } from "./init.ts";
import { Layer } from "./module.ts";

/** Zeros before and after `side` pixels. */
export type PaddingRule = (side: number) => readonly [before: number, after: number];

export interface Conv2dSettings extends Omit<Conv2dOptions, "padding"> {
  readonly kernelSize: Pair;
  /** Zeros around the image; a rule is asked with its height and its width. */
  readonly padding?: Conv2dOptions["padding"] | PaddingRule;
  /** Default true. */
  readonly bias?: boolean;
  /** Default: PyTorch's, Kaiming-uniform with a = √5. */
  readonly init?: Initialiser;
  /** Default: PyTorch's, uniform within ± 1/√fanIn. */
  readonly biasInit?: Initialiser;
}

/** TensorFlow's "same": ⌈side / stride⌉ pixels come out; of an odd number of zeros the larger part comes after. */
export function samePadding(kernel: number, stride: number): PaddingRule {
  return (side) => {
    const total = Math.max(0, (Math.ceil(side / stride) - 1) * stride + kernel - side);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  };
}

/** @example const conv = new Conv2d({ device, rng }, 3, 64, { kernelSize: 7, stride: 2, padding: 3 }); */
export class Conv2d extends Layer {
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;
  readonly #settings: Omit<Conv2dSettings, "kernelSize">;
  readonly #text: string;

  constructor(build: Build, inChannels: number, outChannels: number, settings: Conv2dSettings) {
    super();
    const { kernelSize, bias = true, init = defaultWeight, ...rest } = settings;
    const [kh, kw] = typeof kernelSize === "number" ? [kernelSize, kernelSize] : kernelSize;
    const { groups = 1 } = rest;
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      const rule = `${inChannels} and ${outChannels} channels do not divide into ${groups} groups`;
      throw new LoupeError("shape", `Conv2d: ${rule}`);
    }
    const shape = [kh, kw, inChannels / groups, outChannels];
    this.weight = this.parameter("weight", drawn(build, shape, init), "conv");
    const ofBias: Initialiser = rest.biasInit ?? ((s, rng) => uniform(s, rng, biasBound(shape)));
    this.bias = bias ? this.parameter("bias", drawn(build, [outChannels], ofBias)) : undefined;
    this.#settings = rest;
    this.#text = `Conv2d(${inChannels}, ${outChannels}, ${kh} × ${kw})`;
  }

  /** `[N, H, W, I]` to `[N, OH, OW, O]`. */
  forward(x: Tensor): Tensor {
    return conv2d(x, this.weight, this.bias, this.optionsFor(x));
  }

  /** What the op is called with for these images. */
  optionsFor(x: Tensor): Conv2dOptions {
    const { stride = 1, dilation = 1, groups = 1, padding = 0 } = this.#settings;
    const [, h = 0, w = 0] = x.shape;
    if (typeof padding !== "function") return { stride, dilation, groups, padding };
    const [[top, bottom], [left, right]] = [padding(h), padding(w)];
    return { stride, dilation, groups, padding: [top, bottom, left, right] };
  }

  override toString(): string {
    return this.#text;
  }
}
