/** What is done with a method, once for all of them. */
export type { EpochPlan, TrainingSet } from "./course.ts";
export type { Detector, StepPosition, TrainingImages, TrainingMemory } from "./detector.ts";
export { evaluatePredictions } from "./evaluate.ts";
export * as fields from "./fields.ts";
export { type FitOptions, fit, type Progress, upload } from "./fit.ts";
export {
  type DetectorOptions,
  FrozenNetwork,
  type FrozenSettings,
  type FrozenWeights,
} from "./frozen.ts";
export { type Prediction, predictBatches } from "./predict.ts";
export { RunFolder } from "./run-folder.ts";
export type { RunRecord } from "./run-record.ts";
export { smoothed } from "./smoothed.ts";
export { jsonOf, jsonTensor, loadPart, prefixed, split } from "./state-parts.ts";
export {
  chooseThresholds,
  type Scored,
  type ThresholdOptions,
  type ThresholdPolicy,
  type Thresholds,
} from "./thresholds.ts";
export type { SavedCheckpoint, TrainingCheckpoint } from "./training-checkpoint.ts";
