/** A stopped run of `loupe train` goes on under its own settings, on the images it began with. */
import { RunFolder } from "../detector/index.ts";
import { LoupeError } from "../error.ts";
import type { StateDict } from "../models/index.ts";
import { fingerprint, openData, type RunData, requireTraining } from "./class-data.ts";
import { recordedChoice } from "./data-choice.ts";
import { describeEnvironment } from "./environment.ts";
import type { Method } from "./method.ts";
import { recordedPlans } from "./plans.ts";
import { requireSamePrecision } from "./precision.ts";
import type { Work } from "./predicting.ts";
import { RunLog } from "./run-log.ts";
import { collectSaid } from "./said.ts";
import { withRunNamed } from "./session.ts";
import type { Terminal } from "./terminal.ts";
import { planThreshold } from "./threshold-plan.ts";
import {
  announce,
  disposable,
  evaluationOf,
  type FinishedRun,
  finishRun,
  type StartOfRun,
} from "./train-finish.ts";
import {
  refuseConflicts,
  resumedConfig,
  resumedOptions,
  type TrainRecord,
  type TrainTold,
  trainRecord,
} from "./train-settings.ts";

/** Events that a resumed run logs once more from its checkpoint on. */
const repeated: ReadonlySet<unknown> = new Set([
  "step",
  "epoch",
  "evaluation",
  "checkpoint",
  "info",
]);

/** Goes on with a run under its own settings. */
export async function resumeRun(
  { place, told, method, device }: StartOfRun,
  work: Work,
): Promise<FinishedRun> {
  const { terminal } = work;
  using said = collectSaid(terminal);
  const run = await RunFolder.open(place.path);
  const record = await trainRecord(run);
  if (record.method !== method.name) {
    throw new LoupeError(
      "config",
      `${place.path}: is a run of ${record.method}, not of ${method.name}`,
    );
  }
  refuseConflicts(place.path, record, method, told);
  if ("plans" in told.given) {
    const rule = "goes on with the plans it was started with";
    throw new LoupeError("config", `${told.written("plans")}: ${place.path} ${rule}; leave it out`);
  }
  const plans = recordedPlans(run.file("run.json"), record.environment);
  using _ = device.planner.borrow(plans);
  const options = resumedOptions(record, told);
  const dataset = await reopenData(record, told, options, terminal);
  const checkpoint = await run.loadCheckpoint();
  planThreshold(options.threshold ?? undefined, dataset);
  const { seed } = record;
  const config = resumedConfig(record, method, told);
  requireSamePrecision(place.path, config, device);
  const inputs = checkpoint ? undefined : await inputsOf(record, method, config); // they are in the model
  const saved = { frozen: await run.loadFrozen(), model: checkpoint?.model, inputs };
  using detector = disposable(
    withRunNamed(run, () => method.create({ device, config, seed, ...saved })),
  );
  if (checkpoint) detector.loadTrainingState(checkpoint.training);
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
  const sampler = record.data.sampler ?? undefined;
  const job = {
    ...{ detector, dataset, run, log, seed, sampler, checkpoint },
    options: evaluationOf(options),
  };
  return await finishRun(job, place, work);
}

/** The files that the run was begun with, where it came to no checkpoint. Throws `io` when they are others now. */
async function inputsOf(
  { inputs, data, weights }: TrainRecord,
  method: Method,
  config: Readonly<Record<string, unknown>>,
): Promise<StateDict | undefined> {
  const entries = Object.entries(inputs ?? {});
  if (entries.length === 0) return undefined;
  const settings = Object.fromEntries(entries.map(([key, { path }]) => [key, path]));
  const about = { className: data.class, weights: String(weights.sha256) };
  const loaded = await method.inputs?.load({ settings, config, ...about });
  for (const [key, { path, sha256 }] of entries) {
    if (loaded?.record[key]?.sha256 === sha256) continue;
    const rule = "is not the file that the run was started with";
    throw new LoupeError("io", `${path}: ${rule}; restore it or start another run`);
  }
  return loaded?.state;
}

/** The run's images, where they are now; they must be those that it began with. */
async function reopenData(
  record: TrainRecord,
  { settings }: TrainTold,
  { maskThreshold }: TrainRecord["options"],
  terminal: Terminal,
): Promise<RunData> {
  const { class: name, fingerprint: before } = record.data;
  const reading = { label: name, maskThreshold: maskThreshold ?? undefined };
  const dataset = await openData(recordedChoice(record, settings), reading, terminal);
  requireTraining(dataset);
  if ((await fingerprint(dataset.root, dataset.train)) === before) return dataset;
  const now = `${dataset.train.length} now, ${record.data.train} then`;
  throw new LoupeError(
    "data",
    `${dataset.root}: the training images of class ${name} are not those the run was started with (${now}); restore them or start another run`,
  );
}
