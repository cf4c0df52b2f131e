/** What is done with a trained detector: predict the test images, measure, choose thresholds, write it all into the run folder. */
import { relative } from "node:path";
import { type Framing, framingOf } from "../data/index.ts";
import {
  chooseThresholds,
  type Detector,
  type Prediction,
  type RunFolder,
  type Thresholds,
} from "../detector/index.ts";
import { type ProtocolName, protocolNeeds } from "../metrics/index.ts";
import { type ColourScale, fitColourScale, scoresCsv } from "../report/index.ts";
import type { RunData } from "./class-data.ts";
import { type ClassedEvaluation, evaluateClasses } from "./class-evaluation.ts";
import { Outside } from "./outside.ts";
import { namesOf, writeMaps, writeOverlays } from "./pictures.ts";
import { predictSamples, type Reading, type Work } from "./predicting.ts";
import { framingFile } from "./recorded-framing.ts";
import { type BestByMetric, bestOnTest, type EpochMetrics, metricCsv } from "./results.ts";
import type { Terminal } from "./terminal.ts";
import { planThreshold, type ThresholdPlan } from "./threshold-plan.ts";

/** Where results go: a run folder, or one like it. */
export type Sink = Pick<RunFolder, "path" | "writeBytes" | "writeText" | "writeJson">;

/** How a run is evaluated; may differ from call to call. */
export interface EvaluationOptions extends Reading {
  /** Already chosen; then `threshold` is not looked at. */
  readonly thresholds?: Thresholds | undefined;
  /** Already fitted; otherwise it is fitted to these maps. */
  readonly scale?: ColourScale | undefined;
  /** As given to `--threshold`. */
  readonly threshold?: string | undefined;
  readonly protocol: ProtocolName;
  readonly maps: boolean;
  readonly images: boolean;
}

export interface RunEvaluation {
  /** undefined without test images. */
  readonly evaluation: ClassedEvaluation | undefined;
  readonly best: BestByMetric | undefined;
  readonly thresholds: Thresholds;
  /** undefined when nothing was predicted. */
  readonly scale: ColourScale | undefined;
  readonly predictions: readonly Prediction[];
}

/** Metrics only, in the course of a training. */
export async function measure(
  detector: Detector,
  dataset: RunData,
  options: EvaluationOptions,
  work: Work,
): Promise<ClassedEvaluation> {
  const { test } = dataset;
  const predictions = await predictTest(detector, test, options, work);
  return evaluateClasses(test, predictions, detector.images.size, options.protocol);
}

/** With the maps before smoothing, where the protocol measures those. */
function predictTest(
  detector: Detector,
  test: RunData["test"],
  options: EvaluationOptions,
  work: Work,
): Promise<Prediction[]> {
  const { rawMaps: raw } = protocolNeeds(options.protocol);
  return predictSamples(detector, test, "evaluating", work, { ...options, raw });
}

/**
 * Everything, written into the run's folder. `history`: earlier evaluations of this training, for the column that says so.
 * @param epoch epochs that the detector was trained for
 */
export async function evaluateRun(
  detector: Detector,
  dataset: RunData,
  run: Sink,
  options: EvaluationOptions,
  work: Work & { readonly epoch: number; readonly history?: readonly EpochMetrics[] },
): Promise<RunEvaluation> {
  const { terminal, epoch, history = [] } = work;
  const { size } = detector.images;
  const framing = framingOf(detector.images);
  const plan = planThreshold(options.threshold, dataset);
  const { test } = dataset;
  const outside = new Outside();
  const reading = { ...options, onFrame: outside.onFrame };
  const predictions = await predictTest(detector, test, reading, work);
  outside.warn(terminal);
  const evaluation =
    predictions.length > 0 ? evaluateClasses(test, predictions, size, options.protocol) : undefined;
  for (const warning of evaluation?.warnings ?? []) terminal.warn(warning);
  const onTrain = plan.from === "train" && !options.thresholds;
  const calibration = onTrain
    ? await predictSamples(detector, dataset.train, "scoring training images", work, options)
    : predictions;
  // that of cdo2025 lies below the pixels that it calls defective, not on one
  const pixelF1 = options.protocol === "cdo2025" ? undefined : evaluation?.thresholds.pixel;
  const thresholds = options.thresholds ?? choose(calibration, plan, pixelF1, terminal);
  const last = evaluation ? [{ epoch, metrics: evaluation.metrics }] : [];
  const best = history.length > 0 ? bestOnTest([...history, ...last], options.protocol) : undefined;
  const seen = predictions.length > 0 ? predictions : calibration;
  const fitted = seen.length > 0 ? fitColourScale(seen, thresholds.pixel) : undefined;
  const scale = options.scale ?? fitted;
  const result = { evaluation, best, thresholds, scale, predictions };
  await writeResults(run, result, dataset, epoch);
  if (scale) await writePictures(run, { ...result, scale }, dataset, framing, options, work);
  return result;
}

function choose(
  calibration: readonly Prediction[],
  plan: ThresholdPlan,
  pixelF1: number | undefined,
  terminal: Terminal,
): Thresholds {
  if (plan.warning) terminal.warn(plan.warning);
  const { thresholds, warnings } = chooseThresholds(calibration, plan.options, pixelF1);
  for (const warning of warnings) terminal.warn(warning);
  return thresholds;
}

async function writeResults(
  run: Sink,
  { evaluation, best, thresholds, predictions }: RunEvaluation,
  { test, testRoot }: RunData,
  epoch: number,
): Promise<void> {
  await run.writeJson("thresholds.json", thresholds);
  if (!evaluation) return;
  const note = "best_on_test is chosen on the test images for each metric by itself: not a result";
  await run.writeJson("metrics.json", {
    ...evaluation,
    epoch,
    images: predictions.length,
    chosen_thresholds: thresholds,
    ...(best ? { best_on_test: best, note } : {}),
  });
  const name = test[0]?.className ?? "";
  await run.writeText("metrics.csv", metricCsv(name, evaluation, best));
  const rows = predictions.map((p) => ({ ...p, path: relative(testRoot, p.path) }));
  await run.writeText("scores.csv", scoresCsv(rows, thresholds.image));
}

async function writePictures(
  run: Sink,
  { predictions, thresholds, scale }: RunEvaluation & { readonly scale: ColourScale },
  { testRoot, test }: RunData,
  framing: Framing,
  options: EvaluationOptions,
  work: Work,
): Promise<void> {
  await run.writeJson(colourScaleFile, scale);
  const names = namesOf(testRoot, test);
  const write = (name: string, bytes: Uint8Array) => run.writeBytes(name, bytes);
  await run.writeJson(framingFile, framing);
  if (options.maps) await writeMaps(names, predictions, framing.size, write);
  const look = { framing, scale, threshold: thresholds.image };
  if (options.images) await writeOverlays(names, predictions, look, write, work);
}

/** The run's colour scale, for later predictions. */
export const colourScaleFile = "colour-scale.json";
