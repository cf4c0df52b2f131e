/** CFA, Lee, Lee and Song, "CFA: Coupled-Hypersphere-Based Feature Adaptation for Target-Oriented Anomaly Localization" (2022). */
export { type CfaConfig, cfaConfig, cfaDefaults } from "./config.ts";
export { Cfa, type CfaOptions, createCfa } from "./detector.ts";
export { type CfaLossOptions, cfaLoss } from "./loss.ts";
export { softminScore } from "./score.ts";
