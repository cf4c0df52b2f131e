import { expect, test } from "vitest";
import { matmul } from "../../src/core/index.ts";
import { testDevice } from "../device.ts";
import { opTable } from "./op-table.ts";
import { testFamily } from "./run-fixtures.ts";

const device = await testDevice();

testFamily(() => device, "matmul", opTable.matmul!);

test("inner sizes that differ are refused with both shapes", () => {
  device.scope(() => {
    const [a, b] = [device.zeros([2, 3]), device.zeros([2, 3])];
    expect(() => matmul(a, b)).toThrow("matmul: inner sizes 3 and 2 differ in [2, 3] · [2, 3]");
    expect(() => matmul(a, device.zeros([3]))).toThrow("matmul: needs at least two axes");
    expect(matmul(a, b, { transposeB: true }).shape).toEqual([2, 2]);
  });
});
