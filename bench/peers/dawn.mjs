/**
 * `navigator.gpu` for libraries that expect a browser: Dawn, the same package, adapter and flags as ours. Errors that a library
 * does not look for are caught here, since a refused command buffer is a very fast one.
 */
import { create, globals } from "webgpu";

const flags = [
  "enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia",
  "disable-dawn-features=timestamp_quantization",
];

/** @returns what runs, and the first error so far */
export async function installGpu(adapterName) {
  Object.assign(globalThis, globals);
  process.env.XDG_RUNTIME_DIR ??= process.env.TMPDIR ?? "/tmp";
  const gpu = create(adapterName ? [...flags, `adapter=${adapterName}`] : flags);
  globalThis.navigator ??= {};
  const define = (name, value) =>
    Object.defineProperty(globalThis.navigator, name, { value, configurable: true });
  define("gpu", gpu);
  if (!globalThis.navigator.userAgent) define("userAgent", "Node.js"); // jax-js looks into it
  let failure;
  const requestAdapter = gpu.requestAdapter.bind(gpu);
  gpu.requestAdapter = async (...options) => {
    const adapter = await requestAdapter(...options);
    if (!adapter) return adapter;
    const requestDevice = adapter.requestDevice.bind(adapter);
    adapter.requestDevice = async (...limits) => {
      const device = await requestDevice(...limits);
      device.addEventListener("uncapturederror", ({ error }) => {
        failure ??= `the GPU refused something: ${error.message.slice(0, 300)}`;
      });
      return device;
    };
    return adapter;
  };
  const { info } = await requestAdapter({ powerPreference: "high-performance" });
  return { adapter: info.device || info.description, failure: () => failure };
}
