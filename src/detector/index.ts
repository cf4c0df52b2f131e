/** What is done with a method, once for all of them. */
export type { Detector, StepPosition, TrainingImages } from "./detector.ts";
export { evaluatePredictions, type Prediction, predictBatches } from "./evaluate.ts";
export { type FitOptions, fit, type Progress, upload } from "./fit.ts";
export { RunFolder, type RunRecord, type TrainingCheckpoint } from "./run-folder.ts";
export {
  chooseThresholds,
  type ThresholdOptions,
  type ThresholdPolicy,
  type Thresholds,
} from "./thresholds.ts";
