/** Runs one stored PyTorch case through the engine, twice: values, gradients, the same bits. In Node and in a browser. */
import { backward, type Device, mul, sum, type Tensor } from "../../src/core/index.ts";
import { buildInputs, type Case, lossWeights, type Tolerance } from "./cases.ts";
import { closeTo } from "./close.ts";

/** What a case's op computes: its outputs in the stored order. */
export type Apply = (
  inputs: readonly (Tensor | number)[],
  options: Record<string, unknown>,
) => Tensor | readonly Tensor[];

/** Tight enough for f32 anywhere. */
export const usual: Tolerance = { rtol: 1e-5, atol: 1e-6 };

/** Throws unless both runs are within tolerance and bit-equal. */
export async function checkCase(
  device: Device,
  c: Case,
  apply: Apply,
  tolerance: Tolerance = usual,
): Promise<void> {
  const first = await runCase(device, c, apply);
  // PyTorch's own float32 run is the yardstick where it errs more than the tolerance
  const allow = (err32 = 0) => ({ ...tolerance, atol: Math.max(tolerance.atol, 3 * err32) });
  c.outputs.forEach((want, i) => {
    const shape = first.shapes[i]?.join();
    if (shape !== want.shape.join())
      throw new Error(`${want.name}: shape [${shape}], expected [${want.shape}]`);
    closeTo(first.outputs[i] as Float32Array, want, allow(want.err32));
  });
  c.grads.forEach((want, i) => {
    closeTo(first.grads[i] as Float32Array, want, allow(want.err32));
  });
  const second = await runCase(device, c, apply);
  [...first.outputs, ...first.grads].forEach((values, i) => {
    const again = [...second.outputs, ...second.grads][i];
    if (!values || !again || !sameBits(values, again))
      throw new Error(`${c.name}: a second run gave other bits`);
  });
}

function sameBits(a: ArrayBufferView, b: ArrayBufferView): boolean {
  const [x, y] = [a, b].map((v) => new Uint8Array(v.buffer, v.byteOffset, v.byteLength)) as [
    Uint8Array,
    Uint8Array,
  ];
  return x.length === y.length && x.every((byte, i) => byte === y[i]);
}

async function runCase(device: Device, c: Case, apply: Apply) {
  const inputs = buildInputs(c).map((input) => {
    if (typeof input === "number") return input;
    const data = input.dtype === "bool" ? Float32Array.from(input.data) : input.data;
    return device
      .tensor(data as Float32Array<ArrayBuffer>, input.shape)
      .setRequiresGrad(input.grad);
  });
  const leaves = inputs.filter((t): t is Tensor => typeof t !== "number" && t.requiresGrad);
  const results = device.scope(() => {
    const result = apply(inputs, c.options);
    const outputs = "dtype" in result ? [result] : result;
    if (c.grads.length) {
      const w = device.tensor(lossWeights(c) as Float32Array<ArrayBuffer>, outputs[0]?.shape ?? []);
      backward(sum(mul(outputs[0] as Tensor, w)));
    }
    return outputs.map((t) => t);
  });
  const outputs = await Promise.all(results.map((t) => t.data()));
  const grads = await Promise.all(leaves.map((t) => t.grad?.data()));
  const shapes = results.map((t) => [...t.shape]);
  for (const t of [...inputs, ...results]) if (typeof t !== "number") t.dispose();
  return { outputs, grads, shapes };
}
