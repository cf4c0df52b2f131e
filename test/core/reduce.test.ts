import { expect, test } from "vitest";
import { max, min, sum } from "../../src/core/index.ts";
import { testDevice } from "../device.ts";
import { opTable } from "./op-table.ts";
import { testFamily } from "./run-fixtures.ts";

const device = await testDevice();

testFamily(() => device, "reduction", opTable.reduction!);

test("axes that the tensor lacks are refused", () => {
  device.scope(() => {
    const x = device.zeros([2, 3]);
    expect(() => sum(x, 2)).toThrow("sum: axes [2] do not fit a tensor of rank 2");
    expect(() => max(x, [0, 0])).toThrow("max: axes [0, 0] do not fit a tensor of rank 2");
    expect(() => max(device.zeros([0, 3]), 0)).toThrow("max: no elements to fold in [0, 3]");
  });
});

test("infinities survive a maximum and a minimum", async () => {
  const values = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const [hi, lo] = await device.read(() => {
    const x = device.tensor(values, [2]);
    return [max(x), min(x)];
  });
  expect(hi?.[0]).toBe(Number.NEGATIVE_INFINITY);
  expect(lo?.[0]).toBe(Number.NEGATIVE_INFINITY);
});
