/** Losses against PyTorch's values and gradients, targets out of range, and extreme logits. */
import { expect, test } from "vitest";
import {
  assertGradients,
  backward,
  crossEntropy,
  mseLoss,
  type Reduction,
  Rng,
  sum,
} from "../../src/core/index.ts";
import { testDevice } from "../device.ts";
import { indexOps } from "./op-table-index.ts";
import { testFamily } from "./run-fixtures.ts";

const device = await testDevice();

testFamily(() => device, "loss", indexOps.loss!);

test("a target that is no class makes the loss and its gradient NaN; an ignored one counts nothing", async () => {
  for (const bad of [3, -1, 2 ** 31 - 1, -(2 ** 31)]) {
    const [each, whole, dx] = await device.read(() => {
      const logits = device.zeros([3, 3]).setRequiresGrad(true);
      const targets = device.tensor(Int32Array.of(0, bad, -100), [3]);
      backward(sum(crossEntropy(logits, targets, { reduction: "none" })));
      return [
        crossEntropy(logits, targets, { reduction: "none" }),
        crossEntropy(logits, targets),
        logits.grad!.view(),
      ];
    });
    expect([...each!]).toEqual([expect.closeTo(Math.log(3), 6), Number.NaN, 0]);
    expect(whole![0]).toBeNaN();
    expect([...dx!].map(Number.isNaN).slice(3)).toEqual([true, true, true, false, false, false]);
    expect([...dx!.slice(6)]).toEqual([0, 0, 0]);
  }
});

test("logits of a thousand neither overflow nor lose the loss", async () => {
  const [loss] = await device.read(() => {
    const logits = device.tensor([1000, -1000, 0, -1000, 1000, 1001], [2, 3]);
    return [crossEntropy(logits, device.tensor(Int32Array.of(1, 2), [2]), { reduction: "none" })];
  });
  expect(loss![0]).toBe(2000);
  expect(loss![1]).toBeCloseTo(Math.log(1 + Math.exp(-1)), 6);
});

test("gradients are right with weights, smoothing and every reduction", async () => {
  const rng = new Rng(1);
  const logits = rng.uniform(device, [4, 3, 5], -2, 2);
  const targets = rng.integers(device, [4, 3], 0, 5);
  const weight = rng.uniform(device, [5], 0.5, 2);
  for (const reduction of ["mean", "sum", "none"] as const) {
    const options = { reduction, weight, labelSmoothing: 0.2, ignoreIndex: 2 };
    const given = weight.view();
    await assertGradients((x) => crossEntropy(x, targets, { ...options, weight: given }), [logits]);
    given.dispose();
    await assertGradients((a, b) => mseLoss(a, b, { reduction }), [logits, logits]);
  }
  for (const t of [logits, targets, weight]) t.dispose();
});

test("no rows give an empty loss, a sum of zero and a mean that is NaN", async () => {
  const [none, total, average] = await device.read(() => {
    const [x, t] = [device.zeros([0, 3]), device.zeros([0], "i32")];
    const by = (reduction: Reduction) => crossEntropy(x, t, { reduction });
    return [by("none"), by("sum"), by("mean")];
  });
  expect(none).toHaveLength(0);
  expect(total![0]).toBe(0);
  expect(average![0]).toBeNaN();
});

test("what does not fit is refused with the shapes", () => {
  device.scope(() => {
    const x = device.zeros([2, 3]);
    const t = device.zeros([2], "i32");
    expect(() => crossEntropy(x, device.zeros([3], "i32"))).toThrow(
      "crossEntropy: needs one target for each row of logits (logits [2, 3], targets [3])",
    );
    expect(() => crossEntropy(x, device.zeros([2]))).toThrow("crossEntropy: needs i32, got Tensor");
    expect(() => crossEntropy(device.zeros([2, 0]), t)).toThrow("with at least one class");
    expect(() => crossEntropy(x, t, { weight: device.ones([2]) })).toThrow(
      "crossEntropy: weight must be [3], got [2]",
    );
    expect(() => crossEntropy(x, t, { labelSmoothing: 1.5 })).toThrow(
      "crossEntropy: labelSmoothing must be from 0 to 1, got 1.5",
    );
    expect(() => crossEntropy(x, t, { ignoreIndex: 0.5 })).toThrow("ignoreIndex must be whole");
    expect(() => mseLoss(x, device.zeros([3, 2]))).toThrow(
      "mseLoss: input [2, 3] and target [3, 2] differ",
    );
    const wrong = "average" as Reduction;
    expect(() => mseLoss(x, x, { reduction: wrong })).toThrow(
      "mseLoss: reduction must be mean, sum or none, got average",
    );
  });
});
