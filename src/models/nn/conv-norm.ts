/** Convolution, BatchNorm, ReLU: what every backbone here is made of. */
import type { Tensor } from "../../core/index.ts";
import { takeRelu } from "./activation.ts";
import { BatchNorm2d } from "./batch-norm.ts";
import { Conv2d, type Conv2dSettings } from "./conv2d.ts";
import type { Build } from "./init.ts";
import type { Layer } from "./module.ts";
import { frugal } from "./sequential.ts";

/** `[conv, bn]`, the convolution without bias. */
export function convNorm(
  build: Build,
  inChannels: number,
  outChannels: number,
  settings: Conv2dSettings,
): [Conv2d, BatchNorm2d] {
  const conv = new Conv2d(build, inChannels, outChannels, { bias: false, ...settings });
  return [conv, new BatchNorm2d(build, outChannels)];
}

/** bn(conv(x)), keeping only the result where no gradient is wanted. */
export function applyNorm(x: Tensor, conv: Layer, bn: Layer): Tensor {
  return frugal(x, () => bn.forward(conv.forward(x)));
}

/** relu(bn(conv(x))), keeping only the result where no gradient is wanted. */
export function applyNormRelu(x: Tensor, conv: Layer, bn: Layer): Tensor {
  return frugal(x, () => takeRelu(applyNorm(x, conv, bn)));
}
