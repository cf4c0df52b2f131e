/** What a device offers to kernels. */
import type { Caps } from "../kernels/index.ts";
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
    matrix: device.adapter.matrixUnits?.matrix,
    f16: device.features.has("shader-f16"),
    workgroupMemory: device.limits.maxComputeWorkgroupStorageSize,
    workgroupThreads: device.limits.maxComputeInvocationsPerWorkgroup,
    software: device.adapter.software,
  };
  known.set(device, caps);
  return caps;
}
