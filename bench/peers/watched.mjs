/** Errors that a library does not look for are caught here, since a refused command buffer is a very fast one. */

/** Watches every device that will be opened; returns a function that gives the first error so far. */
export function watchErrors(gpu) {
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
  return () => failure;
}

export async function adapterName(gpu) {
  const { info } = await gpu.requestAdapter({ powerPreference: "high-performance" });
  return info.device || info.description || `${info.vendor} ${info.architecture}`;
}
