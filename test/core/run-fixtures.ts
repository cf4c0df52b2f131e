/** Runs stored PyTorch cases through the engine: values, gradients, and once more for the same bits. */
import { expect, test } from "vitest";
import { backward, type Device, mul, sum, type Tensor } from "../../src/core/index.ts";
import {
  buildInputs,
  type Case,
  closeTo,
  loadFamily,
  lossWeights,
  type Tolerance,
} from "./fixtures.ts";

/** What a case's op computes: its outputs in the stored order. */
export type Apply = (
  inputs: readonly (Tensor | number)[],
  options: Record<string, unknown>,
) => Tensor | readonly Tensor[];

export interface RunOptions {
  readonly tolerance?: Tolerance | ((c: Case) => Tolerance);
  /** Cases left to another test, by name. */
  readonly skip?: (c: Case) => boolean;
}

const usual: Tolerance = { rtol: 1e-5, atol: 1e-6 };

/** One test per case of a family (or of the named ops in it). */
export function testFamily(
  device: () => Device,
  family: string,
  ops: Readonly<Record<string, Apply>>,
  options: RunOptions = {},
): void {
  for (const c of loadFamily(family, ...Object.keys(ops))) {
    if (options.skip?.(c)) continue;
    const apply = ops[c.op] as Apply;
    test(`${c.name} agrees with PyTorch`, async () => {
      const { tolerance = usual } = options;
      await checkCase(
        device(),
        c,
        apply,
        typeof tolerance === "function" ? tolerance(c) : tolerance,
      );
    });
  }
}

/** Runs one case twice: both times within tolerance, and bit-equal. */
export async function checkCase(
  device: Device,
  c: Case,
  apply: Apply,
  tolerance: Tolerance,
): Promise<void> {
  const first = await runCase(device, c, apply);
  // PyTorch's own float32 run is the yardstick where it errs more than the tolerance
  const allow = (err32 = 0) => ({ ...tolerance, atol: Math.max(tolerance.atol, 3 * err32) });
  c.outputs.forEach((want, i) => {
    expect(first.shapes[i], `shape of ${want.name}`).toEqual(want.shape);
    closeTo(first.outputs[i] as Float32Array, want, allow(want.err32));
  });
  c.grads.forEach((want, i) => {
    closeTo(first.grads[i] as Float32Array, want, allow(want.err32));
  });
  const second = await runCase(device, c, apply);
  expect(second).toEqual(first);
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
