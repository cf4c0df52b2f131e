/**
 * Convolutions and products of f16 go to matrix units where the device has them, forward and back. Here the units are emulated;
 * operands are small whole numbers, so the results are those of the plain kernels, bit by bit.
 */
import { afterEach, beforeAll, expect, test } from "vitest";
import {
  capsOf,
  conv2d,
  conv2dFused,
  type Device,
  grad,
  matmul,
  mul,
  sum,
  type Tensor,
  withPrecision,
} from "../../src/core/index.ts";
import type { DType, MatrixCaps } from "../../src/kernels/index.ts";
import { testDevice } from "../device.ts";
import { wholes } from "../kernels/matrix-reference.ts";

const emulated: MatrixCaps = {
  configs: [{ componentType: "f16", resultComponentType: "f32", M: 16, N: 16, K: 16 }],
  dialect: "emulated",
  subgroupSize: 32,
  pinned: false,
};
const plain = await testDevice();
const withUnits = await testDevice();

beforeAll(() => {
  Object.assign(capsOf(withUnits), { matrix: emulated });
});

/** The same on both devices. */
async function agree(run: (device: Device) => readonly Tensor[]): Promise<void> {
  const [want, got] = [
    await plain.read(() => run(plain)),
    await withUnits.read(() => run(withUnits)),
  ];
  for (const [i, values] of want.entries()) expect(got[i], `result ${i}`).toEqual(values);
}

function make(
  device: Device,
  shape: readonly number[],
  seed: number,
  dtype: DType = "f16",
): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  return device.tensor(wholes(count, seed), shape, dtype);
}

/** An f32 tensor that gradients are asked of. */
function leaf(device: Device, shape: readonly number[], seed: number): Tensor {
  return make(device, shape, seed, "f32").setRequiresGrad(true);
}

function gradients(loss: Tensor, leaves: readonly Tensor[]): Tensor[] {
  const found = grad(loss, leaves).filter((g) => g !== undefined);
  expect(found.length).toBe(leaves.length);
  return found;
}

/** The first plan of every class of an op that was asked for. */
function firstPlans(op: string): string[] {
  return withUnits.planner.seen.filter((c) => c.op === op).map((c) => c.plans[0]?.name ?? "none");
}

afterEach(() => {
  expect(plain.memory.stats().liveBuffers).toBe(0);
});

test("a convolution of f16 and its gradients agree with the plain kernels", async () => {
  for (const [k, stride] of [
    [24, 1],
    [20, 2],
  ] as const) {
    await agree((device) => {
      const [x, w] = [leaf(device, [2, 9, 7, 16], 1), leaf(device, [3, 3, 16, k], 2)];
      const y = withPrecision("f16", () => conv2d(x, w, undefined, { padding: 1, stride }));
      const seen = make(device, y.shape, 3, y.dtype === "f16" ? "f16" : "f32");
      return [y, ...gradients(sum(mul(y, seen)), [x, w])];
    });
  }
  for (const op of ["conv2d", "conv2d input gradient", "conv2d weight gradient"]) {
    expect(firstPlans(op), op).toEqual(Array(2).fill(expect.stringMatching(/^matrix/)));
  }
});

test("a fused convolution ends as the plain one does", async () => {
  await agree((device) => {
    const shift = make(device, [24], 3, "f32");
    const residual = make(device, [2, 9, 7, 24], 4);
    const [x, w] = [make(device, [2, 9, 7, 16], 1), make(device, [3, 3, 16, 24], 2)];
    return [conv2dFused(x, w, { padding: 1, shift, residual, relu: true })];
  });
});

test("matrices of f16 are multiplied on matrix units, sums cut into parts where they are long", async () => {
  await agree((device) => {
    const [a, b] = [leaf(device, [3, 40, 72], 1), leaf(device, [3, 72, 24], 2)];
    const [c, d] = [make(device, [64, 2000], 3), make(device, [64, 2000], 4)];
    const y = withPrecision("f16", () => matmul(a, b));
    const z = matmul(c, d, { transposeB: true });
    const seen = make(device, y.shape, 5, y.dtype === "f16" ? "f16" : "f32");
    return [y, z, ...gradients(sum(mul(y, seen)), [a, b])];
  });
  const plans = withUnits.planner.seen.filter((c) => c.op === "matmul").flatMap((c) => c.plans[0]);
  for (const plan of plans) expect(plan?.name).toMatch(/^matrix/);
  const long = plans.find((plan) => (plan as unknown as { parts: number }).parts > 1);
  expect(long, "a plan of several parts").toBeDefined();
});

test("f32 stays with the kernels of f32, and so do groups", async () => {
  await agree((device) => {
    const [x, w] = [make(device, [1, 8, 8, 32], 1, "f32"), make(device, [3, 3, 32, 16], 2, "f32")];
    const [g, v] = [make(device, [1, 8, 8, 16], 3), make(device, [3, 3, 8, 16], 4)];
    return [conv2d(x, w), conv2d(g, v, undefined, { groups: 2 })];
  });
  const others = withUnits.planner.seen.filter(({ key }) => / f32$| g2 /.test(key));
  expect(others.length).toBe(2);
  for (const { plans } of others) expect(plans.some((p) => /^matrix/.test(p.name))).toBe(false);
});
