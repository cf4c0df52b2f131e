/** Opening, closing and using devices: names, two at once, the process that ends, tensors of the wrong kind, large grids. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { add, conv2d, matmul, mul, openDevice, relu, sum } from "../../src/core/index.ts";

const open = () => openDevice({ onWarning: () => {} });

test("an adapter that does not exist is refused with advice", async () => {
  await expect(openDevice({ adapter: "no such adapter" })).rejects.toThrow(
    /^openDevice: no adapter is named like "no such adapter".*; (run|install)/,
  );
});

test("a software adapter is announced, once and where asked", async () => {
  const said: string[] = [];
  const device = await openDevice({ onWarning: (text) => said.push(text) });
  const { name, software } = device.adapter;
  expect(name).not.toBe("");
  expect(said).toEqual(
    software
      ? [`${name} is a software adapter: correct, but 10 to 1000 times slower than a GPU`]
      : [],
  );
  expect(`${device}`).toMatch(/ \(0 B live, 0 B pooled\)$/);
  device.close();
});

test("two devices work side by side, and their tensors do not mix", async () => {
  const [a, b] = await Promise.all([open(), open()]);
  const [x, y] = [a!.full([3], 1), b!.full([3], 2)];
  const [sx, sy] = await Promise.all([
    a!.read(() => [sum(mul(x, 5))]),
    b!.read(() => [sum(mul(y, 5))]),
  ]);
  expect([sx![0]![0], sy![0]![0]]).toEqual([15, 30]);
  expect(() => add(x, y)).toThrow("add: its tensors are on different devices");
  a!.close();
  expect((await y.data())[0]).toBe(2);
  b!.close();
});

const script = `
import { register } from "node:module";
import "./scripts/env.mjs";
register("./scripts/ts-hook.mjs", "file://" + process.cwd() + "/");
const { openDevice, sum, relu } = await import("./src/core/index.ts");
const device = await openDevice({ onWarning: () => {} });
const [y] = await device.read(() => [sum(relu(device.ones([1000])))]);
device.ones([3]); // leaked on purpose
device.close();
console.log("sum", y[0]);`;

test("a process ends by itself once the device is closed", async () => {
  const run = promisify(execFile);
  const args = ["--input-type=module", "--eval", script];
  const { stdout } = await run(process.execPath, args, { timeout: 20_000, killSignal: "SIGKILL" });
  expect(stdout.trim()).toBe("sum 1000");
}, 30_000);

test("tensors of a wrong size, shape or type are refused", async () => {
  using device = await open();
  device.scope(() => {
    expect(() => device.tensor([1, 2, 3], [2])).toThrow("tensor: got 3 numbers for shape [2] of 2");
    expect(() => device.empty([2, -1])).toThrow(
      "empty: shape [2, -1] is not made of whole numbers",
    );
    expect(() => device.zeros([1.5])).toThrow("empty: shape [1.5] is not made of whole numbers");
    expect(() => device.zeros([Number.NaN])).toThrow("is not made of whole numbers");
    const x = device.ones([2, 2]);
    expect(() => device.write(x, [1])).toThrow("write: 1 numbers into Tensor f32 [2, 2]");
    expect(() => device.tensor([1.5], [1], "i32")).toThrow("tensor: 1.5 is no i32");
    expect(() => device.tensor([-1], [1], "u32")).toThrow("tensor: -1 is no u32");
    expect(() => device.tensor([Number.NaN], [1], "i32")).toThrow("tensor: NaN is no i32");
    expect(() => device.tensor(Uint32Array.of(2 ** 31), [1], "i32")).toThrow("is no i32");
    expect(() => add(x, device.zeros([2, 2], "i32"))).toThrow("add: mixes f32 and i32; cast first");
    expect(() => add(x, device.ones([3]))).toThrow("add: shapes [2, 2] and [3] do not broadcast");
    expect(() => matmul(x, device.zeros([2, 2], "i32"))).toThrow(
      "matmul: needs f32 or f16, got Tensor i32",
    );
    expect(() => conv2d(x, x)).toThrow("conv2d: input must be [N, H, W, C] (input [2, 2]");
  });
  await expect(device.ones([2]).item()).rejects.toThrow("item: needs one element, got [2]");
});

test("twenty million elements go through more than 65,535 workgroups point by point", async () => {
  using device = await open();
  const n = 20_000_003;
  const x = device.ones([n]);
  const y = device.scope(() => relu(add(x, 1)));
  x.dispose();
  const [total] = await device.read(() => [sum(y)]); // odd: one element at a time, 78,126 workgroups
  expect(Math.abs(total![0]! / (2 * n) - 1)).toBeLessThan(1e-6);
  const values = await y.data();
  expect(values.every((v) => v === 2)).toBe(true);
});
