/** What a device offers to kernels, and which of a kernel family's plans it takes. */
import { LoupeError } from "../error.ts";
import type { Caps, Plan } from "../kernels/index.ts";
import type { Device } from "./device.ts";

const known = new WeakMap<Device, Caps>();

/** The device's abilities as kernels see them. */
export function capsOf(device: Device): Caps {
  const seen = known.get(device);
  if (seen) return seen;
  const { subgroupMinSize, subgroupMaxSize } = device.native.adapterInfo ?? {};
  const caps: Caps = {
    subgroups: device.subgroups,
    ...(subgroupMinSize && subgroupMaxSize
      ? { subgroupSize: [subgroupMinSize, subgroupMaxSize] as const }
      : {}),
    f16: device.features.has("shader-f16"),
    workgroupMemory: device.limits.maxComputeWorkgroupStorageSize,
    workgroupThreads: device.limits.maxComputeInvocationsPerWorkgroup,
    software: device.adapter.software,
  };
  known.set(device, caps);
  return caps;
}

const forced = new WeakMap<Device, Map<string, string>>();

/** Makes an op take the plan of this name wherever it is on the list (tests); undefined takes it back. */
export function forcePlan(device: Device, op: string, name: string | undefined): void {
  const names = forced.get(device) ?? new Map<string, string>();
  if (name === undefined) names.delete(op);
  else names.set(op, name);
  forced.set(device, names);
}

/** The plan to run: the forced one if it is on the list, else the first. */
export function choosePlan<P extends Plan>(
  device: Device,
  op: string,
  key: string,
  plans: readonly P[],
): P {
  const name = forced.get(device)?.get(op);
  const plan = plans.find((p) => p.name === name) ?? plans[0];
  if (!plan) throw new LoupeError("shape", `${op}: no plan for ${key}`);
  return plan;
}
