/** Products of f16 operands on matrix units (tensor cores). */
export type { MatrixLayout } from "./body.ts";
export type { MatrixCaps, MatrixConfig, MatrixDialect } from "./caps.ts";
export { halfFragments } from "./caps.ts";
export { matrixConvKernel } from "./conv.ts";
export type { MatrixUnit } from "./dialect.ts";
export { matrixMisfit, workgroupBytes } from "./fit.ts";
export { matrixInputGradKernel } from "./input-grad.ts";
export { matrixMatmulKernel } from "./matmul.ts";
export {
  convNeeds,
  inputGradNeeds,
  matmulNeeds,
  type ProductNeeds,
  weightGradNeeds,
} from "./needs.ts";
export {
  type MatrixPlan,
  matrixConvPlans,
  matrixInputGradPlans,
  matrixMatmulPlans,
  matrixTiles,
  matrixWeightGradPlans,
  trialMatrixKernel,
} from "./plans.ts";
export { type MatrixTile, tileName } from "./tile.ts";
export { matrixWeightGradKernel } from "./weight-grad.ts";
