import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type Device,
  max,
  mean,
  min,
  norm,
  openDevice,
  std,
  sum,
  type Tensor,
  variance,
} from "../../src/core/index.ts";
import { type Apply, testFamily } from "./run-fixtures.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice({ onWarning: () => {} });
});
afterAll(() => {
  expect(device.memory.stats().liveBuffers).toBe(0);
  device.close();
});

type Fold = (x: Tensor, axes?: number[], keepDim?: boolean) => Tensor;
const plain =
  (op: Fold): Apply =>
  ([x], o) =>
    op(x as Tensor, (o.axes as number[] | null) ?? undefined, o.keepdim as boolean);
const spread =
  (op: typeof variance): Apply =>
  ([x], o) => {
    const options = { correction: o.unbiased ? 1 : 0, keepDim: o.keepdim as boolean };
    return op(x as Tensor, (o.axes as number[] | null) ?? undefined, options);
  };

testFamily(() => device, "reduction", {
  sum: plain(sum),
  mean: plain(mean),
  max: plain(max),
  min: plain(min),
  var: spread(variance),
  std: spread(std),
  norm: ([x], o) => {
    const options = { order: (o.p as 1 | 2 | undefined) ?? 2, keepDim: o.keepdim as boolean };
    return norm(x as Tensor, (o.axes as number[] | null) ?? undefined, options);
  },
});

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
