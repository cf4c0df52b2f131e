/**
 * One training run in its folder: begin or go on, train, save, evaluate. What is saved at a stop holds everything that the next
 * step depends on, so a run that was stopped and resumed ends in the same bits as one that was not.
 */
import type { Dataset } from "../data/index.ts";
import {
  type Detector,
  fit,
  type Progress,
  type RunFolder,
  type TrainingCheckpoint,
} from "../detector/index.ts";
import type { ProtocolName } from "../metrics/index.ts";
import { percent } from "../report/index.ts";
import { type EvaluationOptions, evaluateRun, measure, type RunEvaluation } from "./evaluation.ts";
import { Interrupted } from "./interrupt.ts";
import { formatRate, formatSeconds } from "./meter.ts";
import type { Work } from "./predicting.ts";
import { type EpochMetrics, metricTitle } from "./results.ts";
import type { RunLog } from "./run-log.ts";
import { trainingBatches } from "./training-batches.ts";

/** A checkpoint every epoch, but not more often than this. */
const leastBetweenSaves = 30_000;

export interface TrainingJob {
  readonly detector: Detector;
  readonly dataset: Dataset;
  readonly run: RunFolder;
  readonly log: RunLog;
  readonly seed: number;
  readonly options: EvaluationOptions & { readonly evaluateEvery?: number | undefined };
  /** Where to go on; undefined: at the beginning. */
  readonly checkpoint: TrainingCheckpoint | undefined;
}

/** What a run knows about its past besides the weights; saved with each checkpoint. */
interface History {
  /** Mean loss of each complete epoch. */
  readonly losses: number[];
  /** Sum and number of the losses of the epoch under way. */
  partial: { sum: number; steps: number };
  readonly evaluations: EpochMetrics[];
}

export interface TrainingResult extends RunEvaluation {
  readonly losses: readonly number[];
}

/** Trains to the end and evaluates. Throws `Interrupted` after saving, or whatever made it stop. */
export async function trainRun(job: TrainingJob, work: Work): Promise<TrainingResult> {
  const { detector, dataset, run, log } = job;
  const history = historyOf(job.checkpoint);
  const end = await train(job, history, work);
  if (end.epoch < detector.epochs) {
    throw new Interrupted(
      `stopped in epoch ${end.epoch + 1} of ${detector.epochs}; go on with: loupe train --resume ${run.path}`,
    );
  }
  await run.saveModel(await detector.modelState(), modelMetadata(detector, end));
  const stopped = `${run.path} is trained and saved; evaluate it with: loupe test ${run.path}`;
  const result = await evaluateRun(detector, dataset, run, job.options, {
    ...work,
    stopped,
    epoch: end.epoch,
    history: history.evaluations,
  });
  log.write("evaluation", { epoch: end.epoch, metrics: result.evaluation?.metrics ?? null });
  return { ...result, losses: history.losses };
}

/** Trains until done or stopped; saves in between and at the end. */
async function train(job: TrainingJob, history: History, work: Work): Promise<Progress> {
  const { detector, dataset, run, log, seed, options, checkpoint } = job;
  const { terminal, interrupt } = work;
  const images = dataset.train.length;
  const { batches, stepsPerEpoch } = trainingBatches(dataset.train, detector, seed);
  const start = checkpoint?.progress ?? { epoch: 0, step: 0 };
  const doneAt = (epoch: number, step: number) =>
    epoch * images + Math.min(images, step * detector.batchSize);
  const meter = terminal.meter({
    label: "training",
    total: detector.epochs * images,
    unit: "images",
    start: doneAt(start.epoch, start.step),
  });
  let savedAt = terminal.now();
  const save = async (progress: Progress) => {
    await saveCheckpoint(run, detector, progress, history);
    log.write("checkpoint", { ...progress });
    savedAt = terminal.now();
  };
  const end = await fit(detector, {
    batches,
    stepsPerEpoch,
    start,
    signal: interrupt.signal,
    onStep: ({ epoch, iteration, loss }) => {
      history.partial.sum += loss;
      history.partial.steps++;
      const step = iteration - epoch * stepsPerEpoch + 1;
      const label = `epoch ${epoch + 1}/${detector.epochs}`;
      meter.update(doneAt(epoch, step), `loss ${loss.toPrecision(4)}`, label);
      log.write("step", { epoch: epoch + 1, iteration, loss });
    },
    onEpoch: async (epoch) => {
      const loss = history.partial.sum / history.partial.steps;
      history.losses.push(loss);
      history.partial = { sum: 0, steps: 0 };
      const left = ((detector.epochs - epoch - 1) * images) / meter.rate();
      const rest = epoch + 1 < detector.epochs ? `, ${formatSeconds(left)} left` : "";
      log.write("epoch", { epoch: epoch + 1, loss, imagesPerSecond: meter.rate() });
      terminal.info(
        `epoch ${epoch + 1}/${detector.epochs}: loss ${loss.toPrecision(5)}, ${formatRate(meter.rate())} images/s${rest}`,
      );
      const evaluating = isDue(options.evaluateEvery, epoch + 1, detector.epochs);
      if (evaluating && dataset.test.length > 0) {
        await evaluateMidway(job, options.protocol, epoch + 1, history, work);
      }
      const isLast = epoch + 1 === detector.epochs || interrupt.signal.aborted;
      if (isLast || terminal.now() - savedAt < leastBetweenSaves) return;
      await save({ epoch: epoch + 1, step: 0 });
    },
  }).finally(() => meter.end());
  const isNew = end.epoch !== start.epoch || end.step !== start.step || !checkpoint;
  if (isNew) await save(end);
  await log.flush();
  return end;
}

/** The last epoch is evaluated anyway. */
function isDue(every: number | undefined, epoch: number, epochs: number): boolean {
  return every !== undefined && epoch % every === 0 && epoch < epochs;
}

async function evaluateMidway(
  { detector, dataset, log }: TrainingJob,
  protocol: ProtocolName,
  epoch: number,
  history: History,
  work: Work,
): Promise<void> {
  const measured = await measure(detector, dataset, protocol, work).catch((error: unknown) => {
    if (error instanceof Interrupted) return undefined; // the epoch itself is complete and gets saved
    throw error;
  });
  if (!measured) return;
  const { metrics } = measured;
  history.evaluations.push({ epoch, metrics });
  log.write("evaluation", { epoch, metrics });
  const shown = Object.entries(metrics).map(([name, v]) => `${metricTitle(name)} ${percent(v)}`);
  work.terminal.info(`after epoch ${epoch}: ${shown.join(", ")}`);
}

async function saveCheckpoint(
  run: RunFolder,
  detector: Detector,
  progress: Progress,
  history: History,
): Promise<void> {
  const model = await detector.modelState();
  const training = await detector.trainingState();
  await run.saveCheckpoint({ progress, model, training, extra: { ...history } });
}

function historyOf(checkpoint: TrainingCheckpoint | undefined): History {
  const { losses, partial, evaluations } = (checkpoint?.extra ?? {}) as Partial<History>;
  return {
    losses: [...(losses ?? [])],
    partial: { ...(partial ?? { sum: 0, steps: 0 }) },
    evaluations: [...(evaluations ?? [])],
  };
}

/** No times and no paths: the same training gives the same file. */
function modelMetadata({ method, config }: Detector, { epoch }: Progress): Record<string, string> {
  return { method, config: JSON.stringify(config), epochs: String(epoch) };
}
