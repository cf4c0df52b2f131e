import { expect, test } from "vitest";
import * as core from "../../src/core/index.ts";
import { testDevice } from "../device.ts";
import { opTable } from "./op-table.ts";
import { testFamily } from "./run-fixtures.ts";

const device = await testDevice();

testFamily(() => device, "pointwise", opTable.pointwise!);

test("shapes that do not broadcast are refused with both shapes", () => {
  device.scope(() => {
    const [a, b] = [device.zeros([2, 3]), device.zeros([4])];
    expect(() => core.add(a, b)).toThrow("add: shapes [2, 3] and [4] do not broadcast");
  });
});

test("tensors of two dtypes are refused", () => {
  device.scope(() => {
    const [a, b] = [device.zeros([2]), device.zeros([2], "i32")];
    expect(() => core.mul(a, b)).toThrow("mul: mixes f32 and i32; cast first");
  });
});

test("integers stay integers, and comparisons work on them", async () => {
  const [sum, less] = await device.read(() => {
    const a = device.tensor(Int32Array.of(-3, 2_000_000_001, 5), [3]);
    return [core.add(a, 7), core.lt(a, 0)];
  });
  expect(sum).toEqual(Int32Array.of(4, 2_000_000_008, 12));
  expect(less).toEqual(Int32Array.of(1, 0, 0));
});

test("an expression of one's own is an op with a gradient", async () => {
  const row = { f: "sqrt(a * a + b * b)", d: { a: "g * a / y", b: "g * b / y" } };
  const x = device.tensor([3, 5], [2]).setRequiresGrad(true);
  const [y] = await device.read(() => {
    const y = core.map("hypot", row, { a: x, b: device.tensor([4, 12], [2]) });
    core.backward(core.sum(y));
    return [y];
  });
  expect(y).toEqual(Float32Array.of(5, 13));
  const dx = await x.grad?.data();
  expect(dx?.[0]).toBeCloseTo(0.6, 6);
  expect(dx?.[1]).toBeCloseTo(5 / 13, 6);
  x.dispose();
});

test("relu keeps what is not a number, so that diverging numbers are seen", async () => {
  const x = [Number.NaN, -1, 0, 2, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const [y] = await device.read(() => [core.relu(device.tensor(x, [6]))]);
  expect(y).toEqual(Float32Array.of(Number.NaN, 0, 0, 2, Number.POSITIVE_INFINITY, 0));
});

test("maximum, minimum and clamp keep NaN on either side", async () => {
  const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
  const [most, least, cut] = await device.read(() => {
    const a = device.tensor(Float32Array.of(nan, 1, nan, 2, -inf, inf), [6]);
    const b = device.tensor(Float32Array.of(0, nan, nan, -3, 4, inf), [6]);
    return [core.maximum(a, b), core.minimum(a, b), core.clamp(a, -1, 1)];
  });
  expect(most).toEqual(Float32Array.of(nan, nan, nan, 2, 4, inf));
  expect(least).toEqual(Float32Array.of(nan, nan, nan, -3, -inf, inf));
  expect(cut).toEqual(Float32Array.of(nan, 1, nan, 1, -1, 1));
});
