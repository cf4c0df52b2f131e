/** CDO, Cao et al., "Collaborative Discrepancy Optimization for Reliable Image Anomaly Localization" (2023), and its 2025 code. */
export { type CdoConfig, type CdoVersion, cdoConfig, cdoDefaults } from "./config.ts";
export {
  type Curriculum,
  type CurriculumConfig,
  createCurriculum,
  curriculumConfig,
  curriculumOfTokens,
  curriculumOfWords,
  nameOfCurriculum,
  parseScores,
} from "./curriculum/index.ts";
export { Cdo, type CdoOptions, createCdo } from "./detector.ts";
export { type CdoLossOptions, cdoLoss } from "./loss.ts";
export * from "./losses/index.ts";
export { anomalyMap } from "./map.ts";
export type { LrSchedule, Optimisation } from "./optimisation.ts";
