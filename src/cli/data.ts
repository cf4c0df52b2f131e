/** `loupe data check` and `loupe data demo`. */
import { z } from "zod";
import { checkFolder, formatCheck } from "../data/index.ts";
import type { CommandSpec } from "./command.ts";
import { exitCodes } from "./exit.ts";
import { flag, whole } from "./flags.ts";
import { classes, layout, seed, testFraction } from "./options.ts";

const checkSettings = z.strictObject({
  class: classes,
  layout,
  testFraction,
  seed,
  maskThreshold: flag(whole(0), "mask values above it are defective; default 0", {
    value: "0..254",
  }),
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
    const { class: names, layout: kind, testFraction: share, seed: from, maskThreshold } = settings;
    let meter: ReturnType<typeof terminal.meter> | undefined;
    const report = await checkFolder(args[0]!, {
      ...(names === undefined ? {} : { classes: names }),
      ...(kind === undefined ? {} : { layout: kind }),
      ...(share === undefined ? {} : { testFraction: share }),
      ...(from === undefined ? {} : { seed: from }),
      ...(maskThreshold === undefined ? {} : { maskThreshold }),
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
