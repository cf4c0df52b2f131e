/** `navigator.gpu` for libraries that expect a browser: Dawn, the same package, adapter and flags as ours. */
import { create, globals } from "webgpu";
import { adapterName, watchErrors } from "./watched.mjs";

const flags = [
  "enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia",
  "disable-dawn-features=timestamp_quantization",
];

/** @returns what runs, and the first error so far */
export async function installGpu(name) {
  Object.assign(globalThis, globals);
  process.env.XDG_RUNTIME_DIR ??= process.env.TMPDIR ?? "/tmp";
  const gpu = create(name ? [...flags, `adapter=${name}`] : flags);
  globalThis.navigator ??= {};
  const define = (key, value) =>
    Object.defineProperty(globalThis.navigator, key, { value, configurable: true });
  define("gpu", gpu);
  if (!globalThis.navigator.userAgent) define("userAgent", "Node.js"); // jax-js looks into it
  return { adapter: await adapterName(gpu), failure: watchErrors(gpu) };
}
