/**
 * Opens a WebGPU device and prints what it is as one line of JSON. A process of its own, because a driver that does
 * not suit may crash or hang instead of failing.
 */
const stage = await main().catch((error) => ({ ok: false, why: String(error?.message ?? error) }));
process.stdout.write(`${JSON.stringify(stage)}\n`, () => process.exit(0));

async function main() {
  let webgpu;
  try {
    webgpu = await import("webgpu");
  } catch (error) {
    return { ok: false, unloadable: true, why: String(error?.message ?? error).split("\n")[0] };
  }
  const gpu = webgpu.create([]);
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) return { ok: false, why: "WebGPU finds no adapter" };
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
  const opened = await adapter.requestDevice();
  opened.destroy();
  return {
    ok: true,
    vendor,
    architecture,
    device,
    description,
    software: isFallbackAdapter === true,
  };
}
