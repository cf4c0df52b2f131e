/** Experiments side by side: from the text of run folders to a comparison, and from that to pictures and documents. */
export {
  type DistributionGroup,
  distributionsScene,
  type RunDistributions,
} from "./distributions.ts";
export { comparisonHtml } from "./html.ts";
export { comparisonJson } from "./json.ts";
export { type CompareOptions, type Comparison, compareRuns, type PlacedRun } from "./model.ts";
export { curvesScene, tablesScene } from "./picture.ts";
export { type Run, type RunText, readRuns } from "./run.ts";
export { sceneImage } from "./scene-image.ts";
export { sceneSvg } from "./scene-svg.ts";
export { type Distribution, overlapCoefficient, ScoreCounter } from "./score-counter.ts";
export type { Statistic } from "./table.ts";
export { comparisonCsv } from "./table-csv.ts";
export { comparisonMarkdown, comparisonText, summaryText } from "./text.ts";
