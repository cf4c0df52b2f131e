/** `loupe compare`: tables of experiments over classes, as pictures and documents, from any number of run folders. */
import { z } from "zod";
import { encodePng } from "../data/index.ts";
import { LoupeError } from "../error.ts";
import {
  type Comparison,
  compareRuns,
  comparisonJson,
  comparisonText,
  distributionsScene,
  type Statistic,
} from "../report/index.ts";
import type { CommandSpec } from "./command.ts";
import { countDistributions } from "./compare-distributions.ts";
import { checkFormats, writeComparison, writeNew, writeScene } from "./compare-files.ts";
import { ResultReader } from "./compare-results.ts";
import { findRuns } from "./compare-runs.ts";
import { drawSheet } from "./compare-sheet.ts";
import { defined } from "./defined.ts";
import { flag, whole } from "./flags.ts";
import type { Terminal } from "./terminal.ts";

const text = () => z.string().min(1);
const list = () => z.array(text()).min(1);

const settings = z.strictObject({
  output: flag(
    list(),
    "file to write: .png, .svg, .md, .csv or .html; once for each; a file that is there is kept and _1, _2, … appended; default: the terminal",
    { value: "file", short: "o", each: true },
  ),
  curves: flag(
    list(),
    "also draw learning curves and schedules: .png or .svg; the .html report has them in any case",
    { value: "file", each: true },
  ),
  sheet: flag(
    list(),
    "also draw test images with the heat maps of every run below them: .png; needs maps/*.npy and the photos",
    { value: "file", each: true },
  ),
  imagesPerDefect: flag(
    whole(0),
    "images of each kind on the sheet, good ones too; default 2, 0: all",
    { value: "number" },
  ),
  distributions: flag(
    list(),
    "also draw how the scores of good and defective images and pixels are distributed, run beside run, with the threshold and their overlap: .png or .svg",
    { value: "file", each: true },
  ),
  data: flag(
    text(),
    "where the images are now, if they were moved, for --sheet and --distributions",
    {
      value: "folder",
    },
  ),
  logdir: flag(text(), "the folder of the runs, besides those given as arguments", {
    value: "folder",
  }),
  peak: flag(
    z.boolean(),
    "the best evaluation of each run, chosen on the test images; default: the mean of its last 5",
  ),
  final: flag(z.boolean(), "the last evaluation of each run"),
  metrics: flag(
    list(),
    "what to compare, with commas or once for each, by any of its names: image_auroc or i_roc, pixel_auroc or p_roc, aupro or p_pro, loss, mAP_px, …",
    { value: "name", each: true },
  ),
  baseline: flag(
    list(),
    "the row that differences are taken to; more than one go on top; default: role baseline, or a name that begins with baseline or none",
    { value: "name", each: true },
  ),
  unfinished: flag(z.boolean(), "take unfinished runs too, as far as they are"),
  strict: flag(z.boolean(), "runs that can't be compared are an error instead of a warning"),
});

type Told = z.infer<typeof settings>;

export const compare: CommandSpec = {
  name: "compare",
  arguments: "[runs...]",
  summary: "Compares experiments: tables over classes, differences, tests, curves",
  description:
    "Runs are run folders or folders above them. Rows are experiments (the name in run.json), columns classes; runs of different seeds are one cell, mean ± standard deviation.",
  examples: [
    "loupe compare runs",
    "loupe compare runs/ablation -o table.png -o report.html --curves curves.png",
    "loupe compare runs --sheet sheet.png --images-per-defect 3 --distributions scores.svg",
    "loupe compare --logdir runs -o comparison/table_max.png --peak",
    "loupe compare runs --baseline none --metrics i_roc,p_pro --strict",
  ],
  settings,
  async run({ args, read, terminal }) {
    const { settings: told } = await read(settings);
    const { output = [], curves = [], logdir } = told;
    checkFormats(told);
    const statistic = statisticOf(told);
    const folders = [...args, ...(logdir === undefined ? [] : [logdir])];
    if (folders.length === 0) {
      const next = "give run folders, or folders above them: loupe compare runs";
      throw new LoupeError("config", `compare: nothing to compare; ${next}`);
    }
    const { runs, problems } = await findRuns(folders);
    for (const problem of problems) terminal.warn(problem);
    const comparison = compareRuns(runs, {
      statistic,
      ...defined({ unfinished: told.unfinished, strict: told.strict }),
      ...defined({ metrics: split(told.metrics), baselines: told.baseline }),
    });
    for (const warning of comparison.warnings) terminal.warn(warning);
    const pictures = await writePictures(comparison, told, terminal);
    const written = [...(await writeComparison(comparison, output, curves)), ...pictures];
    const said = written.map((path) => `written to ${path}`).join("\n");
    const shown = output.length > 0 ? [] : [comparisonText(comparison)];
    return {
      text: [...shown, said].filter(Boolean).join("\n\n"),
      json: { ...comparisonJson(comparison), problems, written },
    };
  },
};

/** What is drawn from the results of single images. */
async function writePictures(
  comparison: Comparison,
  { sheet = [], distributions = [], imagesPerDefect = 2, data }: Told,
  terminal: Terminal,
): Promise<string[]> {
  const reader = new ResultReader(data);
  const written: string[] = [];
  if (sheet.length > 0) {
    const choice = { perDefect: imagesPerDefect };
    const image = await drawSheet(comparison, reader, choice, terminal);
    const png = encodePng(image);
    for (const path of sheet) written.push(await writeNew(path, png));
  }
  if (distributions.length > 0) {
    const scene = distributionsScene(await countDistributions(comparison, reader, terminal));
    if (!scene) {
      const next = "what is missing is said above";
      throw new LoupeError("data", `compare: no run has scores to draw; ${next}`);
    }
    written.push(...(await writeScene(scene, "Distributions of scores", distributions)));
  }
  return written;
}

function statisticOf({ peak, final }: Told): Statistic {
  if (peak && final) throw new LoupeError("config", "compare: --peak or --final, not both");
  return peak ? "peak" : final ? "final" : "last5";
}

/** Names may stand together, with commas between them. */
const split = (names: readonly string[] | undefined) =>
  names?.flatMap((name) => name.split(",").map((one) => one.trim())).filter(Boolean);
