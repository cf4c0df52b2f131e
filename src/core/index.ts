/** The engine's API: a device, tensors, ops with their gradients. */
export { LoupeError } from "../error.ts";
export {
  type BackwardOptions,
  backward,
  carriesGrad,
  customGrad,
  grad,
  isGradEnabled,
  noGrad,
  track,
  trackAll,
} from "./autograd.ts";
export { capsOf } from "./caps.ts";
export { Device } from "./device.ts";
export { fromF16, toF16 } from "./f16.ts";
export {
  assertGradients,
  type GradcheckOptions,
  type GradcheckResult,
  gradcheck,
} from "./gradcheck.ts";
export { type Kmeans, type KmeansOptions, kmeans } from "./kmeans.ts";
export { launch } from "./launch.ts";
export { describeMatrixUnits, findMatrixUnits, type MatrixFinding } from "./matrix-units.ts";
export { formatBytes, type MemoryStats } from "./memory.ts";
export { moveTogether } from "./move-together.ts";
export { type AdapterInfo, type DeviceOptions, openDevice } from "./open.ts";
export { copyElements } from "./ops/accumulate.ts";
export * from "./ops/index.ts";
export {
  type ForcedPlans,
  type PlanCase,
  type PlanChoices,
  Planner,
  type Trial,
} from "./planner.ts";
export { keepPlans, type PlanSource, planCachePlace } from "./planner-cache.ts";
export {
  formatPlanTable,
  type PlanAdapter,
  type PlanTable,
  parsePlanTable,
  planTable,
} from "./planner-table.ts";
export {
  choicesOf,
  type TunedCase,
  type TuneOptions,
  tune,
  type WrongPlan,
} from "./planner-tune.ts";
export {
  type Precision,
  precisionNow,
  preferredPrecision,
  requirePrecision,
  withPrecision,
} from "./precision.ts";
export { type Profile, type ProfiledLaunch, type ProfileOptions, profile } from "./profile.ts";
export { everyRun, type PrepareOptions, type Program, program } from "./program.ts";
export { once, recompute } from "./recompute.ts";
export type { MemoryPlan } from "./recorded.ts";
export { Rng, type RngState } from "./rng.ts";
export { formatLeaks, type Leak } from "./scope.ts";
export { type HostArray, type Shape, Tensor } from "./tensor.ts";
export type { Outputs, TensorType } from "./trace.ts";
