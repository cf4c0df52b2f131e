/** `loupe data check` and `loupe data demo`. */
import { z } from "zod";
import { checkFolder, formatCheck, writeDemo } from "../data/index.ts";
import type { CommandSpec } from "./command.ts";
import { defined } from "./defined.ts";
import { exitCodes } from "./exit.ts";
import { flag, whole } from "./flags.ts";
import { classes, layout, maskThreshold, seed, testFraction } from "./options.ts";

const checkSettings = z.strictObject({
  class: classes,
  layout,
  testFraction,
  seed,
  maskThreshold,
});

export const dataCheck: CommandSpec = {
  name: "data check",
  arguments: "<folder>",
  summary: "Opens every file of a data set and says what was found, paired and left out, and why",
  description: "Exits with 3 when something can't be used.",
  examples: ["loupe data check data/mvtec_ad", "loupe data check my-photos --json"],
  settings: checkSettings,
  async run({ args, read, terminal }) {
    const { settings } = await read(checkSettings);
    const { class: names, layout: kind, testFraction: share, seed: from } = settings;
    let meter: ReturnType<typeof terminal.meter> | undefined;
    const report = await checkFolder(args[0] as string, {
      ...defined({ classes: names, layout: kind, testFraction: share, seed: from }),
      ...defined({ maskThreshold: settings.maskThreshold }),
      progress: (done, total) => {
        meter ??= terminal.meter({ label: "opening", total, unit: "images" });
        meter.update(done);
      },
    });
    meter?.end();
    const { dataset, classes: found, findings } = report;
    const broken = findings.some(({ level }) => level === "error");
    const { root, layout: used, train, test } = dataset;
    const json = { root, layout: used, classes: found, findings, train, test };
    return { text: formatCheck(report), json, exit: broken ? exitCodes.data : exitCodes.ok };
  },
};

const demoSettings = z.strictObject({
  seed: flag(whole(0), "seed of the pictures; default 0", { value: "number" }),
  imageSize: flag(whole(32), "side of the pictures, pixels; default 160", { value: "pixels" }),
});

export const dataDemo: CommandSpec = {
  name: "data demo",
  arguments: "<folder>",
  summary: "Writes the data set that comes with tensorloupe: three synthetic products with defects",
  examples: ["loupe data demo demo/data"],
  settings: demoSettings,
  async run({ args, read }) {
    const { settings } = await read(demoSettings);
    const folder = args[0] as string;
    const { seed: from, imageSize: size } = settings;
    const files = await writeDemo(folder, defined({ seed: from, size }));
    const next = `loupe train cdo --data ${folder} --backbone resnet18 --image-size 64 --epochs 10`;
    return {
      text: `${files} files in ${folder}; train on it with:\n  ${next}`,
      json: { folder, files },
    };
  },
};
