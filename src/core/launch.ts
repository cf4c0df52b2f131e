/** From tensors to a queued launch: the one place where an op meets the queue. */
import { LoupeError } from "../error.ts";
import type { KernelSpec } from "../kernels/index.ts";
import { bindingSize } from "./device.ts";
import type { Launch } from "./queue.ts";
import type { Tensor } from "./tensor.ts";

type Range = Launch["ranges"][number];

export interface LaunchOptions {
  /** Makes the spec anew, with other parameters only: called at every run of a recorded program. */
  readonly refresh?: () => KernelSpec;
}

/** Queues one kernel. Inputs and outputs in the order of the spec's buffers; outputs may not be inputs too. */
export function launch(
  spec: KernelSpec,
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
  { refresh }: LaunchOptions = {},
): void {
  const tensors = [...inputs, ...outputs];
  const device = deviceOf(spec.name, tensors);
  if (tensors.length !== spec.access.length) {
    const text = `${spec.access.length} buffers, got ${tensors.length} tensors`;
    throw new LoupeError("shape", `${spec.name}: kernel has ${text}`);
  }
  const storages = tensors.map((t) => t.storage);
  const ranges = tensors.map((t) => ({ offset: t.offset, size: bindingSize(t) }));
  for (let k = inputs.length; k < tensors.length; k++) {
    // two outputs may lie in one buffer, apart from each other
    const near = (i: number) => i < inputs.length || overlap(ranges[i], ranges[k]);
    if (storages.some((s, i) => s === storages[k] && i !== k && near(i))) {
      throw new LoupeError("shape", `${spec.name}: an output shares memory with another argument`);
    }
  }
  const shapes = tensors.map((t) => t.shape);
  device.submit({ spec, buffers: storages, ranges, shapes, refresh });
}

function overlap(a: Range | undefined, b: Range | undefined): boolean {
  return !!a && !!b && a.offset < b.offset + b.size && b.offset < a.offset + a.size;
}

/** The device of the arguments; they must agree and be alive. */
export function deviceOf(op: string, tensors: readonly Tensor[]): Tensor["device"] {
  const device = tensors[0]?.device;
  if (!device) throw new LoupeError("shape", `${op}: needs at least one tensor`);
  if (tensors.some((t) => t.device !== device)) {
    throw new LoupeError("device", `${op}: its tensors are on different devices`);
  }
  const freed = tensors.find((t) => t.disposed);
  if (freed) {
    const text = `tensor ${show(freed.shape)} was freed: return it from its scope or keep() it`;
    throw new LoupeError("memory", `${op}: ${text}`);
  }
  return device;
}

/** Throws unless every tensor has the dtype. */
export function requireDType(
  op: string,
  dtype: Tensor["dtype"],
  ...tensors: readonly Tensor[]
): void {
  const wrong = tensors.find((t) => t.dtype !== dtype);
  if (wrong) throw new LoupeError("shape", `${op}: needs ${dtype}, got ${wrong}`);
}

/** `[2, 3]`, for messages. */
export function show(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}
