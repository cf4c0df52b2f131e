/**
 * One training run in its folder: train, save, evaluate. What is saved at a stop holds everything that the next step depends
 * on, so a run that was stopped and resumed ends in the same bits as one that was not.
 */
import type { SamplerName } from "../data/index.ts";
import {
  type Detector,
  fit as fitDetector,
  type Progress,
  type RunFolder,
  type TrainingCheckpoint,
  type TrainingSet,
} from "../detector/index.ts";
import { percent } from "../report/index.ts";
import type { RunData } from "./class-data.ts";
import { metricsByClass } from "./class-evaluation.ts";
import { defined } from "./defined.ts";
import { type EvaluationOptions, evaluateRun, measure, type RunEvaluation } from "./evaluation.ts";
import { Interrupted } from "./interrupt.ts";
import type { PredictionTime, Work } from "./predicting.ts";
import { metricTitle } from "./results.ts";
import type { RunLog } from "./run-log.ts";
import { TrainingProgress } from "./train-progress.ts";
import { type TrainingBatches, trainingBatches } from "./training-batches.ts";

/** A checkpoint every epoch, but not more often than this. */
const leastBetweenSaves = 30_000;

export interface TrainingJob {
  readonly detector: Detector;
  readonly dataset: RunData;
  readonly run: RunFolder;
  readonly log: RunLog;
  readonly seed: number;
  /** Default naive. */
  readonly sampler?: SamplerName | undefined;
  readonly options: EvaluationOptions & { readonly evaluateEvery?: number | undefined };
  /** Where to go on; undefined: at the beginning. */
  readonly checkpoint: TrainingCheckpoint | undefined;
}

export interface TrainingResult extends RunEvaluation {
  /** Mean loss of each epoch. */
  readonly losses: readonly number[];
  readonly cost: RunCost;
}

/** What a run took besides the time that its log tells. */
export interface RunCost {
  /** Of the test images in the last evaluation; null without test images. */
  readonly prediction: PredictionTime | null;
  /** Most GPU memory in use at once, over training and evaluation; null when there was nothing left to train. */
  readonly peakBytes: number | null;
}

/** Trains to the end and evaluates. Throws `Interrupted` after saving, or whatever made it stop. */
export async function trainRun(job: TrainingJob, work: Work): Promise<TrainingResult> {
  const { detector, dataset, run, log, options } = job;
  const source = trainingBatches(
    dataset.train,
    detector,
    job.seed,
    job.sampler,
    defined({ maskThreshold: options.maskThreshold }),
  );
  const { terminal } = work;
  const { memory } = detector.device;
  memory.restartPeak();
  const told = { terminal, log };
  const progress = new TrainingProgress(detector, source.imagesPerEpoch, job.checkpoint, told);
  await prepare(detector, work);
  await detector.beginTraining?.(watched(source.set, work));
  const end = await train(job, source, progress, work).finally(() => progress.end());
  await log.flush();
  if (end.epoch < detector.epochs) {
    const where = `stopped in epoch ${end.epoch + 1} of ${detector.epochs}`;
    throw new Interrupted(`${where}; go on with: loupe train --resume ${run.path}`);
  }
  await run.saveModel(await detector.modelState(), modelMetadata(detector, end));
  const stopped = `${run.path} is trained and saved; evaluate it with: loupe test ${run.path}`;
  const { losses, evaluations: history } = progress.history;
  let prediction: PredictionTime | null = null;
  const timed: Work["timed"] = (samples, time) => {
    if (samples === dataset.test && time.images > 0) prediction = time;
  };
  const after = { ...work, stopped, timed, epoch: end.epoch, history };
  const result = await evaluateRun(detector, dataset, run, options, after);
  const { metrics = null, protocol = options.protocol, ...rest } = result.evaluation ?? {};
  log.write("evaluation", { epoch: end.epoch, metrics, protocol, ...metricsByClass(rest) });
  const isTrained = job.checkpoint?.progress.epoch !== end.epoch;
  const peakBytes = isTrained ? memory.stats().peakBytes : null;
  return { ...result, losses, cost: { prediction, peakBytes } };
}

/** Compiles the kernels before the first step, which takes seconds where they are new to the driver. */
async function prepare(detector: Detector, { terminal, interrupt, stopped }: Work): Promise<void> {
  const label = "compiling";
  let meter: ReturnType<typeof terminal.meter> | undefined;
  const onProgress = (done: number, total: number) => {
    meter ??= terminal.meter({ label, total, unit: "kernels" });
    meter.update(done);
  };
  await detector.prepareTraining({ onProgress }).finally(() => meter?.end());
  interrupt.check(stopped);
}

/** Who watches sees how far a method is that looks at the images before it trains, and can stop it. */
export function watched(set: TrainingSet, { terminal, interrupt, stopped }: Work): TrainingSet {
  return {
    ...set,
    tell: (message) => terminal.warn(message),
    async *clean(places) {
      const label = "looking at the images";
      const meter = terminal.meter({ label, total: places.length, unit: "images" });
      let done = 0;
      try {
        for await (const batch of set.clean(places)) {
          interrupt.check(stopped);
          yield batch;
          done += batch.size;
          meter.update(done);
        }
      } finally {
        meter.end();
      }
    },
  };
}

/** Trains until done or stopped; saves in between and at the end. */
async function train(
  job: TrainingJob,
  { batches, stepsPerEpoch, survived }: TrainingBatches,
  progress: TrainingProgress,
  work: Work,
): Promise<Progress> {
  const { detector, run, log, checkpoint } = job;
  const { terminal, interrupt } = work;
  const start = checkpoint?.progress ?? { epoch: 0, step: 0 };
  let savedAt = terminal.now();
  const save = async (at: Progress) => {
    const model = await detector.modelState();
    const training = await detector.trainingState();
    const extra = { ...progress.history };
    await run.saveCheckpoint({ progress: at, model, training, extra });
    log.write("checkpoint", { ...at });
    savedAt = terminal.now();
  };
  if (missedEvaluation(job, start, progress)) {
    await evaluateMidway(job, start.epoch, progress, work);
  }
  const end = await fitDetector(detector, {
    batches,
    stepsPerEpoch,
    start,
    signal: interrupt.signal,
    onStep: ({ epoch, iteration, loss }) =>
      progress.step(epoch, iteration - epoch * stepsPerEpoch + 1, iteration, loss),
    onEpoch: async (epoch, _, plan) => {
      const done = epoch + 1;
      const seen = plan?.synthesis ? defined({ survived: survived() }) : {};
      const told = detector.epochScalars?.();
      progress.epoch(epoch, (plan ?? told) && { ...plan?.scalars, ...seen, ...told });
      if (done === detector.epochs) return; // saved and evaluated below
      if (isEvaluatedAfter(job, done)) {
        await evaluateMidway(job, done, progress, work);
      }
      const isDue = terminal.now() - savedAt >= leastBetweenSaves;
      if (isDue && !interrupt.signal.aborted) await save({ epoch: done, step: 0 });
    },
  });
  const isNew = end.epoch !== start.epoch || end.step !== start.step || !checkpoint;
  if (isNew) await save(end);
  return end;
}

/** `done`: epochs, not yet all. */
function isEvaluatedAfter({ options }: TrainingJob, done: number): boolean {
  return done % (options.evaluateEvery ?? Number.POSITIVE_INFINITY) === 0;
}

/** Stopped in an evaluation between two epochs: it is made up for, or the history would depend on the stop. */
function missedEvaluation(
  job: TrainingJob,
  { epoch, step }: Progress,
  { history }: TrainingProgress,
): boolean {
  if (step > 0 || epoch === 0 || epoch >= job.detector.epochs) return false;
  const isThere = history.evaluations.some((evaluation) => evaluation.epoch === epoch);
  return isEvaluatedAfter(job, epoch) && !isThere;
}

async function evaluateMidway(
  { detector, dataset, options }: TrainingJob,
  epoch: number,
  progress: TrainingProgress,
  work: Work,
): Promise<void> {
  if (dataset.test.length === 0) return;
  try {
    const evaluation = await measure(detector, dataset, options, work);
    const { metrics, protocol } = evaluation;
    progress.evaluated({ epoch, metrics, protocol, ...metricsByClass(evaluation) });
    const shown = Object.entries(metrics).map(([name, v]) => `${metricTitle(name)} ${percent(v)}`);
    work.terminal.info(`after epoch ${epoch}: ${shown.join(", ")}`);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error; // the epoch itself is complete and gets saved
  }
}

/** No times and no paths: the same training gives the same file. */
function modelMetadata({ method, config }: Detector, { epoch }: Progress): Record<string, string> {
  return { method, config: JSON.stringify(config), epochs: String(epoch) };
}
