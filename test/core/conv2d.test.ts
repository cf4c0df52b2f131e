import { expect, test } from "vitest";
import { conv2d, openDevice } from "../../src/core/index.ts";
import { testDevice } from "../device.ts";
import { loadFamily } from "./fixtures.ts";
import { opTable } from "./op-table.ts";
import { type Apply, checkCase, testFamily } from "./run-fixtures.ts";

const device = await testDevice();

testFamily(() => device, "conv2d", opTable.conv2d!);

test("wrong channels, groups, bias and kernels that do not fit are refused with the shapes", () => {
  device.scope(() => {
    const x = device.zeros([1, 5, 5, 3]);
    const w = device.zeros([3, 3, 64, 128]);
    expect(() => conv2d(x, w)).toThrow(
      "conv2d: input has 3 channels but weight expects 64 (input [1, 5, 5, 3], weight [3, 3, 64, 128])",
    );
    const good = device.zeros([3, 3, 1, 4]);
    expect(() => conv2d(x, good, undefined, { groups: 3 })).toThrow("do not divide into 3 groups");
    const plain = device.zeros([3, 3, 3, 4]);
    expect(() => conv2d(x, plain, device.zeros([3]))).toThrow("bias must be [4], got [3]");
    expect(() => conv2d(x, plain, undefined, { dilation: 3 })).toThrow("kernel does not fit");
    expect(() => conv2d(x, plain, undefined, { stride: 0 })).toThrow("strideH is 0");
  });
});

test("without subgroups the answers are the same", async () => {
  const plain = await openDevice({ onWarning: () => {}, subgroups: false });
  expect(plain.subgroups).toBe(false);
  for (const c of loadFamily("conv2d").filter((_, i) => i % 4 === 0)) {
    await checkCase(plain, c, opTable.conv2d?.conv2d as Apply);
  }
  for (const c of loadFamily("matmul")) {
    await checkCase(plain, c, opTable.matmul?.matmul as Apply);
  }
  plain.close();
});
