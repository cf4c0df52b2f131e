/** Optimisers, gradient clipping, learning rates. */
export { Adam, type AdamSettings, AdamW } from "./adam.ts";
export { clipGradNorm } from "./clip.ts";
export { Optimiser, type Parameters } from "./optimiser.ts";
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
