/** Does WebGPU work in this browser at all? If these fail, no other browser test means anything. */

/** Sentences, and functions that throw when the sentence is not true. */
export const tests: Record<string, () => Promise<void>> = {
  "the page is a secure context with WebGPU in it": async () => {
    if (!isSecureContext) throw new Error("the page is no secure context, so there is no WebGPU");
    if (!navigator.gpu) throw new Error("navigator.gpu is missing");
  },

  "a compute shader squares 1000 numbers": async () => {
    const device = await openDevice();
    const input = Float32Array.from({ length: 1000 }, (_, i) => i / 8 - 40);
    const output = await square(device, input);
    device.destroy();
    for (const [i, x] of input.entries()) {
      if (output[i] !== x * x)
        throw new Error(`square of ${x} at ${i}: got ${output[i]}, expected ${x * x}`);
    }
  },

  "a shader that does not compile is an error, not silence": async () => {
    const device = await openDevice();
    device.pushErrorScope("validation");
    device.createShaderModule({ code: "this is no WGSL" });
    const error = await device.popErrorScope();
    device.destroy();
    if (!error) throw new Error("the device took a shader that is no WGSL");
  },
};

async function openDevice(): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error("navigator.gpu gives no adapter");
  const device = await adapter.requestDevice();
  device.onuncapturederror = (event) => reportError(new Error(event.error.message));
  return device;
}

const code = `
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < arrayLength(&x)) { x[id.x] = x[id.x] * x[id.x]; }
}`;

async function square(device: GPUDevice, values: Float32Array<ArrayBuffer>): Promise<Float32Array> {
  const size = values.byteLength;
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const storage = device.createBuffer({ size, usage: STORAGE | COPY_SRC | COPY_DST });
  const readable = device.createBuffer({ size, usage: MAP_READ | COPY_DST });
  device.queue.writeBuffer(storage, 0, values);
  const module = device.createShaderModule({ code });
  const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute: { module } });
  const entries = [{ binding: 0, resource: { buffer: storage } }];
  const layout = pipeline.getBindGroupLayout(0);
  const commands = device.createCommandEncoder();
  const pass = commands.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
  pass.dispatchWorkgroups(Math.ceil(values.length / 64));
  pass.end();
  commands.copyBufferToBuffer(storage, 0, readable, 0, size);
  device.queue.submit([commands.finish()]);
  await readable.mapAsync(GPUMapMode.READ);
  return new Float32Array(readable.getMappedRange().slice(0));
}
