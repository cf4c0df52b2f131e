/** Normalisation over the last axes of each sample. Ba, Kiros and Hinton 2016; PyTorch's `LayerNorm`. */
import { layerNorm, type Shape, type Tensor } from "../../core/index.ts";
import type { Build } from "./init.ts";
import { Layer } from "./module.ts";

export interface LayerNormSettings {
  /** Default 1e-5. */
  readonly eps?: number;
  /** Default true: a scale and a shift for each element of the normalised shape. */
  readonly elementwiseAffine?: boolean;
}

/** @example const norm = new LayerNorm({ device, rng }, 256); */
export class LayerNorm extends Layer {
  readonly weight: Tensor | undefined;
  readonly bias: Tensor | undefined;
  readonly #shape: Shape;
  readonly #eps: number;

  /** @param normalizedShape sizes of the last axes; one number for the last axis alone */
  constructor(
    { device }: Build,
    normalizedShape: number | Shape,
    settings: LayerNormSettings = {},
  ) {
    super();
    const { eps = 1e-5, elementwiseAffine = true } = settings;
    this.#shape = typeof normalizedShape === "number" ? [normalizedShape] : normalizedShape;
    this.#eps = eps;
    const make = (name: string, value: number) =>
      elementwiseAffine ? this.parameter(name, device.full(this.#shape, value)) : undefined;
    this.weight = make("weight", 1);
    this.bias = make("bias", 0);
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, this.#shape, this.weight, this.bias, this.#eps);
  }
}
