/** What people look at: overlays and contact sheets as images, tables, CSV and histograms as text. Pure functions, no files. */
export { type Judgement, judge, shortNumber, type Verdict, verdictOf } from "./caption.ts";
export {
  type ColourScale,
  colourAt,
  colourScale,
  fitColourScale,
  type Rgba,
  scalePosition,
} from "./colour-scale.ts";
export {
  type CompareOptions,
  type Comparison,
  compareRuns,
  comparisonCsv,
  comparisonHtml,
  comparisonJson,
  comparisonMarkdown,
  comparisonText,
  curvesScene,
  type Distribution,
  type DistributionGroup,
  distributionsScene,
  overlapCoefficient,
  type PlacedRun,
  type Run,
  type RunDistributions,
  type RunText,
  readRuns,
  ScoreCounter,
  type Statistic,
  sceneImage,
  sceneSvg,
  summaryText,
  tablesScene,
} from "./compare/index.ts";
export { contactSheet, type SheetOptions, type SheetSection } from "./contact-sheet.ts";
export { contourLines, contourStroke, drawContour } from "./contour.ts";
export { type MetricsRow, metricsCsv, type ScoreRow, scoresCsv } from "./csv.ts";
export { type Grid, gridOf, resizeGrid } from "./grid.ts";
export { heatOverlay } from "./heat.ts";
export { type HistogramOptions, histogram } from "./histogram.ts";
export { drawLegend, scaleBar } from "./legend.ts";
export { fixed, percent } from "./numbers.ts";
export { drawOverlay, type OverlayOptions } from "./overlay.ts";
export { drawPanels, drawTruth, type Panels, type Sample } from "./panels.ts";
export {
  type PreviewCell,
  type PreviewRow,
  type PreviewSheet,
  previewSheet,
} from "./preview-sheet.ts";
export { chromeTrace, type KernelTime, kernelTimes, profileTable } from "./profile.ts";
export {
  averageOf,
  averageSpread,
  type ClassResults,
  columnsOf,
  meanRows,
  type RunStatistics,
  resultsCsv,
  runStatistics,
  type SummaryRow,
  spreadRows,
  summaryCsv,
  type Values,
} from "./results-csv.ts";
export {
  type RunsSection,
  type RunsSheet,
  runsSheet,
  type SheetCells,
  type SheetColumn,
  type SheetRun,
} from "./runs-sheet.ts";
export type { Point, Polyline, Stroke } from "./stroke.ts";
export {
  averageRow,
  type Cell,
  type Column,
  formatTable,
  markdownTable,
  type Row,
} from "./table.ts";
export { displayWidth, printable } from "./terminal-text.ts";
