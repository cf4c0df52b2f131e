/** Layers. */
export { Identity, MaxPool2d, type MaxPoolSettings, ReLU } from "./activation.ts";
export { type AfterNorm, BatchNorm2d, type BatchNormSettings } from "./batch-norm.ts";
export { applyNorm, applyNormRelu, applySilu, convNorm } from "./conv-norm.ts";
export { Conv2d, type Conv2dSettings, type PaddingRule, samePadding } from "./conv2d.ts";
export { chain, frugal } from "./frugal.ts";
export {
  type Build,
  biasBound,
  defaultWeight,
  fans,
  type Initialiser,
  type KaimingOptions,
  kaimingBound,
  kaimingNormal,
  kaimingStd,
  kaimingUniform,
  normal,
  uniform,
  zeros,
} from "./init.ts";
export { LayerNorm, type LayerNormSettings } from "./layer-norm.ts";
export { Linear, type LinearSettings } from "./linear.ts";
export { Layer, type LoadOptions, Module } from "./module.ts";
export { ModuleList, Sequential } from "./sequential.ts";
