/** From scores and masks to numbers: exact localisation metrics on typed arrays, and the references' own as named protocols. */
export { type AdevalScores, adevalScores } from "./adeval.ts";
export { type AuproOptions, auproScore } from "./aupro.ts";
export { defaultColumns } from "./columns.ts";
export { type Components, type Connectivity, connectedComponents } from "./components.ts";
export {
  type PrecisionRecallCurve,
  precisionRecallCurve,
  type RocCurve,
  rocCurve,
} from "./curves.ts";
export { type EvaluateOptions, type Evaluation, evaluate } from "./evaluate.ts";
export { topFractionMean } from "./imagescore.ts";
export type { Labels } from "./labels.ts";
export { mean, type SignedRankTest, standardDeviation, wilcoxon } from "./paired.ts";
export type { FloatArray, MaskArray, PixelInput } from "./pixels.ts";
export { type F1Threshold, maxF1Threshold, quantileThreshold } from "./policy.ts";
export { calProMetric, calProScore, proAucPixel } from "./pro.ts";
export {
  type ProtocolName,
  type ProtocolNeeds,
  protocolNames,
  protocolNeeds,
} from "./protocols.ts";
export type { EvaluationInput, LabelSource } from "./samples.ts";
export { averagePrecisionScore, f1Max, rocAucScore } from "./scores.ts";
export type { BestF1 } from "./summary.ts";
