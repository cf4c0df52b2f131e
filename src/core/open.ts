/** Opens a GPU, the same way in Node and in a browser: which adapter, with which limits and features. */
import { noAdapterHelp, platformGpu } from "#gpu";
import { LoupeError } from "../error.ts";
import { Device, textOf } from "./device.ts";
import { findMatrixUnits, type MatrixFinding } from "./matrix-units.ts";
import type { ForcedPlans } from "./planner.ts";
import { type PlanSource, usePlans } from "./planner-cache.ts";

export interface DeviceOptions {
  /** Part of an adapter's name (Node only); without it the fastest hardware adapter. */
  readonly adapter?: string;
  /** Most bytes of GPU memory to use; without it what the GPU gives. */
  readonly memoryLimit?: number;
  /** False: do without subgroups even where the adapter has them. */
  readonly subgroups?: boolean;
  /** False: do without matrix units (tensor cores) even where the adapter has them. */
  readonly matrixUnits?: boolean;
  /**
   * Which plans of ops were measured to be fast: those that `tune` kept for this adapter (`"cache"`, the default), none, or a table.
   * @see Planner
   */
  readonly planTable?: PlanSource;
  /** Plans to take whatever was measured, such as `{ conv2d: "plain" }`; an op whose shape has none of them throws. */
  readonly plans?: ForcedPlans;
  /** Told once about anything the user should know, such as a software adapter. Default: `console.warn`. */
  readonly onWarning?: (message: string) => void;
}

/** What is known about the adapter. */
export interface AdapterInfo {
  readonly name: string;
  readonly vendor: string;
  readonly architecture: string;
  readonly driver: string;
  /** True when the "GPU" is a program on the CPU. */
  readonly software: boolean;
  /** Its matrix units (tensor cores), or why they can't be used. */
  readonly matrixUnits?: MatrixFinding;
}

/** Features used when the adapter has them. */
const wantedFeatures: readonly GPUFeatureName[] = [
  "shader-f16",
  "subgroups",
  "timestamp-query",
  "chromium-experimental-subgroup-matrix" as GPUFeatureName,
  "subgroup-size-control" as GPUFeatureName,
];
/** Limits raised to what the adapter has. */
const wantedLimits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxStorageBuffersPerShaderStage",
] as const;

/**
 * Opens the fastest adapter (or the named one) with its real limits.
 * @throws LoupeError `device` when there is no adapter
 * @example const device = await openDevice();
 */
export async function openDevice(options: DeviceOptions = {}): Promise<Device> {
  const gpu = platformGpu(options.adapter);
  const adapter = await requestAdapter(gpu, options.adapter);
  const requiredFeatures = wantedFeatures.filter((f) => adapter.features.has(f));
  const requiredLimits = Object.fromEntries(wantedLimits.map((l) => [l, adapter.limits[l]]));
  const info = adapterInfo(adapter);
  const native = await adapter
    .requestDevice({ requiredFeatures, requiredLimits })
    .catch((cause: unknown) => {
      const text = `${info.name} cannot be opened (${textOf(cause)}); ${noAdapterHelp}`;
      throw new LoupeError("device", `openDevice: ${text}`, { cause });
    });
  const wanted = options.matrixUnits !== false;
  const matrixUnits = wanted ? await findMatrixUnits(adapter.info, native) : { why: "turned off" };
  const device = new Device(gpu, native, { ...info, matrixUnits }, options);
  const warn = options.onWarning ?? console.warn;
  usePlans(device, options.planTable ?? "cache", warn);
  device.planner.force(options.plans ?? {});
  if (info.software) {
    warn(`${info.name} is a software adapter: correct, but 10 to 1000 times slower than a GPU`);
  }
  return device;
}

async function requestAdapter(gpu: GPU, name: string | undefined): Promise<GPUAdapter> {
  let reason = "";
  try {
    const fast = await gpu.requestAdapter({ powerPreference: "high-performance" });
    if (fast && (name || !adapterInfo(fast).software)) return fast;
    const other = await gpu.requestAdapter({ powerPreference: "low-power" }); // any hardware before none
    const adapter = other && !adapterInfo(other).software ? other : fast;
    if (adapter) return adapter;
  } catch (error) {
    reason = ` (${textOf(error)})`;
  }
  const which = name ? `no adapter is named like "${name}"` : "no GPU adapter found";
  throw new LoupeError("device", `openDevice: ${which}${reason}; ${noAdapterHelp}`);
}

function adapterInfo({ info }: GPUAdapter): AdapterInfo {
  const name = info.device || info.description || `${info.vendor} ${info.architecture}`;
  const text = `${name} ${info.description} ${info.architecture}`;
  const known = /llvmpipe|lavapipe|swiftshader|basic render|software/i.test(text);
  return {
    name: /^0x|^$/.test(info.device) && info.description ? info.description : name,
    vendor: info.vendor,
    architecture: info.architecture,
    driver: info.description,
    software: known || info.isFallbackAdapter === true,
  };
}
