import { expect, test } from "vitest";
import { concat, expand, permute, reshape, slice, stack } from "../../src/core/index.ts";
import { sizeOf } from "../../src/kernels/index.ts";
import { testDevice } from "../device.ts";
import { opTable } from "./op-table.ts";
import { testFamily } from "./run-fixtures.ts";

const device = await testDevice();

testFamily(() => device, "shape", opTable.shape!);

test("reshape and an aligned slice along the first axis share memory", async () => {
  const [same, tail] = device.scope(() => {
    const x = device.tensor(
      Float32Array.from({ length: 256 }, (_, i) => i),
      [4, 64],
    );
    const y = reshape(x, [-1, 32]);
    expect(y.shape).toEqual([8, 32]);
    const z = slice(x, 0, 1, 3);
    expect([y.storage, z.storage]).toEqual([x.storage, x.storage]);
    expect(slice(x, 1, 1).storage).not.toBe(x.storage);
    return [y, z];
  });
  expect((await tail.data())[0]).toBe(64);
  for (const t of [same, tail]) t.dispose();
});

test("shapes that do not fit are refused", () => {
  device.scope(() => {
    const x = device.zeros([2, 3]);
    expect(() => reshape(x, [4, 2])).toThrow("reshape: [2, 3] has no shape [4, 2]");
    expect(() => reshape(x, [-1, 4])).toThrow("reshape: [2, 3] has no shape [-1, 4]");
    expect(() => permute(x, [0, 0])).toThrow(
      "permute: axes [0, 0] are no order of the axes of [2, 3]",
    );
    expect(() => expand(x, [2, 4])).toThrow("expand: [2, 3] does not broadcast to [2, 4]");
    expect(() => slice(x, 2, 0)).toThrow("slice: [2, 3] has no axis 2");
    expect(() => concat([x, device.zeros([2, 4])], 0)).toThrow(
      "concat: Tensor f32 [2, 4] does not fit",
    );
    expect(stack([x, x]).shape).toEqual([2, 2, 3]);
  });
});

test.each([
  [[8, 5], "f32"],
  [[3, 4, 70], "f32"],
  [[2, 3, 12, 65], "f32"],
  [[2, 4, 1, 9], "i32"],
  [[5, 20, 3], "f16"],
] as const)("the last two axes of %j change places, %s", async (shape, dtype) => {
  const size = sizeOf(shape);
  const host = Float32Array.from({ length: size }, (_, i) => i % 1999);
  const [rows, columns] = shape.slice(-2) as [number, number];
  const axes: number[] = shape.map((_, i) => i);
  [axes[axes.length - 2], axes[axes.length - 1]] = [axes.length - 1, axes.length - 2];
  const [got] = await device.read(() => [permute(device.tensor(host, shape, dtype), axes)]);
  const want = host.map((_, i) => {
    const [batch, rest] = [Math.floor(i / (rows * columns)), i % (rows * columns)];
    return host[
      batch * rows * columns + (rest % rows) * columns + Math.floor(rest / rows)
    ] as number;
  });
  expect([...(got as Float32Array)]).toEqual([...want]);
});
