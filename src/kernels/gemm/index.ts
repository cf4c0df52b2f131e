/** Products of matrices and convolutions. */
export { type ConvShape, convKey } from "./conv-shape.ts";
export { directConvKernel } from "./direct-conv.ts";
export { directInputGradKernel } from "./direct-input-grad.ts";
export { directMatmulKernel, type MatmulShape, matmulKey } from "./direct-matmul.ts";
export { directWeightGradKernel, weightGradChunks } from "./direct-weight-grad.ts";
export * from "./plans.ts";
export { sumPartsKernel } from "./sum-parts.ts";
export { allF32, type Epilogue, type ProductTypes } from "./write.ts";
