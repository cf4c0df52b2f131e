/** `loupe preview`: what synthetic anomalies look like while they get harder, before anything is trained. Needs no GPU. */
import { resolve } from "node:path";
import { z } from "zod";
import { encodePng } from "../data/index.ts";
import { LoupeError } from "../error.ts";
import { previewSheet } from "../report/index.ts";
import type { CommandSpec } from "./command.ts";
import { defined } from "./defined.ts";
import { writeWhole } from "./files.ts";
import { flag, whole } from "./flags.ts";
import { cdo } from "./method-cdo.ts";
import { findMethod } from "./methods.ts";
import { data, layout, seed, testFraction } from "./options.ts";
import type { PreviewOptions } from "./preview-cells.ts";
import { previewImages } from "./preview-images.ts";
import { axisPreview, curriculumPreview } from "./preview-rows.ts";

const words = () => z.array(z.string().min(1)).min(1);

const settings = z.strictObject({
  axis: flag(
    words(),
    "what gets harder, a row each: amp, freq, source, alpha, size, count, shape, colour; numbers follow a colon, as in alpha:4,0.6; default all",
    { value: "axis" },
  ),
  curriculum: flag(
    words(),
    "instead of axes the course of a training: presets such as freq-step5, or parts such as freq:step:k=5",
    { value: "word" },
  ),
  epochs: flag(whole(1), "epochs of that training; default 10", { value: "number" }),
  steps: flag(whole(1).max(40), "columns; default 5, or up to 10 epochs", { value: "number" }),
  imageCount: flag(
    whole(1).max(20),
    "images of the training set to show; default 1 an axis, or 3 of a training",
    { value: "number" },
  ),
  data,
  class: flag(
    z.string().min(1),
    "class to show, default the first; without --data a product of the demo: fabric, tile (default), washer",
    { value: "name" },
  ),
  layout,
  testFraction,
  imageSize: flag(whole(1).max(8192), "side of the square network input, pixels; default 256", {
    value: "pixels",
  }),
  methodVersion: flag(
    z.enum(["2025", "2023"]),
    "2025: the authors' refactor (default); 2023: the paper's code",
  ),
  detour: flag(z.boolean(), "don't pass images through 1024 × 1024", { on: true }),
  guard: flag(z.boolean(), "an axis: also what can't be seen counts as abnormal", { on: true }),
  outline: flag(z.boolean(), "don't outline what counts as abnormal", { on: true }),
  seed,
  output: flag(z.string().min(1), "picture to write; default ./preview.png", {
    value: "file.png",
    short: "o",
  }),
});

type Told = z.infer<typeof settings>;

export const preview: CommandSpec = {
  name: "preview",
  arguments: "[method]",
  summary: "Draws CDO's synthetic anomalies as training makes them, from easy to hard",
  description:
    "Without --data on an image that comes with tensorloupe. With --axis s goes from 0 to 1 and all else stays the same; with --curriculum a cell is the image that a training with this seed sees in that epoch, which one time in five has no anomaly. The outline is the mask that the loss sees; which images an epoch takes is not shown.",
  examples: [
    "loupe preview",
    "loupe preview --axis freq alpha:4,0.6 --data data/mvtec_ad --class bottle --output axes.png",
    "loupe preview --curriculum freq-step5 --epochs 10",
  ],
  settings,
  async run({ args, read, terminal }) {
    const method = findMethod(args[0] ?? cdo.name);
    if (method !== cdo) {
      const rule = "is trained on images as they are, so there are no synthetic anomalies to see";
      throw new LoupeError("config", `preview: ${method.name} ${rule}; cdo has some`);
    }
    const { settings: told } = await read(settings);
    const options = optionsOf(told);
    const images = await previewImages(told, terminal);
    const sheet = told.curriculum
      ? await curriculumPreview(images, told.curriculum, told.epochs ?? 10, options)
      : await axisPreview(images, told.axis, options);
    const path = resolve(told.output ?? "preview.png");
    const picture = previewSheet(sheet);
    await writeWhole(path, encodePng(picture));
    const { width, height } = picture;
    const rows = sheet.rows.map(({ title }) => title);
    return {
      text: `${path} (${width} × ${height}): ${sheet.title}`,
      json: { output: path, width, height, title: sheet.title, rows },
    };
  },
};

function optionsOf(told: Told): PreviewOptions {
  const { methodVersion: version = "2025", imageSize: size = 256, detour = true } = told;
  if (told.axis && told.curriculum) {
    throw new LoupeError("config", "--axis and --curriculum: give one of them");
  }
  const idle = told.curriculum ? (told.guard === false ? "--no-guard" : "") : idleEpochs(told);
  if (idle) throw new LoupeError("config", `${idle} has no effect here; leave it out`);
  const { seed = 1, guard = true, outline = true, steps, imageCount } = told;
  return { version, size, detour, seed, guard, outline, ...defined({ steps, imageCount }) };
}

const idleEpochs = ({ epochs }: Told) => (epochs === undefined ? "" : "--epochs");
