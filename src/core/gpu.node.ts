/**
 * WebGPU in Node: Dawn through the `webgpu` package. The instance must stay referenced as long as a device lives: Dawn
 * crashes when it is collected first. It never goes onto `globalThis.navigator` (dawn-gpu/node-webgpu issue 18).
 */
import { create, globals } from "webgpu";

/** The flags NVIDIA needs for f16 and matrix units; harmless elsewhere. Timestamps in full resolution. */
const flags = [
  "enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia",
  "disable-dawn-features=timestamp_quantization",
];
const instances = new Map<string, GPU>();

/** The platform's GPU entry point. `adapter` picks one by (part of) its name; Dawn does the matching. */
export function platformGpu(adapter?: string): GPU {
  const key = adapter ?? "";
  let gpu = instances.get(key);
  if (!gpu) {
    Object.assign(globalThis, globals);
    process.env.XDG_RUNTIME_DIR ??= process.env.TMPDIR ?? "/tmp"; // Mesa asks for it
    gpu = create(adapter ? [...flags, `adapter=${adapter}`] : flags) as unknown as GPU;
    instances.set(key, gpu);
  }
  return gpu;
}

/** What to do when there is no adapter. */
export const noAdapterHelp =
  process.platform === "linux"
    ? "run `node scripts/setup.mjs`, which installs a software adapter, or install your GPU's Vulkan driver"
    : "install your GPU's driver";

const clock = new Int32Array(new SharedArrayBuffer(4));

/**
 * Waits for the GPU without keeping a core busy. Dawn looks for news in every turn of the event loop, as fast as it turns; here each turn
 * sleeps for a sixteenth of the wait so far, at most half a millisecond. (On a software adapter that core computes instead.)
 */
export async function patiently<T>(work: Promise<T>): Promise<T> {
  const start = performance.now();
  let waiting = true;
  const turn = () => {
    if (!waiting) return;
    Atomics.wait(clock, 0, 0, Math.min(0.5, (performance.now() - start) / 16));
    setImmediate(turn);
  };
  setImmediate(turn);
  try {
    return await work;
  } finally {
    waiting = false;
  }
}
