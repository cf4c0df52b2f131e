/** From the GPU to the host: the only file that maps a buffer, and the only thing that waits. */
import { patiently } from "#gpu";
import type { Queue } from "./queue.ts";

/** Reads `bytes` of a buffer after everything queued so far; rejects with the queue's error if any launch was refused. */
export async function readBuffer(
  gpu: GPUDevice,
  queue: Queue,
  from: { buffer: GPUBuffer; offset: number; bytes: number },
): Promise<ArrayBuffer> {
  const size = Math.max(4, Math.ceil(from.bytes / 4) * 4);
  queue.flush();
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  const staging = gpu.createBuffer({ size, usage, label: "read-back" });
  try {
    queue.copy(from.buffer, from.offset, staging, 0, size);
  } catch (error) {
    staging.destroy();
    throw error;
  }
  const bytes = await takeBytes(staging, queue);
  return bytes.byteLength === from.bytes ? bytes : bytes.slice(0, from.bytes);
}

async function mapped(staging: GPUBuffer, queue: Queue): Promise<void> {
  try {
    await patiently(staging.mapAsync(GPUMapMode.READ));
  } catch (cause) {
    throw await queue.explain("read", cause);
  }
}

/** The bytes of a buffer made for reading, which is destroyed, once the work that fills it is done. */
export async function takeBytes(staging: GPUBuffer, queue: Queue): Promise<ArrayBuffer> {
  try {
    await mapped(staging, queue);
    await queue.settleErrors();
    return staging.getMappedRange().slice(0);
  } finally {
    staging.destroy();
  }
}
