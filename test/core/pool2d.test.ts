/** Pooling: PyTorch's values and gradients, ties, not-a-number, odd windows against plain loops, errors. */
import { expect, test } from "vitest";
import {
  adaptiveAvgPool2d,
  adaptiveMaxPool2d,
  assertGradients,
  avgPool2d,
  backward,
  maxPool2d,
  sum,
} from "../../src/core/index.ts";
import { testDevice } from "../device.ts";
import { rnd } from "../golden.ts";
import { imageOps } from "./op-table-images.ts";
import { testFamily } from "./run-fixtures.ts";

const device = await testDevice();

testFamily(() => device, "pool", imageOps.pool!);
testFamily(() => device, "special", { maxPool2d: imageOps.pool!.maxPool2d! });

const random = (name: string, shape: number[]) =>
  device.tensor(Float32Array.from(rnd(name, shape)), shape);

test("gradients agree with differences", async () => {
  const x = random("pool gradient", [2, 5, 7, 2]);
  await assertGradients((t) => avgPool2d(t, { kernelSize: [3, 2], stride: 2, padding: 1 }), [x]);
  await assertGradients((t) => adaptiveAvgPool2d(t, [3, 4]), [x]);
  await assertGradients((t) => adaptiveAvgPool2d(t, 1), [x]);
  const apart = device.tensor(
    [...rnd("order", [70])].map((u, i, all) => all.filter((v) => v < u).length + i / 1e3),
    [1, 5, 7, 2],
  );
  await assertGradients((t) => maxPool2d(t, { kernelSize: 3, stride: 2, padding: 1 }), [apart], {
    eps: 1e-3,
  });
  x.dispose();
  apart.dispose();
});

test("an image of one colour sends each window's gradient to its first pixel", async () => {
  const x = device.zeros([1, 4, 4, 1]).setRequiresGrad(true);
  device.scope(() => backward(sum(maxPool2d(x, { kernelSize: 3, stride: 2, padding: 1 }))));
  expect([...(await x.grad!.data())]).toEqual([1, 1, 0, 0, 1, 1, 0, 0, ...Array(8).fill(0)]);
  x.dispose();
});

test("a window of minus infinities keeps its value and its first pixel", async () => {
  const low = Number.NEGATIVE_INFINITY;
  const x = device.tensor([low, low, low, low, 1, low], [1, 2, 3, 1]).setRequiresGrad(true);
  const [y] = await device.read(() => {
    const pooled = maxPool2d(x, { kernelSize: 2, stride: 1 });
    backward(sum(pooled));
    return [maxPool2d(x.detach(), { kernelSize: 1 })];
  });
  expect([...y!]).toEqual([low, low, low, low, 1, low]);
  expect([...(await x.grad!.data())]).toEqual([0, 0, 0, 0, 2, 0]);
  x.dispose();
});

test("a global mean of many pixels is that of float64", async () => {
  const data = Float32Array.from(rnd("global", [2, 61, 67, 5], 0, 100));
  const [y] = await device.read(() => [adaptiveAvgPool2d(device.tensor(data, [2, 61, 67, 5]), 1)]);
  const n = 61 * 67;
  for (let i = 0; i < 10; i++) {
    let total = 0;
    for (let q = 0; q < n; q++) total += data[Math.floor(i / 5) * n * 5 + q * 5 + (i % 5)]!;
    expect(Math.abs(y![i]! / (total / n) - 1)).toBeLessThan(1e-6);
  }
});

test("a batch without images stays without images", async () => {
  const [y] = await device.read(() => [maxPool2d(device.empty([0, 4, 4, 3]), { kernelSize: 2 })]);
  expect(y).toHaveLength(0);
});

test("errors name the rule and the numbers", () => {
  device.scope(() => {
    const x = device.zeros([1, 4, 5, 3]);
    expect(() => maxPool2d(x, { kernelSize: 3, padding: 2 })).toThrow(
      "maxPool2d: padding [2, 2] is more than half the kernel [3, 3] (input [1, 4, 5, 3])",
    );
    expect(() => avgPool2d(x, { kernelSize: [5, 1] })).toThrow(
      "avgPool2d: kernel [5, 1] does not fit: output would be 0 × 5 (input [1, 4, 5, 3])",
    );
    expect(() => maxPool2d(x, { kernelSize: 2, stride: 0 })).toThrow(
      "maxPool2d: stride must be whole numbers of 1 or more, got [0, 0] (input [1, 4, 5, 3])",
    );
    expect(() => adaptiveAvgPool2d(x, [0, 2])).toThrow(
      "adaptiveAvgPool2d: size must be whole numbers of 1 or more, got [0, 2] (input [1, 4, 5, 3])",
    );
    expect(() => adaptiveMaxPool2d(device.zeros([4, 5, 3]), 2)).toThrow(
      "adaptiveMaxPool2d: input must be [N, H, W, C], got [4, 5, 3]",
    );
  });
});
