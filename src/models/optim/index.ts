/** Optimisers, gradient clipping, learning rates. */
export { Adam, type AdamSettings, AdamW } from "./adam.ts";
export { clipGradNorm, type Unscaled, unscaleGrads } from "./clip.ts";
export { GradScaler, type GradScalerSettings } from "./grad-scaler.ts";
export { Optimiser, type Parameters, type StepOptions } from "./optimiser.ts";
export {
  cosineAnnealingLR,
  epochStepLR,
  exponentialLR,
  linearLR,
  perEpoch,
  type Schedule,
  stepLR,
  warmUp,
} from "./schedules.ts";
export { SGD, type SgdSettings } from "./sgd.ts";
export { WeightAverage } from "./weight-average.ts";
