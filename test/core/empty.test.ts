/** Tensors without elements through every kind of op: forward, backward, and no launch that reads what is not there. */
import { expect, test } from "vitest";
import * as core from "../../src/core/index.ts";
import { backward, sum, type Tensor } from "../../src/core/index.ts";
import { testDevice } from "../device.ts";
import { opTable } from "./op-table.ts";
import { testFamily } from "./run-fixtures.ts";

const device = await testDevice();

const { pointwise, reduction, matmul, shape } = opTable;
testFamily(() => device, "empty", { ...pointwise, ...reduction, ...matmul, ...shape });

/** Runs an op and its gradient on leaves of the given shapes; shapes of result and gradients, and all their values. */
async function both(shapes: number[][], op: (...x: Tensor[]) => Tensor) {
  const made: Tensor[] = [];
  const values = await device.read(() => {
    const leaves = shapes.map((s) => device.ones(s).setRequiresGrad(true));
    const y = op(...leaves);
    backward(sum(y));
    made.push(y, ...leaves.map((t) => t.grad!));
    return made.map((t) => t.view());
  });
  await device.settle();
  return { shapes: made.map((t) => [...t.shape]), values: values.map((v) => [...v]) };
}

const none = [0, 3, 2, 4];
const onImages: Record<string, (x: Tensor) => Tensor> = {
  "a map": (x) => core.gelu(core.add(x, 1)),
  clamp: (x) => core.clamp(x, 0, 1),
  pow: (x) => core.pow(x, 2.5),
  where: (x) => core.where(core.gt(x, 0), x, core.neg(x)),
  reshape: (x) => core.reshape(x, [2, 0, 5]),
  expand: (x) => core.expand(x, [7, 0, 3, 2, 4]),
  permute: (x) => core.permute(x, [3, 1, 0, 2]),
  slice: (x) => core.slice(x, 1, 1, 3),
  concat: (x) => core.concat([x, x], 0),
  stack: (x) => core.stack([x, x, x]),
  pad: (x) => core.pad(x, [1, 1, 1, 1]),
  sort: (x) => core.sort(x).values,
  topk: (x) => core.topk(x, 2, { axis: 1 }).values,
  softmax: (x) => core.softmax(x, -1),
  logSoftmax: (x) => core.logSoftmax(x, 1),
  normalize: (x) => core.normalize(x),
  maxPool2d: (x) => core.maxPool2d(x, { kernelSize: 2 }),
  avgPool2d: (x) => core.avgPool2d(x, { kernelSize: 2 }),
  adaptiveAvgPool2d: (x) => core.adaptiveAvgPool2d(x, 1),
  adaptiveMaxPool2d: (x) => core.adaptiveMaxPool2d(x, 1),
  interpolate: (x) => core.interpolate(x, { size: [6, 4], mode: "bilinear" }),
  gaussianBlur: (x) => core.gaussianBlur(x, 1),
  "sum of rows": (x) => core.sum(x, 1),
  "norm of rows": (x) => core.norm(x, 3),
  "variance of rows": (x) => core.variance(x, [1, 2]),
  mseLoss: (x) => core.mseLoss(x, core.mul(x, 2), { reduction: "none" }),
  indexSelect: (x) => core.indexSelect(x, 1, [2, 0]),
};

for (const [name, op] of Object.entries(onImages)) {
  test(`${name} of no images is empty, and so is its gradient`, async () => {
    const { shapes, values } = await both([none], op);
    expect(shapes[0]!.includes(0)).toBe(true);
    expect(shapes[1] ?? none).toEqual(none);
    expect(values.flat()).toEqual([]);
  });
}

test("a convolution of no images has a gradient of zeros for its weight and bias", async () => {
  const { shapes, values } = await both([none, [3, 3, 4, 5], [5]], (x, w, b) =>
    core.conv2d(x!, w!, b!, { padding: 1 }),
  );
  expect(shapes).toEqual([[0, 3, 2, 5], none, [3, 3, 4, 5], [5]]);
  expect(values.flat().length).toBe(185);
  expect(values.flat().every((v) => v === 0)).toBe(true);
});

test("a convolution without input channels gives its bias, one without output channels nothing", async () => {
  const given = await both([[1, 3, 3, 0], [3, 3, 0, 2], [2]], (x, w, b) =>
    core.conv2d(x!, w!, b!, { padding: 1 }),
  );
  expect(given.values).toEqual([Array(18).fill(1), [], [], [9, 9]]);
  const nothing = await both([[1, 3, 3, 2], [3, 3, 2, 0], [0]], (x, w, b) =>
    core.conv2d(x!, w!, b!),
  );
  expect(nothing.shapes[0]).toEqual([1, 1, 1, 0]);
  expect(nothing.values[1]).toEqual(Array(18).fill(0));
});

test("products without rows, columns or an inner axis have the right zeros", async () => {
  const mul = (a?: Tensor, b?: Tensor) => core.matmul(a!, b!);
  const inner = await both(
    [
      [2, 0],
      [0, 3],
    ],
    mul,
  );
  expect(inner.values).toEqual([[0, 0, 0, 0, 0, 0], [], []]);
  const rows = await both(
    [
      [0, 2],
      [2, 3],
    ],
    mul,
  );
  expect(rows.values).toEqual([[], [], [0, 0, 0, 0, 0, 0]]);
  const batch = await both(
    [
      [0, 4, 2],
      [2, 3],
    ],
    mul,
  );
  expect(batch.shapes).toEqual([
    [0, 4, 3],
    [0, 4, 2],
    [2, 3],
  ]);
});

test("broadcasting against nothing gives nothing, and a gradient of zeros", async () => {
  const { shapes, values } = await both(
    [
      [0, 3],
      [1, 3],
    ],
    (a, b) => core.mul(a!, b!),
  );
  expect(shapes).toEqual([
    [0, 3],
    [0, 3],
    [1, 3],
  ]);
  expect(values).toEqual([[], [], [0, 0, 0]]);
  device.scope(() => {
    const text = "add: shapes [0, 3] and [2, 3] do not broadcast";
    expect(() => core.add(device.ones([0, 3]), device.ones([2, 3]))).toThrow(text);
  });
});

test("nothing has a sum of zero, a mean that is not a number, and no maximum", async () => {
  const [total, average, columns, spread] = await device.read(() => {
    const x = device.ones([0, 3]);
    return [core.sum(x), core.mean(x), core.mean(x, 0), core.variance(x, 0)];
  });
  expect(total![0]).toBe(0);
  expect([...spread!]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
  expect([average![0], ...columns!]).toEqual([Number.NaN, Number.NaN, Number.NaN, Number.NaN]);
  device.scope(() => {
    expect(() => core.max(device.ones([0, 3]), 0)).toThrow("max: no elements to fold in [0, 3]");
    expect(core.max(device.ones([0, 3]), 1).shape).toEqual([0]);
  });
});

test("empty tensors are written, filled, read and viewed", async () => {
  const [x] = await device.read(() => {
    const x = device.tensor(new Float32Array(), [0, 7]);
    device.write(x, []);
    device.fill(x, 3);
    return [x.view([7, 0])];
  });
  expect([...x!]).toEqual([]);
  using y = device.tensor([], [0], "i32");
  expect(await y.data()).toEqual(new Int32Array());
});
