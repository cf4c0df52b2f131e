/** `loupe fod reference-features`: the mean features of a class's training images, for `loupe train fod --reference-features`. */
import { resolve } from "node:path";
import { z } from "zod";
import type { Device, Tensor } from "../core/index.ts";
import { LoupeError } from "../error.ts";
import { streamReference, writeReference } from "../fod/index.ts";
import { classesOf, openData, refuseDefective, requireTraining } from "./class-data.ts";
import type { CommandSpec } from "./command.ts";
import { choiceOf } from "./data-choice.ts";
import { meta, mode, splitSeed } from "./data-options.ts";
import { writeWhole } from "./files.ts";
import { originOf, referenceFile } from "./fod-inputs.ts";
import { listenForInterrupt } from "./interrupt.ts";
import { fit, fod } from "./method-fod.ts";
import {
  adapter,
  backbone,
  classes,
  data,
  imageSize,
  layout,
  memoryLimit,
  output,
  plans,
  precision,
  seed,
  testFraction,
  weights,
} from "./options.ts";
import { choosePrecision } from "./precision.ts";
import type { Work } from "./predicting.ts";
import { completeTeacher } from "./random-teacher.ts";
import { createDetector, type Teacher, teacherFor, withDevice } from "./session.ts";
import { disposable } from "./train-finish.ts";
import { watched } from "./train-run.ts";
import { trainingBatches } from "./training-batches.ts";

const settings = z.strictObject({
  data,
  class: classes,
  weights,
  seed,
  backbone,
  imageSize,
  fit,
  precision,
  output: output(
    "file to write; with several classes, or without .safetensors at its end, a folder of <class>.safetensors",
    "file|folder",
  ),
  layout,
  testFraction,
  mode,
  meta,
  splitSeed,
  adapter,
  memoryLimit,
  plans,
});

type Told = z.infer<typeof settings>;

/** All levels that a backbone has, as the reference's script writes them. */
const levels = [0, 1, 2];

export const fodReference: CommandSpec = {
  name: "fod reference-features",
  summary: "Writes the mean features of a class's training images, which FOD correlates with",
  description:
    "Image by image, however many there are: tensors layer0, layer1, layer2 of [C, h · w], with class, backbone, weights and image size. For loupe train fod --reference-features; a training without computes the same by itself.",
  examples: [
    "loupe fod reference-features --data data/mvtec_ad --class bottle --output bottle.safetensors",
    "loupe fod reference-features --data data/mvtec_ad --backbone resnet18 --output references",
  ],
  settings,
  async run({ read, terminal }) {
    const { settings: told } = await read(settings);
    const { data: root, output: target } = told;
    if (root === undefined || target === undefined) {
      throw new LoupeError("config", "fod reference-features: --data and --output are needed");
    }
    const names = await classesOf(choiceOf(told, told.class));
    const isFile = target.endsWith(".safetensors");
    if (isFile && names.length > 1) {
      const rule = `is one file, but there are ${names.length} classes (${names.join(", ")})`;
      throw new LoupeError("config", `--output ${target}: ${rule}; name a folder, or one --class`);
    }
    using interrupt = listenForInterrupt(terminal, "stopping");
    const work = { terminal, interrupt, stopped: "stopped; classes that are done are written" };
    const teacher = await teacherFor(fod, told, terminal);
    const made = await withDevice(told, terminal, async (device) => {
      const precision = choosePrecision(told.precision, device, terminal);
      const config = fod.config({ ...told, precision });
      const files: Made[] = [];
      for (const className of names) {
        const path = resolve(isFile ? target : referenceFile(target, className));
        files.push(await make({ device, teacher, config, className, path, told }, work));
      }
      return files;
    });
    const lines = made.map(({ class: name, images, path }) => `${name}: ${images} images, ${path}`);
    return { text: lines.join("\n"), json: { files: made } };
  },
};

interface Made {
  readonly class: string;
  readonly path: string;
  readonly images: number;
}

interface Job {
  readonly device: Device;
  readonly teacher: Teacher;
  readonly config: Readonly<Record<string, unknown>>;
  readonly className: string;
  readonly path: string;
  readonly told: Told;
}

async function make(
  { device, teacher, config, className, path, told }: Job,
  work: Work,
): Promise<Made> {
  const reading = { label: className };
  const dataset = await openData(choiceOf(told, [className]), reading, work.terminal);
  requireTraining(dataset);
  refuseDefective(dataset, fod);
  const { seed = 1 } = told;
  const known = await completeTeacher(teacher, fod, config, { device, dataset, seed });
  using detector = disposable(createDetector(fod, device, config, known, seed));
  const { set } = trainingBatches(dataset.train, detector, seed);
  const images = watched(set, work).clean([...dataset.train.keys()]);
  const features = (batch: Tensor) => detector.features(batch);
  const reference = await streamReference(device, features, levels, images);
  const origin = originOf({ config, className, weights: String(known.record.sha256) });
  await writeWhole(path, writeReference(reference, origin));
  return { class: className, path, images: reference.images };
}
