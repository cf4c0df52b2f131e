/** CFA, Lee, Lee and Song, "CFA: Coupled-Hypersphere-Based Feature Adaptation for Target-Oriented Anomaly Localization" (2022). */
export { type BankOptions, meanBank, paperBank } from "./bank.ts";
export { type CfaConfig, cfaConfig, cfaDefaults } from "./config.ts";
export { coordinates, Descriptor, type DescriptorShape, pooled } from "./descriptor.ts";
export { Cfa, type CfaOptions, createCfa } from "./detector.ts";
export { PatchLearner } from "./learner.ts";
export { type CfaLossOptions, cfaLoss, cfaTerms } from "./loss.ts";
export { PatchModel, type PatchModelShape } from "./model.ts";
export { softminScore } from "./score.ts";
