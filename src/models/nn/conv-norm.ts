/** Convolution, BatchNorm, a sum, ReLU: what every backbone here is made of. */
import { carriesGrad, conv2dFused, isGradEnabled, silu, type Tensor } from "../../core/index.ts";
import { type AfterNorm, BatchNorm2d, type BatchNormSettings } from "./batch-norm.ts";
import { Conv2d, type Conv2dSettings } from "./conv2d.ts";
import { frugal } from "./frugal.ts";
import type { Build } from "./init.ts";

/** `[conv, bn]`, the convolution without bias unless told otherwise. */
export function convNorm(
  build: Build,
  inChannels: number,
  outChannels: number,
  settings: Conv2dSettings,
  norm: BatchNormSettings = {},
): [Conv2d, BatchNorm2d] {
  const conv = new Conv2d(build, inChannels, outChannels, { bias: false, ...settings });
  return [conv, new BatchNorm2d(build, outChannels, norm)];
}

/**
 * act(bn(conv(x)) + residual). One launch where running statistics are used and no gradient is wanted; a bias and a residual at once
 * would be more buffers than WebGPU promises.
 */
export function applyNorm(x: Tensor, conv: Conv2d, bn: BatchNorm2d, after: AfterNorm = {}): Tensor {
  const { weight, bias } = conv;
  const tooMany = bias !== undefined && after.residual !== undefined;
  const wanted = wantsGrad([x, weight, bias, bn.weight, bn.bias, after.residual]);
  if (bn.training || tooMany || wanted) {
    return frugal(x, () => bn.forward(conv.forward(x), after));
  }
  const options = conv.optionsFor(x);
  return conv2dFused(x, weight, { ...options, shift: bias, norm: bn.statistics, ...after });
}

/** relu(bn(conv(x))). */
export function applyNormRelu(x: Tensor, conv: Conv2d, bn: BatchNorm2d): Tensor {
  return applyNorm(x, conv, bn, { relu: true });
}

/** silu(conv(x)), in one launch where no gradient is wanted. */
export function applySilu(x: Tensor, conv: Conv2d): Tensor {
  const { weight, bias } = conv;
  if (wantsGrad([x, weight, bias])) return silu(conv.forward(x));
  return conv2dFused(x, weight, { ...conv.optionsFor(x), shift: bias, silu: true });
}

function wantsGrad(tensors: readonly (Tensor | undefined)[]): boolean {
  return isGradEnabled() && tensors.some((t) => t && carriesGrad(t));
}
