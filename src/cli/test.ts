/** `loupe test`: evaluates a trained run again, on its own test images or on others. */
import { join, resolve } from "node:path";
import { z } from "zod";
import { scanFolder } from "../data/index.ts";
import { RunFolder } from "../detector/index.ts";
import { LoupeError } from "../error.ts";
import { openData, type RunData } from "./class-data.ts";
import type { CommandSpec, Outcome } from "./command.ts";
import { recordedChoice } from "./data-choice.ts";
import { meta } from "./data-options.ts";
import {
  type EvaluationOptions,
  evaluateRun,
  type RunEvaluation,
  type Sink,
} from "./evaluation.ts";
import { flag } from "./flags.ts";
import { listenForInterrupt } from "./interrupt.ts";
import {
  adapter,
  batchSize,
  classes,
  data,
  images,
  layout,
  maps,
  maskThreshold,
  memoryLimit,
  output,
  plans,
  precision,
  profile,
  protocol,
  testFraction,
  threshold,
} from "./options.ts";
import type { Work } from "./predicting.ts";
import { classTable, metricTable } from "./results.ts";
import { RunLog } from "./run-log.ts";
import { loadScale } from "./run-scale.ts";
import { openDetector, withDevice } from "./session.ts";
import type { Told } from "./settings.ts";
import { folderSink } from "./sink.ts";
import { withoutTaken } from "./taken-images.ts";
import type { Terminal } from "./terminal.ts";
import { planThreshold } from "./threshold-plan.ts";
import { jointName } from "./train-folder.ts";
import { optionsOf, type TrainRecord, trainRecord } from "./train-settings.ts";

const settings = z.strictObject({
  data,
  class: classes,
  meta,
  adapter,
  batchSize,
  memoryLimit,
  plans,
  precision,
  profile,
  output: output("where results go; default: the run folder, for other data <run>/test-on-<name>"),
  threshold,
  protocol,
  maps,
  withMaps: flag(z.boolean(), "write anomaly maps though the training wrote none"),
  images,
  layout,
  testFraction,
  maskThreshold,
});

export const test: CommandSpec = {
  name: "test",
  arguments: "<run>",
  summary: "Evaluates a trained run again, on its own test images or on other data",
  description:
    "On other data the run's own thresholds hold, unless --threshold is given. Nothing of the model changes.",
  examples: [
    "loupe test runs/cdo-bottle-resnet18-1",
    "loupe test runs/cdo-bottle-resnet18-1 --protocol cdo2025 --no-images",
    "loupe test runs/cdo-bottle-resnet18-1 --data new-photos --output results/new-photos",
  ],
  settings,
  async run({ args, read, terminal }) {
    const told = await read(settings);
    const run = await RunFolder.open(args[0]!);
    const record = await trainRecord(run);
    const { dataset, isOwn } = await openImages(record, told, terminal);
    const target: Sink =
      told.settings.output !== undefined
        ? folderSink(told.settings.output)
        : isOwn
          ? run
          : folderSink(join(run.path, `test-on-${testedName(dataset)}`.replaceAll("/", "_")));
    const options = await optionsFor(run, record, told, isOwn);
    planThreshold(options.threshold, dataset);
    using interrupt = listenForInterrupt(terminal, "stopping");
    const work = { terminal, interrupt, stopped: "stopped; results are incomplete" };
    const log = new RunLog(run);
    const { precision } = told.settings;
    const result = await withDevice(told.settings, terminal, async (device) => {
      const detector = await openDetector(run, record, device, { precision, terminal });
      const all: Work & { epoch: number } = { ...work, epoch: detector.epochs };
      return evaluateRun(detector, dataset, target, options, all);
    });
    const { evaluation } = result;
    log.write("test", {
      data: dataset.testRoot,
      output: target.path,
      metrics: evaluation?.metrics,
    });
    await log.flush();
    return describe(dataset, target, result);
  },
};

function testedName({ test: samples }: RunData): string {
  return jointName([...new Set(samples.map(({ className }) => className))]);
}

/** The run's test images, or those given; `isOwn` tells which. */
async function openImages(
  record: TrainRecord,
  { settings: given }: Told<typeof settings>,
  terminal: Terminal,
): Promise<{ dataset: RunData; isOwn: boolean }> {
  const own = recordedChoice(record);
  const root = given.data === undefined ? own.root : resolve(given.data);
  const isOther = given.class !== undefined || given.meta !== undefined;
  const isOwn = root === own.root && !isOther;
  const how = {
    layout: given.layout ?? (isOwn ? own.layout : undefined),
    testFraction: given.testFraction ?? own.testFraction,
  };
  const meta = given.meta === undefined ? undefined : resolve(given.meta);
  const trained = record.data.testClasses ?? own.classes ?? [];
  const classes = given.class ?? (meta || isOwn ? undefined : await classesLike(root, trained));
  const { splitSeed } = own;
  const choice = isOwn ? { ...own, ...how } : { root, classes, meta, splitSeed, ...how };
  const reading = { label: record.data.class, maskThreshold: given.maskThreshold };
  const data = await openData(choice, reading, terminal);
  const dataset = isOwn ? data : await withoutTaken(data, record.data.taken ?? {}, terminal);
  if (dataset.test.length > 0) return { dataset, isOwn };
  const names = dataset.classes.join(", ");
  throw new LoupeError(
    "data",
    `${root}: class ${names} has no test images; loupe predict takes any images`,
  );
}

/** The classes that the run was tested on, or the only one. */
async function classesLike(root: string, tested: readonly string[]): Promise<readonly string[]> {
  const { classes: found } = await scanFolder(root);
  if (found.length === 1) return found;
  if (tested.every((name) => found.includes(name))) return tested;
  throw new LoupeError(
    "config",
    `test: ${root} has the classes ${found.join(", ")}; give one or more with --class`,
  );
}

/** The run's own ways, except what is said now. */
async function optionsFor(
  run: RunFolder,
  record: TrainRecord,
  { settings: now, given }: Told<typeof settings>,
  isOwn: boolean,
): Promise<EvaluationOptions> {
  const before = { ...optionsOf({}), ...record.options };
  const fixed = isOwn || given.threshold !== undefined ? undefined : await run.loadThresholds();
  return {
    thresholds: fixed,
    scale: fixed ? await loadScale(run) : undefined,
    threshold: now.threshold ?? (isOwn ? (before.threshold ?? undefined) : undefined),
    protocol: now.protocol ?? before.protocol,
    batchSize: now.batchSize,
    maskThreshold: now.maskThreshold ?? (isOwn ? (before.maskThreshold ?? undefined) : undefined),
    maps: now.withMaps ?? now.maps ?? before.maps,
    images: now.images ?? before.images,
  };
}

function describe(
  { testRoot: root, test: samples }: RunData,
  { path }: Sink,
  { evaluation, thresholds }: RunEvaluation,
): Outcome {
  const table = !evaluation
    ? ""
    : evaluation.classes
      ? classTable(evaluation, "value")
      : metricTable(evaluation, "value");
  const { image, pixel, source } = thresholds;
  const cut = `defective from ${image.toPrecision(4)} (image), ${pixel.toPrecision(4)} (pixel): ${source}`;
  return {
    text: `${samples.length} images of ${root}; results in ${path}\n\n${table}\n\n${cut}`,
    json: {
      data: root,
      output: path,
      images: samples.length,
      ...evaluation,
      chosen_thresholds: thresholds,
    },
  };
}
