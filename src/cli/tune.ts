/** `loupe tune`: measures how convolutions and products are computed fastest on this GPU, at the sizes of a training. */

import { resolve } from "node:path";
import { z } from "zod";
import {
  choicesOf,
  type Device,
  formatPlanTable,
  keepPlans,
  type PlanCase,
  planTable,
  type TunedCase,
  tune as tunePlans,
} from "../core/index.ts";
import { formatTable } from "../report/index.ts";
import type { CommandSpec, Outcome } from "./command.ts";
import { writeWhole } from "./files.ts";
import { flag, type Settings } from "./flags.ts";
import { listenForInterrupt } from "./interrupt.ts";
import type { Method } from "./method.ts";
import { findMethod, methods } from "./methods.ts";
import { adapter, memoryLimit, output } from "./options.ts";
import { settledPrecision, wantedPrecision } from "./precision.ts";
import { type DeviceSettings, openGpu } from "./session.ts";
import type { Terminal } from "./terminal.ts";

const common = {
  output: output(
    "write the table of plans there, for --plans, instead of keeping it for this GPU",
    "file.json",
  ),
  budget: flag(z.number().min(1), "milliseconds of timing for each op and shape; default 200", {
    value: "ms",
  }),
  adapter,
  memoryLimit,
};

/** Settings of a method that decide which shapes its ops have. */
const sizes = ["backbone", "imageSize", "batchSize", "precision"];

function settingsOf(method: Method): z.ZodObject<typeof common> {
  const own = Object.entries(method.settings.shape).filter(([key]) => sizes.includes(key));
  return z.strictObject({ ...Object.fromEntries(own), ...common }) as z.ZodObject<typeof common>;
}

const allSettings: Settings = z.strictObject(
  Object.assign({}, ...methods.map((method) => settingsOf(method).shape)),
);

export const tune: CommandSpec = {
  name: "tune",
  arguments: "[method]",
  summary: "Measures which kernels are fastest on this GPU, and keeps that for later runs",
  description:
    "Takes the shapes of a training step and of a prediction. Every plan is checked against the plain one first. Runs begun before keep their plans.",
  examples: [
    "loupe tune --backbone hrnet_w32 --image-size 256 --batch-size 32",
    "loupe tune --backbone resnet18 --output plans.json",
  ],
  settings: allSettings,
  async run({ args, read, terminal }) {
    const method = findMethod(args[0] ?? methods[0]?.name);
    const { settings } = await read(settingsOf(method));
    using interrupt = listenForInterrupt(terminal, "finishing the plan under way, then saving");
    const open = () => openGpu({ ...(settings as DeviceSettings), plans: "none" }, terminal);
    const device = await open();
    try {
      const cases = await casesOf(device, method, settings);
      const results = await measure(device, cases, settings.budget, {
        terminal,
        open,
        signal: interrupt.signal,
      });
      const place = await save(device, results, settings.output);
      const told = where(place, settings.output);
      interrupt.check(`stopped; what was measured is ${told}`);
      return describe(results, told, place);
    } finally {
      device.close();
    }
  },
};

/** What a training step and predictions ask for. They are recorded, not run. */
export async function casesOf(
  device: Device,
  method: Method,
  settings: Readonly<Record<string, unknown>>,
): Promise<readonly PlanCase[]> {
  const precision = settledPrecision(wantedPrecision(settings), device);
  const config = method.config({ ...settings, precision });
  const detector = method.create({ device, config, seed: 1 });
  try {
    detector.trainingMemory(); // plans the step, whatever it takes
    for (const n of new Set([detector.batchSize, predictedAtOnce])) {
      await detector.preparePrediction(n);
    }
    return device.planner.seen;
  } finally {
    detector.dispose();
  }
}

/** `loupe predict`'s batch. */
const predictedAtOnce = 8;

async function measure(
  device: Device,
  cases: readonly PlanCase[],
  budget: number | undefined,
  {
    terminal,
    open,
    signal,
  }: { terminal: Terminal; open: () => Promise<Device>; signal: AbortSignal },
): Promise<TunedCase[]> {
  const total = cases.filter(({ plans }) => plans.length > 1).length;
  const meter = terminal.meter({ label: "measuring", total, unit: "shapes" });
  try {
    const results = await tunePlans(device, cases, {
      onProgress: (done, _, { op, key }) => meter.update(done, `${op} ${key}`),
      reopen: open,
      signal,
      ...(budget === undefined ? {} : { budget }),
    });
    meter.update(results.length);
    for (const { op, key, wrong } of results) {
      for (const { plan, reason } of wrong) {
        terminal.warn(`${op} ${key}: plan ${plan} is not used: ${reason}`);
      }
    }
    return results;
  } finally {
    meter.end();
  }
}

/** Where the choices were put; undefined where nothing can be kept. */
async function save(
  device: Device,
  results: readonly TunedCase[],
  file: string | undefined,
): Promise<string | undefined> {
  const choices = choicesOf(results);
  if (file === undefined) return keepPlans(device, choices);
  await writeWhole(file, formatPlanTable(planTable(device, choices)));
  return resolve(file);
}

function where(place: string | undefined, file: string | undefined): string {
  if (place === undefined) return "kept nowhere, for there is no home folder; use --output";
  if (file === undefined) return `kept in ${place}; later runs on this GPU use it`;
  return `written to ${place}; use it with --plans ${file}`;
}

function describe(results: readonly TunedCase[], told: string, place: string | undefined): Outcome {
  const rows = results.map((result) => ({ ...result, ...rates(result) }));
  const table = formatTable(
    rows.map(({ times: _, wrong: __, gain, ...row }) => ({ ...row, gain: `${gain.toFixed(2)} ×` })),
    [
      { key: "op" },
      { key: "key", title: "shape" },
      { key: "plan" },
      { key: "gflops", title: "GFLOP/s", format: "fixed", digits: 1 },
      { key: "first", title: "default" },
      { key: "gain", title: "faster" },
    ],
  );
  const text = results.length === 0 ? "no op has more than one plan here" : `${table}\n\n${told}`;
  return { text, json: { table: place ?? null, results: rows } };
}

/** Speed of the plan chosen, and how many times that of the default. */
function rates({ plan, first, flops, times }: TunedCase): { gflops: number; gain: number } {
  const ms = times[plan] ?? Number.NaN;
  return { gflops: flops / ms / 1e6, gain: (times[first] ?? Number.NaN) / ms };
}
