/** `loupe metrics`: the metrics of anomaly maps that any program made. */
import { join } from "node:path";
import { z } from "zod";
import { loadMapPair } from "../data/index.ts";
import { LoupeError } from "../error.ts";
import { type EvaluateOptions, type Evaluation, evaluate } from "../metrics/index.ts";
import type { CommandSpec } from "./command.ts";
import { defined } from "./defined.ts";
import { writeWhole } from "./files.ts";
import { reportFindings } from "./findings.ts";
import { flag } from "./flags.ts";
import { output, protocol } from "./options.ts";
import { metricCsv, metricTable } from "./results.ts";

const text = () => z.string().min(1);
const settings = z.strictObject({
  maps: flag(text(), "anomaly maps: one .npy [N, H, W], or a folder of .npy, .tiff or .png", {
    value: "folder|npy",
  }),
  masks: flag(
    text(),
    "ground truth in the same form; a pixel above --mask-threshold is defective",
    {
      value: "folder|npy",
    },
  ),
  protocol,
  columns: flag(z.array(text()).min(1), "metrics to compute; default: the protocol's table", {
    value: "name",
  }),
  fprLimit: flag(
    z.number().gt(0).max(1),
    "false-positive rate up to which AUPRO is integrated; default 0.3",
    {
      value: "rate",
    },
  ),
  scoreRatio: flag(
    z.number().min(0).max(1),
    "image score: mean of this share of the largest pixels; default 0.01, 0: the maximum",
    {
      value: "share",
    },
  ),
  maskThreshold: flag(z.number().min(0), "mask values above it are defective; default 0", {
    value: "value",
  }),
  output: output("also write metrics.json and metrics.csv there"),
});

export const metrics: CommandSpec = {
  name: "metrics",
  summary: "Computes metrics for anomaly maps of any origin",
  description:
    "Maps and masks in folders are paired by name (`x.npy` with `x.png` or `x_mask.png`), in .npy files by position.",
  examples: [
    "loupe metrics --maps runs/mine/maps --masks data/bottle/ground_truth",
    "loupe metrics --maps maps.npy --masks masks.npy --protocol cdo2025 --json",
  ],
  settings,
  async run({ read, terminal }) {
    const { settings: told } = await read(settings);
    const { maps, masks, maskThreshold } = told;
    if (maps === undefined || masks === undefined) {
      throw new LoupeError("config", "metrics: --maps and --masks are both needed");
    }
    const pair = await loadMapPair(maps, masks, defined({ maskThreshold }));
    reportFindings(pair.findings, maps, terminal);
    const [count, height, width] = pair.shape;
    const evaluation = evaluate(
      { maps: pair.maps, masks: pair.masks, height, width },
      optionsOf(told),
    );
    for (const warning of evaluation.warnings) terminal.warn(warning);
    const json = { ...evaluation, images: count, height, width };
    if (told.output !== undefined) await writeMetrics(told.output, evaluation, json);
    const size = `${count} maps of ${width}x${height}`;
    return { text: `${size}\n\n${metricTable(evaluation, "value")}`, json };
  },
};

function optionsOf(told: z.infer<typeof settings>): EvaluateOptions {
  const { protocol: name, columns, fprLimit, scoreRatio } = told;
  return defined({ protocol: name, columns, fprLimit, scoreRatio });
}

async function writeMetrics(folder: string, evaluation: Evaluation, json: unknown): Promise<void> {
  await writeWhole(join(folder, "metrics.json"), `${JSON.stringify(json, null, 2)}\n`);
  await writeWhole(join(folder, "metrics.csv"), metricCsv("maps", evaluation));
}
