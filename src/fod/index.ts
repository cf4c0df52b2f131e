/** FOD, Yao et al., "Focus the Discrepancy: Intra- and Inter-Correlation Learning for Image Anomaly Detection" (ICCV 2023). */
export { type FodConfig, fodConfig, fodDefaults } from "./config.ts";
export { Correlations, spread } from "./correlation.ts";
export { createFod, Fod, type FodOptions } from "./detector.ts";
export { distanceMap } from "./distance-maps.ts";
export { Embedding, type Grid, positionTable } from "./embedding.ts";
export type { Branches } from "./encoder.ts";
export type { LevelInput } from "./level.ts";
export { Levels as FodLevels } from "./levels.ts";
export { type LevelLoss, type LossWeights, levelLoss, toldNames } from "./losses.ts";
export { LevelNetwork, type LevelShape, type Reconstruction } from "./model.ts";
export {
  type Reference,
  type ReferenceOrigin,
  readReference,
  streamReference,
  writeReference,
} from "./reference.ts";
export { scoredBranches, scoreMap, tokenScores } from "./score.ts";
export { tokensOf } from "./tokens.ts";
