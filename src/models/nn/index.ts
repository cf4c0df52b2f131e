/** Layers. */
export {
  addRelu,
  Identity,
  MaxPool2d,
  type MaxPoolSettings,
  ReLU,
  takeRelu,
} from "./activation.ts";
export { BatchNorm2d, type BatchNormSettings } from "./batch-norm.ts";
export { applyNorm, applyNormRelu, convNorm } from "./conv-norm.ts";
export { Conv2d, type Conv2dSettings } from "./conv2d.ts";
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
} from "./init.ts";
export { LayerNorm, type LayerNormSettings } from "./layer-norm.ts";
export { Linear, type LinearSettings } from "./linear.ts";
export { Layer, type LoadOptions, Module } from "./module.ts";
export { chain, frugal, ModuleList, Sequential } from "./sequential.ts";
