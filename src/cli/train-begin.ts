/** A new run of `loupe train`: from images and weights to a finished run folder. */
import { rm, rmdir } from "node:fs/promises";
import { framingOf, imagesPerEpoch } from "../data/index.ts";
import { RunFolder } from "../detector/index.ts";
import { LoupeError } from "../error.ts";
import {
  fingerprint,
  openData,
  type RunData,
  refuseDefective,
  requireTraining,
} from "./class-data.ts";
import { choiceOf, type DataChoice } from "./data-choice.ts";
import type { RecordedData } from "./data-options.ts";
import { describeEnvironment } from "./environment.ts";
import { choosePrecision, wantedPrecision } from "./precision.ts";
import type { Work } from "./predicting.ts";
import { completeTeacher } from "./random-teacher.ts";
import { RunLog } from "./run-log.ts";
import { collectSaid } from "./said.ts";
import { createDetector, type Teacher } from "./session.ts";
import { takenFromTest } from "./taken-images.ts";
import { planThreshold } from "./threshold-plan.ts";
import {
  announce,
  disposable,
  evaluationOf,
  type FinishedRun,
  finishRun,
  type StartOfRun,
} from "./train-finish.ts";
import { isRun, type Place } from "./train-folder.ts";
import { optionsOf, type TrainRecord, type TrainTold } from "./train-settings.ts";
import { samplingOf } from "./training-batches.ts";

/** A new run. Everything that can be wrong with images and weights comes out before the folder is made. */
export async function beginRun(
  { place, told, method, device, teacher }: StartOfRun & { readonly teacher: Teacher },
  work: Work,
): Promise<FinishedRun> {
  const { settings } = told;
  const { terminal, interrupt } = work;
  using said = collectSaid(terminal);
  refuseExisting(place.path, settings.overwrite ?? false);
  const seed = settings.seed ?? 1;
  const choice = choiceOf(settings, place.classes ?? [place.className]);
  const reading = { label: place.className, maskThreshold: settings.maskThreshold };
  const dataset = await openData(choice, reading, terminal);
  requireTraining(dataset, choice.mode);
  refuseDefective(dataset, method);
  planThreshold(settings.threshold, dataset);
  const precision = choosePrecision(wantedPrecision(settings), device, terminal);
  const config = method.config({ ...settings, precision });
  const known = await completeTeacher(teacher, method, config, { device, dataset, seed });
  const weights = String(known.record.sha256);
  const of = { settings, config, className: place.className, weights };
  const inputs = await method.inputs?.load(of);
  using detector = disposable(createDetector(method, device, config, known, seed, inputs?.state));
  const { sampler } = settings;
  detector.checkTraining(imagesPerEpoch(samplingOf(dataset.train, detector, sampler)));
  interrupt.check(work.stopped);
  const options = optionsOf(settings);
  const record: TrainRecord = {
    name: settings.name ?? method.title(detector.config),
    role: settings.role ?? null,
    method: method.name,
    config: detector.config,
    framing: framingOf(detector.images),
    seed,
    data: await describeData(dataset, choice, place, settings),
    weights: known.record,
    inputs: inputs?.record ?? null,
    environment: { ...describeEnvironment(device), started: new Date().toISOString() },
    options,
  };
  const run = await RunFolder.create(place.path, record, settings.overwrite ?? false);
  const log = said.into(new RunLog(run));
  try {
    log.write("start", { train: dataset.train.length, test: dataset.test.length });
    announce(terminal, dataset, place);
    await run.saveFrozen(await detector.frozenState());
    const job = { detector, dataset, run, log, seed, sampler, options: evaluationOf(options) };
    return await finishRun({ ...job, checkpoint: undefined }, place, work);
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

/** Removes what a run writes before its first step, and the folder if nothing else is in it. */
async function discard(run: RunFolder): Promise<void> {
  for (const name of ["frozen.safetensors", "log.jsonl", "run.json"]) {
    await rm(run.file(name), { force: true });
  }
  await rmdir(run.path).catch(() => {}); // other files were there before
}

async function describeData(
  dataset: RunData,
  choice: DataChoice,
  place: Place,
  { sampler }: TrainTold["settings"],
): Promise<RecordedData> {
  const { root, testRoot, train, test } = dataset;
  const testClasses = [...new Set(test.map(({ className }) => className))];
  return {
    root,
    class: place.className,
    classes: place.classes ? [...place.classes] : null,
    layout: choice.layout ?? null,
    testFraction: choice.testFraction ?? null,
    mode: choice.mode ?? null,
    meta: choice.meta ?? null,
    splitSeed: choice.splitSeed,
    testRoot: testRoot === root ? null : testRoot,
    testClasses: choice.test && testClasses.length > 0 ? testClasses : null,
    allowOverlap: choice.allowOverlap ?? null,
    sampler: sampler ?? "naive",
    taken: await takenFromTest(dataset, choice.mode),
    train: train.length,
    test: test.length,
    fingerprint: await fingerprint(root, train),
  };
}
