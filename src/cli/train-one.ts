/** One class of `loupe train`: from its images to a finished run folder. */
import { rm, rmdir } from "node:fs/promises";
import { resolve } from "node:path";
import type { Device } from "../core/index.ts";
import type { Dataset } from "../data/index.ts";
import { type Detector, RunFolder } from "../detector/index.ts";
import { LoupeError } from "../error.ts";
import { countLabels, fingerprint, openClass, requireTraining } from "./class-data.ts";
import { describeEnvironment } from "./environment.ts";
import { Interrupted } from "./interrupt.ts";
import type { Method } from "./methods.ts";
import type { Work } from "./predicting.ts";
import { randomTeacher } from "./random-teacher.ts";
import { RunLog } from "./run-log.ts";
import { createDetector, type Teacher } from "./session.ts";
import type { Terminal } from "./terminal.ts";
import { planThreshold } from "./threshold-plan.ts";
import { isRun, type Place } from "./train-folder.ts";
import { type TrainingJob, type TrainingResult, trainRun } from "./train-run.ts";
import {
  optionsOf,
  refuseConflicts,
  resumedOptions,
  type TrainRecord,
  type TrainTold,
} from "./train-settings.ts";

export interface FinishedRun {
  readonly className: string;
  readonly path: string;
  readonly dataset: Dataset;
  readonly result: TrainingResult;
  readonly epochs: number;
}

/** Events that a resumed run logs once more from its checkpoint on. */
const repeated: ReadonlySet<unknown> = new Set([
  "step",
  "epoch",
  "evaluation",
  "checkpoint",
  "info",
]);

interface Start {
  readonly place: Place;
  readonly told: TrainTold;
  readonly method: Method;
  readonly device: Device;
}

/** A new run. Everything that can be wrong with images and weights comes out before the folder is made. */
export async function beginRun(
  { place, told, method, device, teacher }: Start & { readonly teacher: Teacher },
  work: Work,
): Promise<FinishedRun> {
  const { settings } = told;
  const { terminal, interrupt } = work;
  using said = collect(terminal);
  refuseExisting(place.path, settings.overwrite ?? false);
  const seed = settings.seed ?? 1;
  const root = resolve(settings.data as string);
  const dataset = await openClass(root, place.className, settings, seed, terminal);
  requireTraining(dataset, place.className);
  planThreshold(settings.threshold, dataset);
  const config = method.config(settings);
  const known = await completeTeacher(teacher, config, { device, dataset, seed });
  using detector = disposable(createDetector(method, device, config, known, seed));
  interrupt.check(work.stopped);
  const options = optionsOf(settings);
  const record: TrainRecord = {
    method: method.name,
    config: detector.config,
    seed,
    data: await describeData(dataset, place.className, settings),
    weights: known.record,
    environment: { ...describeEnvironment(device), started: new Date().toISOString() },
    options,
  };
  const run = await RunFolder.create(place.path, record, settings.overwrite ?? false);
  const log = said.into(new RunLog(run));
  try {
    log.write("start", { train: dataset.train.length, test: dataset.test.length });
    announce(terminal, dataset, place);
    await run.saveFrozen(await detector.frozenState());
    const job = { detector, dataset, run, log, seed, options: evaluationOf(options) };
    return await finish({ ...job, checkpoint: undefined }, place, work);
  } catch (error) {
    // without a single step there is nothing to go on with: no half of a run stays behind
    if (!log.has("step") && !log.has("checkpoint")) await discard(run);
    throw error;
  }
}

/** Before any work is done; `RunFolder.create` looks once more. */
function refuseExisting(path: string, overwrite: boolean): void {
  if (overwrite || !isRun(path)) return;
  const next = "--resume goes on with it, --overwrite starts anew; or give another --output";
  throw new LoupeError("io", `${path}: there is a run already; ${next}`);
}

/** A random network gets its statistics from the images. */
async function completeTeacher(
  teacher: Teacher,
  config: Readonly<Record<string, unknown>>,
  { device, dataset, seed }: { device: Device; dataset: Dataset; seed: number },
): Promise<Teacher> {
  if (teacher.state) return teacher;
  const { backbone, imageSize, batchSize } = config as {
    backbone: string;
    imageSize: number;
    batchSize: number;
  };
  const options = { backbone, size: imageSize, batchSize, seed };
  const state = await randomTeacher(device, dataset.train, options);
  return { state, record: { ...teacher.record, seed, statistics: "training images" } };
}

/** Removes what a run writes before its first step, and the folder if nothing else is in it. */
async function discard(run: RunFolder): Promise<void> {
  for (const name of ["frozen.safetensors", "log.jsonl", "run.json"]) {
    await rm(run.file(name), { force: true });
  }
  await rmdir(run.path).catch(() => {}); // other files were there before
}

/** Goes on with a run under its own settings. */
export async function resumeRun(
  { place, told, method, device }: Start,
  work: Work,
): Promise<FinishedRun> {
  const { terminal } = work;
  using said = collect(terminal);
  const run = await RunFolder.open(place.path);
  const record = (await run.record()) as TrainRecord;
  if (record.method !== method.name) {
    throw new LoupeError(
      "config",
      `${place.path}: is a run of ${record.method}, not of ${method.name}`,
    );
  }
  refuseConflicts(place.path, record, method, told);
  const options = resumedOptions(record, told);
  const dataset = await reopenData(record, told, options, terminal);
  const checkpoint = await run.loadCheckpoint();
  planThreshold(options.threshold ?? undefined, dataset);
  const { config, seed } = record;
  using detector = disposable(method.create({ device, config, teacher: undefined, seed }));
  detector.loadFrozenState(await run.loadFrozen());
  if (checkpoint) {
    detector.loadModelState(checkpoint.model);
    detector.loadTrainingState(checkpoint.training);
  }
  const { epoch, step } = checkpoint?.progress ?? { epoch: 0, step: 0 };
  await run.goOn(checkpoint, (event) => repeated.has(event.event));
  const log = said.into(new RunLog(run));
  log.write("resume", { epoch, step, environment: describeEnvironment(device) });
  announce(terminal, dataset, place);
  const where = step > 0 ? `, step ${step + 1}` : "";
  terminal.info(
    epoch < detector.epochs
      ? `going on in epoch ${epoch + 1}${where} of ${detector.epochs}`
      : `all ${detector.epochs} epochs are trained; evaluating again`,
  );
  const job = { detector, dataset, run, log, seed, options: evaluationOf(options), checkpoint };
  return await finish(job, place, work);
}

async function finish(job: TrainingJob, place: Place, work: Work): Promise<FinishedRun> {
  const { log } = job;
  try {
    const result = await trainRun(job, work);
    log.write("end");
    const { dataset, detector } = job;
    const { className, path } = place;
    return { className, path, dataset, result, epochs: detector.epochs };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    log.write(error instanceof Interrupted ? "interrupted" : "error", { message });
    throw error;
  } finally {
    await log.flush();
  }
}

/** The run's images, where they are now; they must be those that it began with. */
async function reopenData(
  record: TrainRecord,
  { settings }: TrainTold,
  { maskThreshold }: TrainRecord["options"],
  terminal: Terminal,
): Promise<Dataset> {
  const { class: name, layout, testFraction, fingerprint: before } = record.data;
  const root = settings.data === undefined ? record.data.root : resolve(settings.data);
  const data = {
    layout: layout ?? undefined,
    testFraction: testFraction ?? undefined,
    maskThreshold: maskThreshold ?? undefined,
  };
  const dataset = await openClass(root, name, data, record.seed, terminal);
  requireTraining(dataset, name);
  if ((await fingerprint(dataset.root, dataset.train)) === before) return dataset;
  const now = `${dataset.train.length} now, ${record.data.train} then`;
  throw new LoupeError(
    "data",
    `${dataset.root}: the training images of class ${name} are not those the run was started with (${now}); restore them or start another run`,
  );
}

async function describeData(dataset: Dataset, name: string, settings: TrainTold["settings"]) {
  return {
    root: dataset.root,
    class: name,
    layout: settings.layout ?? null,
    testFraction: settings.testFraction ?? null,
    train: dataset.train.length,
    test: dataset.test.length,
    fingerprint: await fingerprint(dataset.root, dataset.train),
  };
}

function evaluationOf({
  threshold,
  evaluateEvery,
  maskThreshold,
  ...rest
}: TrainRecord["options"]) {
  return {
    ...rest,
    threshold: threshold ?? undefined,
    evaluateEvery: evaluateEvery ?? undefined,
    maskThreshold: maskThreshold ?? undefined,
  };
}

function announce(terminal: Terminal, { train, test }: Dataset, { className, path }: Place): void {
  terminal.info(
    `${className}: ${train.length} images to train on, ${countLabels(test)} to test; run folder ${path}`,
  );
}

/** Keeps what is said until there is a log to write it into. */
function collect(terminal: Terminal) {
  const early: [string, string][] = [];
  let log: RunLog | undefined;
  const stop = terminal.listen((level, message) => {
    if (log) log.write(level, { message });
    else early.push([level, message]);
  });
  return {
    into(target: RunLog): RunLog {
      log = target;
      for (const [level, message] of early) target.write(level, { message });
      return target;
    },
    [Symbol.dispose]: stop,
  };
}

function disposable(detector: Detector): Detector & Disposable {
  return Object.assign(detector, { [Symbol.dispose]: () => detector.dispose() });
}
