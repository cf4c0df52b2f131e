/** `loupe doctor`: what GPU there is, what it can do, and whether it computes what it should. */
import { z } from "zod";
import {
  type Device,
  describeMatrixUnits,
  formatBytes,
  openDevice,
  planCachePlace,
} from "../core/index.ts";
import { LoupeError } from "../error.ts";
import type { CommandSpec, Outcome } from "./command.ts";
import { describeMachine, featuresOf } from "./environment.ts";
import { exitCodes } from "./exit.ts";
import { formatFields } from "./fields.ts";
import { flag } from "./flags.ts";
import { memoryReport } from "./memory-report.ts";
import { adapter } from "./options.ts";
import { describePlans } from "./plans.ts";
import { type CheckResult, selfTest } from "./self-test.ts";
import type { Terminal } from "./terminal.ts";

const settings = z.strictObject({
  adapter,
  memory: flag(
    z.string(),
    "the memory that training takes, before it starts: a config file as train takes it, or a run folder",
    { value: "config" },
  ),
});

export const doctor: CommandSpec = {
  name: "doctor",
  summary: "Shows the GPU, its limits and features, and tests it",
  arguments: "[method]",
  examples: [
    "loupe doctor",
    "loupe doctor --adapter nvidia --json",
    "loupe doctor cdo --memory config.json",
  ],
  settings,
  async run({ args, read, terminal }) {
    const told = await read(settings);
    const opened = await open(told.settings.adapter, terminal);
    if (opened instanceof LoupeError) return withoutDevice(opened, terminal);
    try {
      const { memory } = told.settings;
      if (memory !== undefined) return await memoryReport(opened, memory, args[0] ?? "cdo");
      return report(opened, await selfTest(opened, terminal.now));
    } finally {
      opened.close();
    }
  },
};

async function open(name: string | undefined, terminal: Terminal): Promise<Device | LoupeError> {
  const onWarning = (message: string) => terminal.warn(message);
  try {
    return await openDevice(name === undefined ? { onWarning } : { adapter: name, onWarning });
  } catch (error) {
    if (error instanceof LoupeError && error.code === "device") return error;
    throw error;
  }
}

function withoutDevice(error: LoupeError, terminal: Terminal): Outcome {
  terminal.error(error.message);
  const machine = describeMachine();
  return {
    text: formatFields(Object.entries(machine).map(([k, v]) => [k, String(v)])),
    json: { ...machine, adapter: null, ok: false, error: error.message },
    exit: exitCodes.device,
  };
}

const shownLimits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupsPerDimension",
  "maxStorageBuffersPerShaderStage",
] as const;

function report(device: Device, checks: readonly CheckResult[]): Outcome {
  const has = (feature: string) => device.features.has(feature);
  const f16 = has("shader-f16");
  const ok = checks.every((check) => check.ok);
  const limits = Object.fromEntries(shownLimits.map((name) => [name, device.limits[name]]));
  const machine = describeMachine();
  const features = featuresOf(device);
  const plans = { place: planCachePlace(device) ?? null, choices: device.planner.choices };
  const usable = {
    f16,
    tensorCores: device.adapter.matrixUnits?.matrix !== undefined,
    subgroups: has("subgroups"),
    timestamps: has("timestamp-query"),
  };
  return {
    text: [
      formatFields([
        ["adapter", device.adapter.name],
        ["kind", device.adapter.software ? "software: a program on the CPU, slow" : "GPU"],
        ["vendor", [device.adapter.vendor, device.adapter.architecture].filter(Boolean).join(" ")],
        ["driver", device.adapter.driver],
        ["f16", yes(f16, "shader-f16")],
        ["tensor cores", describeMatrixUnits(device.adapter.matrixUnits)],
        ["features", features.join(", ")],
        ["plans", describePlans(device)],
        ...Object.entries(machine).map(([k, v]) => [k, String(v)] as const),
      ]),
      "",
      formatFields(shownLimits.map((name) => [name, limitText(name, device.limits[name])])),
      "",
      formatFields(checks.map((c) => [`${c.ok ? "ok   " : "WRONG"} ${c.name}`, c.detail])),
    ].join("\n"),
    json: { ...machine, adapter: device.adapter, usable, features, plans, limits, checks, ok },
    exit: ok ? exitCodes.ok : exitCodes.device,
  };
}

const yes = (on: boolean, feature: string) => (on ? "usable" : `not usable: no ${feature}`);

function limitText(name: string, value: number): string {
  return /Size$/.test(name) ? `${value} (${formatBytes(value)})` : String(value);
}
