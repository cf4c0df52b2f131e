/** `loupe train`: one class after the other, each in its own run folder. */
import { RunFolder } from "../detector/index.ts";
import { LoupeError } from "../error.ts";
import { classesOf } from "./class-data.ts";
import type { CommandSpec, Invocation, Outcome } from "./command.ts";
import { choiceOf } from "./data-choice.ts";
import { type ExitCode, exitCodeOf } from "./exit.ts";
import { listenForInterrupt } from "./interrupt.ts";
import type { Method } from "./method.ts";
import { findMethod, methods } from "./methods.ts";
import type { Work } from "./predicting.ts";
import { profiled } from "./profiled.ts";
import { teacherFor } from "./session.ts";
import { sharedGpu } from "./shared-gpu.ts";
import { everyMethod, trainEvery } from "./train-all.ts";
import { beginRun } from "./train-begin.ts";
import type { FinishedRun } from "./train-finish.ts";
import { isRun, jointPlace, type Place, placesOf } from "./train-folder.ts";
import { describeRuns } from "./train-report.ts";
import { resumeRun } from "./train-resume.ts";
import {
  allTrainSettings,
  type TrainRecord,
  type TrainTold,
  trainRecord,
  trainSettings,
} from "./train-settings.ts";

export const train: CommandSpec = {
  name: "train",
  arguments: "[method]",
  summary: "Trains a method on good images, evaluates it and saves everything in a run folder",
  description: `Methods: ${methods.map((m) => `${m.name}, ${m.summary}`).join("; ")}. With "${everyMethod}" every one of them, each with its own defaults, and a table of what they find and what they take.
Ctrl-C finishes the step and saves; --resume goes on to the same bits as without a stop.`,
  examples: [
    "loupe train cdo --data data/mvtec_ad --class bottle --backbone resnet18 --image-size 128 --epochs 10",
    "loupe train cdo --data my-photos --weights my-resnet18.pth --backbone resnet18",
    "loupe train cdo --config bottle.json --seed 2 --output runs/bottle-seed-2",
    "loupe train cdo --data data/mvtec_ad --class bottle --mode semi10 --sampler balanced",
    "loupe train cdo --data data/mvtec_ad --class carpet --mode zero_shot --test-data data/visa --test-class candle",
    "loupe train cfa --data data/mvtec_ad --class bottle --backbone resnet18 --protocol cfa",
    "loupe train fod --data data/btad --class 01 --fit crop --batch-size 1",
    "loupe train fod --data data/mvtec_ad --class bottle --reference-features bottle.safetensors",
    "loupe train all --data data/mvtec_ad --class bottle --backbone resnet18 --epochs 10",
    "loupe train --resume runs/cdo-bottle-resnet18-1",
  ],
  settings: allTrainSettings,
  async run(call) {
    const { terminal } = call;
    using interrupt = listenForInterrupt(terminal, "finishing the step, then saving");
    const stopped = "stopped before the next class was begun";
    const work = { terminal, interrupt, stopped };
    const isAll = call.args[0] === everyMethod;
    return await (isAll ? trainEvery(call, work) : trainMethod(call, work)); // or Ctrl-C would be given back at once
  },
};

async function trainMethod(call: Invocation, work: Work): Promise<Outcome> {
  const target = call.peek("resume");
  const resumed = typeof target === "string" && target !== "" ? target : undefined;
  const record = resumed === undefined ? undefined : await recordOf(resumed);
  const method = findMethod(call.args[0] ?? record?.method);
  const told = await call.read(trainSettings(method));
  const { settings } = told;
  if (settings.resume !== undefined && settings.overwrite) {
    throw new LoupeError("config", "--resume and --overwrite: give one of them");
  }
  const places =
    resumed === undefined
      ? await choosePlaces(method, told)
      : [{ className: record!.data.class, path: resumed, resume: true }];
  const runs = await eachClass(places, told, method, work);
  return describeRuns(runs.finished, runs.failed, runs.exit);
}

async function recordOf(path: string): Promise<TrainRecord> {
  return trainRecord(await RunFolder.open(path));
}

async function choosePlaces(method: Method, { settings }: TrainTold): Promise<Place[]> {
  const { data, class: names, output, joint } = settings;
  const resume = settings.resume !== undefined;
  if (resume && output !== undefined && isRun(output)) {
    return [{ className: (await recordOf(output)).data.class, path: output, resume }];
  }
  if (data === undefined) {
    throw new LoupeError(
      "config",
      "train: --data is needed; `loupe data demo demo/data` writes one to try",
    );
  }
  const classes = await classesOf(choiceOf(settings, names));
  const title = settings.name ?? method.title(method.config(settings));
  if (joint) return [jointPlace(classes, title, output, resume)];
  return placesOf(classes, title, output, resume);
}

interface Runs {
  readonly finished: readonly FinishedRun[];
  readonly failed: readonly { readonly class: string; readonly error: string }[];
  /** Of the first that failed. */
  readonly exit: ExitCode;
}

/** A class that fails is told, and the rest go on; the only one throws. */
async function eachClass(
  places: readonly Place[],
  told: TrainTold,
  method: Method,
  work: Work,
): Promise<Runs> {
  const { terminal, interrupt } = work;
  const finished: FinishedRun[] = [];
  const failed: { class: string; error: string }[] = [];
  let exit: ExitCode = 0;
  const gpu = sharedGpu(told.settings, terminal);
  const isNew = places.some(({ resume }) => !resume);
  const teacher = isNew ? await teacherFor(method, told.settings, terminal) : undefined; // a run that goes on has its own
  try {
    for (const place of places) {
      try {
        interrupt.check(work.stopped);
        const device = await gpu.open();
        const start = { place, told, method, device };
        const go = () =>
          place.resume || !teacher ? resumeRun(start, work) : beginRun({ ...start, teacher }, work);
        const isFirst = finished.length + failed.length === 0; // one trace, not one over the other
        const run = await profiled(
          isFirst ? told.settings.profile : undefined,
          device,
          terminal,
          go,
        );
        // the maps of many classes would fill the memory
        finished.push({ ...run, result: { ...run.result, predictions: [] } });
      } catch (error) {
        gpu.afterError(error);
        if (places.length === 1 || !(error instanceof LoupeError)) throw error;
        terminal.error(`${place.className}: ${error.message}`);
        failed.push({ class: place.className, error: error.message });
        exit ||= exitCodeOf(error);
      }
    }
  } finally {
    gpu.close();
  }
  return { finished, failed, exit };
}
