/** Products of matrices and convolutions. */
export { convProduct, inputGradProduct, weightGradProduct } from "./conv-operands.ts";
export type { ConvShape } from "./conv-shape.ts";
export {
  type DepthwisePlan,
  depthwiseInputGradKernel,
  depthwiseKernel,
  depthwiseWeightGradKernel,
} from "./depthwise.ts";
export { directConvKernel } from "./direct-conv.ts";
export { directInputGradKernel, suitsTurnedWeight } from "./direct-input-grad.ts";
export { directMatmulKernel } from "./direct-matmul.ts";
export { directWeightGradKernel, weightGradChunks } from "./direct-weight-grad.ts";
export { matmulProduct } from "./matmul-operands.ts";
export type { MatmulShape } from "./matmul-shape.ts";
export * from "./plans.ts";
export { type PartsShape, sumPartsKernel } from "./sum-parts.ts";
export { type ProductSize, type TiledPlan, tiledPlans } from "./tile-plans.ts";
export { tiledKernel } from "./tiled.ts";
export { suitsWinograd, type TileSide, type WinogradPlan } from "./winograd.ts";
export {
  type Tiles,
  winogradInputKernel,
  winogradOutputGradKernel,
  winogradOutputKernel,
  winogradWeightGradKernel,
  winogradWeightKernel,
} from "./winograd-kernels.ts";
export { allF32, type Epilogue, type ProductTypes } from "./write.ts";
