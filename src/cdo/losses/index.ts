/** The losses of the 2025 code beside CDO's own. Left out, with the reasons in docs/decisions.md: GAN terms, LPIPS, FFT, plain sums. */
export { deviationLoss } from "./deviation.ts";
export {
  type CosineLossOptions,
  cosineLoss,
  type FeatureLoss,
  featureLosses,
  klLoss,
  type Levels,
  l1Loss,
  l2Loss,
  unitFeatureLoss,
} from "./features.ts";
export { type IkdOptions, type IkdResult, ikdLoss } from "./ikd.ts";
export {
  type BinaryFocalOptions,
  binaryDiceLoss,
  binaryFocalLoss,
  type FocalOptions,
  focalLoss,
  type SegmentOptions,
  segmentCrossEntropy,
  softTargetCrossEntropy,
} from "./segmentation.ts";
export { type SsimOptions, ssimLoss } from "./ssim.ts";
