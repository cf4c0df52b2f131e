/** All ops. */
export { argmax, argmin } from "./argmax.ts";
export {
  type Attended,
  type AttentionOptions,
  type AttentionPrior,
  attention,
} from "./attention.ts";
export { type BatchNormOptions, batchNorm } from "./batch-norm.ts";
export { type CdistOptions, cdist } from "./cdist.ts";
export {
  type Conv2dFusedOptions,
  type Conv2dOptions,
  conv2d,
  conv2dFused,
  type Pair,
} from "./conv2d.ts";
export { cosineSimilarity } from "./cosine-similarity.ts";
export { gather, scatterAdd } from "./gather.ts";
export { type GaussianBlurOptions, gaussianBlur } from "./gaussian-blur.ts";
export { type IndexList, indexAdd, indexSelect } from "./index-select.ts";
export { type InterpolateOptions, interpolate } from "./interpolate.ts";
export { type InterpolateSumOptions, interpolateSum } from "./interpolate-sum.ts";
export { layerNorm } from "./layer-norm.ts";
export {
  type CrossEntropyOptions,
  crossEntropy,
  type LossOptions,
  mseLoss,
  type Reduction,
} from "./loss.ts";
export { map, type Operand, type PointwiseRow } from "./map.ts";
export { type MatmulFlags, matmul } from "./matmul.ts";
export { type NearestOptions, nearest } from "./nearest.ts";
export { type NormalizeOptions, normalize } from "./normalize.ts";
export { type PadOptions, pad, padAxes } from "./pad.ts";
export { permute } from "./permute.ts";
export * from "./pointwise.ts";
export {
  type AvgPool2dOptions,
  adaptiveAvgPool2d,
  adaptiveMaxPool2d,
  avgPool2d,
  type MaxPool2dOptions,
  maxPool2d,
} from "./pool2d.ts";
export { max, mean, min, norm, std, sum, variance } from "./reduce.ts";
export { concat, expand, reshape, slice, stack } from "./shape.ts";
export { logSoftmax, softmax } from "./softmax.ts";
export { type Ordered, type SortOptions, sort, type TopkOptions, topk } from "./sort.ts";
export { unitDistance } from "./unit-distance.ts";
