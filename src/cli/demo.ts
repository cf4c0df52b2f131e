/**
 * `loupe demo`, which is `npm start`: writes the embedded data set, trains on each product, and shows what was found, without
 * a download. The sizes are chosen so that it is done in a minute or two on the processor of a laptop.
 */
import { join, resolve } from "node:path";
import { z } from "zod";
import type { Device } from "../core/index.ts";
import { demoProducts, encodePng, readImage, writeDemo } from "../data/index.ts";
import type { Prediction } from "../detector/index.ts";
import { LoupeError } from "../error.ts";
import { findWeights } from "../models/index.ts";
import { contactSheet, histogram, type SheetSection } from "../report/index.ts";
import type { CommandSpec, Outcome } from "./command.ts";
import { defined } from "./defined.ts";
import { writeWhole } from "./files.ts";
import { flag } from "./flags.ts";
import { listenForInterrupt } from "./interrupt.ts";
import { findMethod } from "./methods.ts";
import {
  adapter,
  backbone,
  epochs,
  imageSize,
  memoryLimit,
  output,
  plans,
  seed,
  weights,
} from "./options.ts";
import { namesOf } from "./pictures.ts";
import type { Work } from "./predicting.ts";
import { loadTeacher, withDevice } from "./session.ts";
import { beginRun } from "./train-begin.ts";
import type { FinishedRun } from "./train-finish.ts";
import { describeRuns } from "./train-report.ts";
import type { TrainTold } from "./train-settings.ts";

const names = demoProducts.map(({ name }) => name);

const settings = z.strictObject({
  class: flag(z.array(z.enum(names as [string, ...string[]])).min(1), "products; default all", {
    value: "name",
  }),
  output: output("where everything goes; default ./demo"),
  backbone,
  epochs,
  imageSize,
  weights,
  seed,
  adapter,
  memoryLimit,
  plans,
});

/**
 * The packaged frozen network, so that nothing is downloaded. Small pictures, small batches and few steps, hence a larger learning
 * rate and less blur than for real data.
 */
const quick = {
  backbone: "resnet10_half",
  imageSize: 128,
  epochs: 20,
  batchSize: 4,
  learningRate: 0.004,
  detour: false,
  sigma: 2.5,
  scoreRatio: 0.003,
} as const;

export const demo: CommandSpec = {
  name: "demo",
  summary:
    "Shows it all in a minute: makes images of three products, trains, and finds their defects",
  description:
    "The frozen network comes with the package: a small one that was trained on drawn textures. One that knows photos, such as ImageNet's ResNet-18, finds more.",
  examples: [
    "loupe demo",
    "loupe demo --class washer --epochs 40 --output /tmp/washer",
    "loupe demo --weights resnet18.tv_in1k",
  ],
  settings,
  async run({ read, terminal }) {
    const { settings: told } = await read(settings);
    const folder = resolve(told.output ?? "demo");
    const data = join(folder, "data");
    const products = told.class ?? names;
    terminal.info(`writing images of ${products.join(", ")} to ${data}`);
    await writeDemo(data, { products });
    using interrupt = listenForInterrupt(terminal, "finishing the step, then saving");
    const work = { terminal, interrupt, stopped: "stopped" };
    const runs = await withDevice(told, terminal, (device) =>
      trainProducts(products, { folder, data, told, device }, work),
    );
    const sheet = join(folder, "contact-sheet.png");
    const sections = await Promise.all(runs.map(sectionOf));
    const columns = Math.max(1, ...sections.map(({ samples }) => samples.length));
    await writeWhole(sheet, encodePng(contactSheet(sections, { columns })));
    return describe(runs, folder, sheet);
  },
};

interface DemoJob {
  readonly folder: string;
  readonly data: string;
  readonly told: z.infer<typeof settings>;
  readonly device: Device;
}

async function trainProducts(
  products: readonly string[],
  { folder, data, told, device }: DemoJob,
  work: Work,
): Promise<FinishedRun[]> {
  const { epochs: longer, imageSize: larger, weights: source } = told;
  const network =
    told.backbone ?? (source === undefined ? undefined : findWeights(source)?.backbone);
  const given = defined({ backbone: network, epochs: longer, imageSize: larger });
  const chosen = { ...quick, ...given };
  const method = findMethod("cdo");
  const { backbone } = method.config(chosen) as { readonly backbone: string };
  const teacher = await loadTeacher(source ?? method.weightsOf(backbone), backbone, work.terminal);
  const runs: FinishedRun[] = [];
  for (const className of products) {
    const place = { className, path: join(folder, className), resume: false };
    const all = { ...chosen, data, seed: told.seed, overwrite: true };
    const asTrain: TrainTold = { settings: all, given: all, written: (key) => key };
    runs.push(await beginRun({ place, told: asTrain, method, device, teacher }, work));
  }
  return runs;
}

/** A few images of each kind. */
async function sectionOf({ className, dataset, result }: FinishedRun): Promise<SheetSection> {
  const { predictions, thresholds, scale } = result;
  if (!scale) throw new LoupeError("data", `demo: ${className} has no test images`);
  const all = namesOf(dataset.root, dataset.test);
  const perKind = new Map<string, number>();
  const chosen = [...dataset.test.keys()].filter((i) => {
    const kind = dataset.test[i]?.defect ?? "";
    perKind.set(kind, (perKind.get(kind) ?? 0) + 1);
    return (perKind.get(kind) as number) <= (kind === "good" ? 2 : 1);
  });
  const samples = chosen.map((i) => sampleOf(predictions[i] as Prediction, all[i] as string));
  return {
    title: className,
    samples: await Promise.all(samples),
    scale,
    threshold: thresholds.image,
  };
}

async function sampleOf({ path, map, mask, score, label }: Prediction, name: string) {
  const size = Math.sqrt(map.length);
  const grid = (data: Float32Array | Uint8Array) => ({ width: size, height: size, data });
  const truth = mask ? { mask: grid(mask) } : {};
  return { photo: await readImage(path), map: grid(map), name, score, label, ...truth };
}

function describe(runs: readonly FinishedRun[], folder: string, sheet: string): Outcome {
  const metrics = describeRuns(runs, [], 0);
  const charts = runs.map(({ className, result }) => {
    const labels = result.predictions.map(({ label }) => label);
    const scores = result.predictions.map(({ score }) => score);
    const chart = histogram({ labels, scores }, { threshold: result.thresholds.image });
    return `scores of ${className}\n${chart}`;
  });
  const where = `heat maps in ${folder}/<product>/images, all at a glance in ${sheet}`;
  const json = { ...(metrics.json as object), folder, contact_sheet: sheet };
  return { text: [...charts, metrics.text, where].join("\n\n"), json };
}
