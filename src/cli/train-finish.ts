/** What new and resumed runs share: how they start, how they are told, how they end. */
import type { Device } from "../core/index.ts";
import type { Detector } from "../detector/index.ts";
import { countLabels, type RunData } from "./class-data.ts";
import { Interrupted } from "./interrupt.ts";
import type { Method } from "./method.ts";
import type { Work } from "./predicting.ts";
import type { Terminal } from "./terminal.ts";
import type { Place } from "./train-folder.ts";
import { type TrainingJob, type TrainingResult, trainRun } from "./train-run.ts";
import type { TrainRecord, TrainTold } from "./train-settings.ts";

export interface StartOfRun {
  readonly place: Place;
  readonly told: TrainTold;
  readonly method: Method;
  readonly device: Device;
}

export interface FinishedRun {
  readonly className: string;
  readonly path: string;
  readonly dataset: RunData;
  readonly result: TrainingResult;
  readonly epochs: number;
}

/** Trains, evaluates and logs how it ended. */
export async function finishRun(job: TrainingJob, place: Place, work: Work): Promise<FinishedRun> {
  const { log } = job;
  try {
    const result = await trainRun(job, work);
    log.write("end", { cost: result.cost });
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

/** Options as a run records them, for the evaluation. */
export function evaluationOf({
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

export function announce(
  terminal: Terminal,
  { root, testRoot, train, test }: RunData,
  { className, path }: Place,
): void {
  const defective = train.some(({ label }) => label === 1);
  const taught = defective ? `${countLabels(train)}` : `${train.length} images`;
  const where = testRoot === root ? "" : ` in ${testRoot}`;
  terminal.info(
    `${className}: ${taught} to train on, ${countLabels(test)} to test${where}; run folder ${path}`,
  );
}

export function disposable(detector: Detector): Detector & Disposable {
  return Object.assign(detector, { [Symbol.dispose]: () => detector.dispose() });
}
