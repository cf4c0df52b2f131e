/** `loupe predict`: scores, verdicts, maps and overlays of any images. */
import { join } from "node:path";
import { z } from "zod";
import { crops, framingOf, type Sample } from "../data/index.ts";
import { type Detector, predictBatches, RunFolder, type Thresholds } from "../detector/index.ts";
import {
  type ColourScale,
  fitColourScale,
  formatTable,
  scoresCsv,
  verdictOf,
} from "../report/index.ts";
import type { CommandSpec, Outcome } from "./command.ts";
import type { Sink } from "./evaluation.ts";
import { exitCodes } from "./exit.ts";
import { flag, whole } from "./flags.ts";
import { type Failure, findImages, readableBatches } from "./images.ts";
import { type Interrupt, Interrupted, listenForInterrupt } from "./interrupt.ts";
import {
  adapter,
  images,
  maps,
  memoryLimit,
  output,
  plans,
  precision,
  profile,
  threshold,
} from "./options.ts";
import { Outside } from "./outside.ts";
import { drawPrediction, mapFile } from "./pictures.ts";
import { framingFile } from "./recorded-framing.ts";
import { loadScale } from "./run-scale.ts";
import { openDetector, withDevice } from "./session.ts";
import { folderSink } from "./sink.ts";
import type { Terminal } from "./terminal.ts";
import { planThreshold } from "./threshold-plan.ts";

const settings = z.strictObject({
  adapter,
  memoryLimit,
  plans,
  precision,
  profile,
  batchSize: flag(whole(1), "images a step; default 8", { value: "number" }),
  output: output("where results go; default <run>/predictions"),
  threshold,
  maps,
  images,
});

type Predicting = z.infer<typeof settings>;

export const predict: CommandSpec = {
  name: "predict",
  arguments: "<run> <image|folder...>",
  summary: "Scores images with a trained run and draws what it finds",
  description:
    "Writes <name>.png (photo, heat map, prediction) and <name>.npy (the map) for each image, and scores.csv. Where the method cuts a square from the image, pictures and maps are of that square: what lies outside is not looked at. A file that can't be read is told, the others go on, and it exits with 3.",
  examples: [
    "loupe predict runs/cdo-bottle-resnet18-1 photo.png",
    "loupe predict runs/cdo-bottle-resnet18-1 inbox/ --output results --json",
  ],
  settings,
  async run({ args, read, terminal }) {
    const { settings: told } = await read(settings);
    const run = await RunFolder.open(args[0]!);
    const record = await run.record();
    const sink = folderSink(told.output ?? join(run.path, "predictions"));
    const { samples, names, failures } = await findImages(args.slice(1), terminal);
    const thresholds = await thresholdsOf(run, told, terminal);
    const scale = await loadScale(run);
    using interrupt = listenForInterrupt(terminal, "finishing the images under way");
    const { precision } = told;
    const results = await withDevice(told, terminal, async (device) => {
      const detector = await openDetector(run, record, device, { precision, terminal });
      const job = { detector, samples, names, failures, thresholds, scale, sink, told };
      return predictAll(job, terminal, interrupt);
    });
    await sink.writeText("scores.csv", scoresCsv(results, thresholds?.image));
    return describe(results, failures, sink, thresholds);
  },
};

interface Result {
  readonly path: string;
  readonly score: number;
  readonly verdict?: "good" | "defective";
  /** Share of the image that was not looked at; there where the method cuts its images. */
  readonly outside?: number;
  readonly map?: string;
  readonly image?: string;
}

interface Job {
  readonly detector: Detector;
  readonly samples: readonly Sample[];
  readonly names: readonly string[];
  readonly failures: Failure[];
  readonly thresholds: Thresholds | undefined;
  readonly scale: ColourScale | undefined;
  readonly sink: Sink;
  readonly told: Predicting;
}

/** Batch by batch, so that any number of images fits into memory. */
async function predictAll(job: Job, terminal: Terminal, interrupt: Interrupt): Promise<Result[]> {
  const { detector, samples, names, failures, thresholds, sink, told } = job;
  const results: Result[] = [];
  let { scale } = job;
  const meter = terminal.meter({ label: "predicting", total: samples.length, unit: "images" });
  const outside = new Outside();
  const { onFrame } = outside;
  const size = told.batchSize ?? 8;
  const batches = readableBatches(samples, detector, size, failures, terminal, onFrame);
  const framing = framingOf(detector.images);
  await sink.writeJson(framingFile, framing);
  for await (const batch of batches) {
    const predictions = await predictBatches(detector, samples, one(batch));
    scale ??= fitColourScale(predictions, thresholds?.pixel ?? maximumOf(predictions));
    for (const [i, prediction] of predictions.entries()) {
      const name = names[batch.indices[i] as number] as string;
      const { path, score } = prediction;
      const look = { framing, scale, threshold: thresholds?.image };
      if (told.maps ?? true)
        await sink.writeBytes(`${name}.npy`, mapFile(prediction, framing.size));
      if (told.images ?? true) {
        await sink.writeBytes(`${name}.png`, await drawPrediction(prediction, name, look));
      }
      results.push({
        path,
        score,
        ...(thresholds ? { verdict: verdictOf(score, thresholds.image) } : {}),
        ...(crops(framing) ? { outside: outside.shareOf(path) } : {}),
        ...((told.maps ?? true) ? { map: join(sink.path, `${name}.npy`) } : {}),
        ...((told.images ?? true) ? { image: join(sink.path, `${name}.png`) } : {}),
      });
    }
    meter.update(results.length + failures.length);
    if (interrupt.signal.aborted && results.length < samples.length) {
      throw new Interrupted(
        `stopped after ${results.length} of ${samples.length} images; they are in ${sink.path}`,
      );
    }
  }
  meter.end();
  outside.warn(terminal);
  return results;
}

async function* one<T>(value: T): AsyncGenerator<T, void, undefined> {
  yield value;
}

/** Without a threshold no pixel counts as defective. */
function maximumOf(predictions: readonly { readonly map: Float32Array }[]): number {
  return predictions.reduce(
    (most, { map }) => map.reduce((a, b) => Math.max(a, b), most),
    Number.NEGATIVE_INFINITY,
  );
}

/** The run's thresholds, or those given now: only by hand, as there are no labels here. */
async function thresholdsOf(
  run: RunFolder,
  { threshold: policy }: Predicting,
  terminal: Terminal,
): Promise<Thresholds | undefined> {
  if (policy !== undefined) {
    const { options } = planThreshold(policy, { test: [] });
    if (options.policy === "manual") {
      const { image = 0, pixel = 0 } = options;
      return { policy: "manual", image, pixel, source: "given by hand" };
    }
    terminal.warn(
      `--threshold ${policy}: images without labels can't choose one; the run's own holds`,
    );
  }
  const own = await run.loadThresholds();
  if (!own)
    terminal.warn(
      `${run.path} was never evaluated, so there are no verdicts: loupe test ${run.path}`,
    );
  return own;
}

function describe(
  results: readonly Result[],
  failures: readonly Failure[],
  { path }: Sink,
  thresholds: Thresholds | undefined,
): Outcome {
  const table = formatTable(
    results.map(({ path: file, score, verdict }) => ({ file, score, verdict })),
    [{ key: "file" }, { key: "score", format: "fixed", digits: 4 }, { key: "verdict" }],
  );
  const limit = thresholds ? `defective from ${thresholds.image.toPrecision(4)}; ` : "";
  const failed = failures.length > 0 ? `\n${failures.length} files could not be read` : "";
  return {
    text: `${results.length > 0 ? `${table}\n\n` : ""}${limit}results in ${path}${failed}`,
    json: { output: path, thresholds: thresholds ?? null, predictions: results, failed: failures },
    ...(failures.length > 0 ? { exit: exitCodes.data } : {}),
  };
}
