import { afterAll, beforeAll, expect, test } from "vitest";
import { type Device, matmul, openDevice } from "../../src/core/index.ts";
import { opTable } from "./op-table.ts";
import { testFamily } from "./run-fixtures.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice({ onWarning: () => {} });
});
afterAll(() => {
  expect(device.memory.stats().liveBuffers).toBe(0);
  device.close();
});

testFamily(() => device, "matmul", opTable.matmul!);

test("inner sizes that differ are refused with both shapes", () => {
  device.scope(() => {
    const [a, b] = [device.zeros([2, 3]), device.zeros([2, 3])];
    expect(() => matmul(a, b)).toThrow("matmul: inner sizes 3 and 2 differ in [2, 3] · [2, 3]");
    expect(() => matmul(a, device.zeros([3]))).toThrow("matmul: needs at least two axes");
    expect(matmul(a, b, { transposeB: true }).shape).toEqual([2, 2]);
  });
});
