/** `loupe metrics`: the metrics of anomaly maps that any program made. */
import { join } from "node:path";
import { z } from "zod";
import { loadMapPair, type MapPair } from "../data/index.ts";
import { LoupeError } from "../error.ts";
import {
  type EvaluateOptions,
  type Evaluation,
  evaluate,
  protocolNeeds,
} from "../metrics/index.ts";
import type { CommandSpec } from "./command.ts";
import { defined } from "./defined.ts";
import { writeWhole } from "./files.ts";
import { reportFindings } from "./findings.ts";
import { flag } from "./flags.ts";
import { output, protocol } from "./options.ts";
import { framingOfMaps } from "./recorded-framing.ts";
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
  rawMaps: flag(
    text(),
    "the same maps before they were smoothed, on which protocol fod measures p_roc; without them it is measured on --maps",
    { value: "folder|npy" },
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
    "Maps and masks in folders are paired by name (`x.npy` with `x.png` or `x_mask.png`), in .npy files by position. Where framing.json lies beside the maps, as tensorloupe writes it, masks are cut as the images were. Maps are measured as they are, under every protocol: nothing is resized or smoothed.",
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
    const framing = await framingOfMaps(maps);
    const pair = await loadMapPair(maps, masks, defined({ maskThreshold, framing }));
    reportFindings(pair.findings, maps, terminal);
    const [count, height, width] = pair.shape;
    const rawMaps = await loadRawMaps(told, pair);
    const evaluation = evaluate(
      { maps: pair.maps, masks: pair.masks, height, width, ...defined({ rawMaps }) },
      optionsOf(told),
    );
    for (const warning of evaluation.warnings) terminal.warn(warning);
    const json = { ...evaluation, images: count, height, width };
    if (told.output !== undefined) await writeMetrics(told.output, evaluation, json);
    const size = `${count} maps of ${width}x${height}`;
    return { text: `${size}\n\n${metricTable(evaluation, "value")}`, json };
  },
};

/** Of the same images in the same order. */
async function loadRawMaps(
  { rawMaps: path, protocol: name = "exact", maps, masks, maskThreshold }: z.infer<typeof settings>,
  pair: MapPair,
): Promise<MapPair["maps"] | undefined> {
  if (path === undefined) return undefined;
  if (!protocolNeeds(name).rawMaps) {
    const rule = `has no effect under protocol ${name}`;
    throw new LoupeError("config", `metrics: --raw-maps ${rule}; leave it out or give another`);
  }
  const framing = await framingOfMaps(path);
  const raw = await loadMapPair(path, masks as string, defined({ maskThreshold, framing }));
  const same = (a: readonly unknown[], b: readonly unknown[]) => String(a) === String(b);
  const named = raw.names.length > 0 && pair.names.length > 0;
  const sameImages = !named || same(raw.names, pair.names);
  if (same(raw.shape, pair.shape) && sameImages) return raw.maps;
  const of = ({ shape: [count, height, width] }: MapPair) => `${count} maps of ${width}x${height}`;
  const rule = `are ${of(raw)} and ${of(pair)}: they must be of the same images in the same size`;
  throw new LoupeError("data", `metrics: ${path} and ${maps} ${rule}`);
}

function optionsOf(told: z.infer<typeof settings>): EvaluateOptions {
  const { protocol: name, columns, fprLimit, scoreRatio } = told;
  return defined({ protocol: name, columns, fprLimit, scoreRatio });
}

async function writeMetrics(folder: string, evaluation: Evaluation, json: unknown): Promise<void> {
  await writeWhole(join(folder, "metrics.json"), `${JSON.stringify(json, null, 2)}\n`);
  await writeWhole(join(folder, "metrics.csv"), metricCsv("maps", evaluation));
}
