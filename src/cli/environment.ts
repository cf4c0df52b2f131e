/** What a result depends on besides its settings: versions, machine, GPU. Recorded with every run. */
import { readFileSync } from "node:fs";
import { arch, cpus, platform, release } from "node:os";
import type { Device } from "../core/index.ts";

/** Version of this package. */
export const version: string = (
  JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  }
).version;

/** Plain JSON. */
export function describeMachine(): Record<string, unknown> {
  return {
    tensorloupe: version,
    node: process.version,
    system: `${platform()} ${release()} ${arch()}`,
    cpu: `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown"}`,
  };
}

/** The machine and the GPU. */
export function describeEnvironment(device: Device): Record<string, unknown> {
  const adapter = { ...device.adapter };
  const { choices: plans } = device.planner;
  return { ...describeMachine(), adapter, features: featuresOf(device), plans };
}

export function featuresOf(device: Device): string[] {
  return [...device.features].sort();
}
