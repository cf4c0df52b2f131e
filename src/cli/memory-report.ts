/** `loupe doctor --memory`: what memory a training run takes, from a recording of its step; nothing is trained. */
import { stat } from "node:fs/promises";
import { type Device, formatBytes } from "../core/index.ts";
import { type Detector, RunFolder, type TrainingMemory } from "../detector/index.ts";
import type { Outcome } from "./command.ts";
import { formatFields } from "./fields.ts";
import { findMethod } from "./methods.ts";
import { settledPrecision, wantedPrecision } from "./precision.ts";
import { readConfigFile } from "./settings.ts";
import { trainSettings } from "./train-settings.ts";

/**
 * @param path a config file as `loupe train <method> --config` takes it, or a run folder
 * @param method for a config file; default cdo
 */
export async function memoryReport(device: Device, path: string, method: string): Promise<Outcome> {
  const detector = await detectorOf(device, path, method);
  try {
    return report(device, detector);
  } finally {
    detector.dispose();
  }
}

/** With random weights: their values take no other memory. */
async function detectorOf(device: Device, path: string, name: string): Promise<Detector> {
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
  if (isFolder) {
    const record = await (await RunFolder.open(path)).record();
    return findMethod(record.method).create({ device, config: record.config, seed: 1 });
  }
  const method = findMethod(name);
  const settings = await readConfigFile(path, trainSettings(method));
  const precision = settledPrecision(wantedPrecision(settings), device);
  return method.create({ device, config: method.config({ ...settings, precision }), seed: 1 });
}

function report(device: Device, detector: Detector): Outcome {
  const memory = detector.trainingMemory();
  const { method, config, batchSize, images } = detector;
  const { size } = images;
  const rows = rowsOf(memory);
  const step = `${method} ${String(config.backbone)}, ${size} × ${size}, batch of ${batchSize}`;
  const fields = rows.map(({ name, bytes, note }): [string, string] => {
    return [name, `${formatBytes(bytes).padStart(9)}   ${note}`.trimEnd()];
  });
  return {
    text: [`${step}, on ${device.adapter.name}`, "", formatFields(fields)].join("\n"),
    json: {
      method,
      config,
      adapter: device.adapter,
      bytes: Object.fromEntries(rows.map(({ name, bytes }) => [name, bytes])),
      launches: memory.plan.launches,
      kernels: memory.plan.kernels,
    },
  };
}

function rowsOf({ networks, optimiser, plan }: TrainingMemory) {
  const { inputs, activations, workspace, peak, planned, launches, kernels } = plan;
  const total = networks + optimiser;
  return [
    { name: "parameters", bytes: networks, note: "all networks, frozen ones too" },
    { name: "optimiser", bytes: optimiser, note: "moments and gradients" },
    { name: "inputs", bytes: inputs, note: "" },
    {
      name: "activations",
      bytes: activations,
      note: "kept from the forward pass for the gradients",
    },
    { name: "workspace", bytes: workspace, note: "gradients and temporaries at the peak" },
    { name: "peak", bytes: total + peak, note: "most that is needed at once" },
    { name: "planned", bytes: total + planned, note: `${launches} launches of ${kernels} kernels` },
  ];
}
