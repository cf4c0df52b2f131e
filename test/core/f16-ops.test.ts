/**
 * Every op that serves half precision against itself in f32, on inputs that f16 holds exactly: values and gradients differ by no
 * more than one rounding, and have the type that they should. Sizes are odd, so that the narrow forms of the kernels run too.
 */
import { expect, test } from "vitest";
import {
  abs,
  adaptiveAvgPool2d,
  adaptiveMaxPool2d,
  add,
  avgPool2d,
  batchNorm,
  cast,
  cdist,
  clamp,
  concat,
  cosineSimilarity,
  crossEntropy,
  customGrad,
  div,
  exp,
  expand,
  fromF16,
  gather,
  gaussianBlur,
  gelu,
  grad,
  gt,
  indexAdd,
  indexSelect,
  interpolate,
  interpolateSum,
  layerNorm,
  leakyRelu,
  logSoftmax,
  max,
  maximum,
  maxPool2d,
  mean,
  min,
  mseLoss,
  mul,
  nearest,
  norm,
  normalize,
  pad,
  padAxes,
  permute,
  relu,
  reshape,
  scatterAdd,
  sigmoid,
  slice,
  softmax,
  sqrt,
  square,
  stack,
  std,
  sub,
  sum,
  type Tensor,
  tanh,
  toF16,
  unitDistance,
  where,
} from "../../src/core/index.ts";
import { testDevice } from "../device.ts";
import { rnd } from "../golden.ts";
import { closeTo } from "./close.ts";

const device = await testDevice();
const able = device.features.has("shader-f16");

type Fn = (...inputs: Tensor[]) => Tensor;
type Result = "f16" | "f32";
type Row = readonly [name: string, result: Result, shapes: readonly number[][], fn: Fn];

const halves = (values: ArrayLike<number>) => fromF16(toF16(values));
const index = [2, 0, 1, 1, 2, 0, 0, 2, 1];

const image = [2, 5, 7, 3];
const image4 = [2, 6, 5, 8];
const rows: Row[] = [
  [
    "add",
    "f16",
    [
      [3, 5],
      [3, 5],
    ],
    add,
  ],
  ["add with broadcasting", "f16", [[3, 5, 4], [4]], add],
  [
    "sub with a column",
    "f16",
    [
      [3, 5],
      [3, 1],
    ],
    sub,
  ],
  [
    "mul",
    "f16",
    [
      [3, 5],
      [3, 5],
    ],
    mul,
  ],
  ["mul of a number", "f16", [[1001]], (x) => mul(x!, 1.5)],
  [
    "div",
    "f16",
    [
      [3, 8],
      [3, 8],
    ],
    (a, b) => div(a!, add(abs(b!), 1)),
  ],
  [
    "maximum",
    "f16",
    [
      [3, 5],
      [3, 5],
    ],
    maximum,
  ],
  ["square", "f16", [[33]], square],
  ["sqrt", "f16", [[33]], (x) => sqrt(add(abs(x!), 0.5))],
  ["exp", "f16", [[33]], exp],
  ["relu", "f16", [[3, 5, 7]], relu],
  ["leakyRelu", "f16", [[36]], (x) => leakyRelu(x!, 0.25)],
  ["sigmoid", "f16", [[33]], sigmoid],
  ["tanh", "f16", [[33]], tanh],
  ["gelu", "f16", [[64]], gelu],
  ["clamp", "f16", [[33]], (x) => clamp(x!, -0.5, 0.5)],
  ["where", "f16", [[33], [33]], (a, b) => where(gt(a!, 0), a!, b!)],
  ["permute", "f16", [[3, 5, 7]], (x) => permute(x!, [2, 0, 1])],
  ["reshape", "f16", [[3, 5]], (x) => reshape(x!, [5, 3])],
  ["slice", "f16", [[3, 5, 7]], (x) => slice(x!, 1, 1, 5, 2)],
  ["slice of the first axis", "f16", [[5, 7]], (x) => slice(x!, 0, 1, 4)],
  ["expand", "f16", [[3, 1, 5]], (x) => expand(x!, [2, 3, 4, 5])],
  [
    "concat",
    "f16",
    [
      [3, 5],
      [3, 2],
    ],
    (a, b) => concat([a!, b!], 1),
  ],
  [
    "stack",
    "f16",
    [
      [3, 5],
      [3, 5],
    ],
    (a, b) => stack([a!, b!]),
  ],
  [
    "padAxes",
    "f16",
    [[3, 5]],
    (x) =>
      padAxes(
        x!,
        [
          [1, 0],
          [2, 3],
        ],
        0.5,
      ),
  ],
  ["pad", "f16", [image], (x) => pad(x!, [1, 2, 0, 3], { value: 0.25 })],
  ["pad, reflect", "f16", [image4], (x) => pad(x!, [1, 2, 0, 3], { mode: "reflect" })],
  ["pad, replicate", "f16", [image], (x) => pad(x!, [1, 2, 0, 3], { mode: "replicate" })],
  ["maxPool2d", "f16", [image], (x) => maxPool2d(x!, { kernelSize: 3, stride: 2, padding: 1 })],
  ["maxPool2d of fours", "f16", [image4], (x) => maxPool2d(x!, { kernelSize: 2 })],
  ["avgPool2d", "f16", [image], (x) => avgPool2d(x!, { kernelSize: 3, stride: 2, padding: 1 })],
  ["adaptiveAvgPool2d", "f16", [image4], (x) => adaptiveAvgPool2d(x!, [3, 2])],
  ["adaptiveAvgPool2d to one", "f16", [image], (x) => adaptiveAvgPool2d(x!, 1)],
  ["adaptiveMaxPool2d", "f16", [image], (x) => adaptiveMaxPool2d(x!, [3, 2])],
  ...[image, image4, [1, 4, 5, 6]].flatMap((shape): Row[] => [
    [
      "interpolate, nearest",
      "f16",
      [shape],
      (x) => interpolate(x!, { size: [9, 4], mode: "nearest" }),
    ],
    ["interpolate", "f16", [shape], (x) => interpolate(x!, { size: [9, 4], mode: "bilinear" })],
    [
      "interpolate, corners",
      "f16",
      [shape],
      (x) => interpolate(x!, { size: [3, 11], mode: "bilinear", alignCorners: true }),
    ],
  ]),
  [
    "interpolateSum",
    "f16",
    [image, [2, 3, 4, 3], [2, 1, 2, 3]],
    (x, a, b) => interpolateSum(x!, [a!, b!], { relu: true }),
  ],
  ["gaussianBlur", "f16", [image], (x) => gaussianBlur(x!, 1.2)],
  ["gaussianBlur of one channel", "f16", [[1, 9, 11, 1]], (x) => gaussianBlur(x!, 2)],
  ["gather", "f16", [[3, 3]], (x) => gather(x!, 0, device.tensor(Int32Array.from(index), [3, 3]))],
  [
    "scatterAdd",
    "f16",
    [
      [3, 3],
      [3, 3],
    ],
    (x, s) => scatterAdd(x!, 1, device.tensor(Int32Array.from(index), [3, 3]), s!),
  ],
  ["indexSelect", "f16", [[3, 5, 4]], (x) => indexSelect(x!, 1, [4, 0, 0, 2])],
  ["indexSelect of odd rows", "f16", [[3, 5]], (x) => indexSelect(x!, 0, [2, 0, 2])],
  [
    "indexAdd",
    "f16",
    [
      [3, 5],
      [3, 2],
    ],
    (x, s) => indexAdd(x!, 1, [3, 3], s!),
  ],
  ["sum", "f32", [[3, 5, 7]], (x) => sum(x!, [0, 2])],
  ["sum of all", "f32", [[1001]], (x) => sum(x!)],
  ["mean", "f32", [[3, 5, 7]], (x) => mean(x!, 1)],
  ["max", "f16", [[3, 35]], (x) => max(x!, 1)],
  ["min", "f16", [[3, 5]], (x) => min(x!, 0)],
  ["std", "f32", [[3, 35]], (x) => std(x!, 1)],
  ["norm", "f32", [[3, 35]], (x) => norm(x!, 1)],
  ["normalize", "f32", [[2, 3, 4, 5]], (x) => normalize(x!)],
  ["normalize of many channels", "f32", [[3, 300]], (x) => normalize(x!)],
  ["normalize along the first axis", "f32", [[4, 6]], (x) => normalize(x!, { axis: 0 })],
  [
    "unitDistance",
    "f32",
    [
      [2, 3, 18],
      [2, 3, 18],
    ],
    (a, b) => unitDistance(a!, b!),
  ],
  [
    "cosineSimilarity",
    "f32",
    [
      [6, 64],
      [6, 64],
    ],
    (a, b) => cosineSimilarity(a!, b!),
  ],
  ["softmax", "f32", [[5, 7]], (x) => softmax(x!, 1)],
  ["logSoftmax", "f32", [[5, 64]], (x) => logSoftmax(x!, 1)],
  ["layerNorm", "f32", [[5, 7]], (x) => layerNorm(x!, [7], device.ones([7]), device.ones([7]))],
  [
    "cdist",
    "f32",
    [
      [5, 7],
      [3, 7],
    ],
    (a, b) => cdist(a!, b!),
  ],
  [
    "cdist of fours",
    "f32",
    [
      [5, 8],
      [3, 8],
    ],
    (a, b) => cdist(a!, b!, { squared: true }),
  ],
  [
    "nearest",
    "f32",
    [
      [5, 7],
      [9, 7],
    ],
    (a, b) => nearest(a!, b!, 3).values,
  ],
  [
    "nearest by product",
    "f32",
    [
      [5, 8],
      [9, 8],
    ],
    (a, b) => nearest(a!, b!, 3, { by: "product" }).values,
  ],
  [
    "mseLoss",
    "f32",
    [
      [5, 7],
      [5, 7],
    ],
    (a, b) => mseLoss(a!, b!),
  ],
  [
    "crossEntropy",
    "f32",
    [[3, 5]],
    (x) => crossEntropy(x!, device.tensor(Int32Array.of(1, 4, 0), [3])),
  ],
];

/** Settings of a BatchNorm; its weight and bias want gradients, which are f32. */
function normOf(shape: readonly number[], training: boolean) {
  const c = shape.at(-1)!;
  const of = (name: string, lo: number, hi: number) =>
    device.tensor(Float32Array.from(rnd(`norm/${name}`, [c], lo, hi)), [c]);
  return {
    weight: of("weight", 0.5, 1.5).setRequiresGrad(true),
    bias: of("bias", -0.5, 0.5).setRequiresGrad(true),
    runningMean: of("mean", -0.1, 0.1),
    runningVar: of("variance", 0.2, 0.4),
    training,
  };
}

/** Output and gradients of Σ y·w for inputs stored as `dtype`, and the types of all of them. */
async function run([name, , shapes, fn]: Row, dtype: Result) {
  let types: string[] = [];
  const values = await device.read(() => {
    const args = shapes.map((shape, i) => {
      const leaf = device.tensor(halves(rnd(`${name}/${i}`, shape)), shape).setRequiresGrad(true);
      return dtype === "f32" ? leaf : cast(leaf, "f16");
    });
    const y = fn(...args);
    const w = device.tensor(halves(rnd(`${name}/w`, y.shape)), y.shape, y.dtype);
    const grads = grad(y, args, w) as Tensor[];
    types = [y.dtype, ...grads.map((g) => g.dtype)];
    return [y, ...grads];
  });
  return { values, types };
}

for (const row of rows) {
  const [name, result, shapes] = row;
  test(`${name} of ${shapes.map((s) => `[${s}]`).join(" and ")} in f16 is that in f32`, async ({
    skip,
  }) => {
    if (!able) skip();
    const [half, full] = [await run(row, "f16"), await run(row, "f32")];
    expect(half.types).toEqual([result, ...shapes.map(() => "f16")]);
    full.values.forEach((want, k) => {
      closeTo(half.values[k]!, want, { rtol: 2 ** -9, atol: 2 ** -10 });
    });
  });
}

test("f16 with f32 gives f32, and each argument a gradient of its own type", async ({ skip }) => {
  if (!able) skip();
  const [y, ga, gb] = await device.read(() => {
    const a = device.tensor([1, 2, 3, 4, 5, 6], [2, 3]).setRequiresGrad(true);
    const b = device.tensor([0.1, 10, 100], [3]).setRequiresGrad(true);
    const y = mul(cast(a, "f16"), b);
    expect(y.dtype).toBe("f32");
    const half = cast(a, "f16");
    const [g] = grad(mul(half, b), [half], device.ones([2, 3]));
    expect(g!.dtype).toBe("f16");
    return [y, ...(grad(y, [a, b], device.ones([2, 3])) as Tensor[])];
  });
  closeTo(y!, [0.1, 20, 300, 0.4, 50, 600], { rtol: 1e-7, atol: 0 });
  closeTo(ga!, [0.1, 10, 100, 0.1, 10, 100], { rtol: 2 ** -11, atol: 0 });
  closeTo(gb!, [5, 7, 9], { rtol: 0, atol: 0 });
});

test("what is too large for a half becomes infinite, and NaN stays, whatever op writes it", async ({
  skip,
}) => {
  if (!able) skip();
  const large = [60_000, -60_000, Number.NaN, Number.POSITIVE_INFINITY, 1, 0, 2, 3];
  const read = await device.read(() => {
    const wide = device.tensor([65_519, 65_520, -1e30, Number.NaN], [4]);
    const x = device.tensor(large, [1, 2, 2, 2], "f16");
    const blown = relu(add(x, x));
    return [
      cast(wide, "f16"),
      cast(cast(wide, "f16"), "f32"),
      add(x, x),
      blown,
      maxPool2d(blown, { kernelSize: 1 }),
      interpolate(add(x, x), { size: [2, 1], mode: "nearest" }),
    ];
  });
  const infinity = Number.POSITIVE_INFINITY;
  for (const narrow of read.slice(0, 2)) {
    expect([...narrow!]).toEqual([65_504, infinity, -infinity, Number.NaN]);
  }
  const doubled = [infinity, -infinity, Number.NaN, infinity, 2, 0, 4, 6];
  expect([...read[2]!]).toEqual(doubled);
  expect([...read[3]!]).toEqual(doubled.with(1, 0));
  expect([...read[4]!]).toEqual(doubled.with(1, 0));
  expect([...read[5]!]).toEqual([infinity, -infinity, 2, 0]);
});

test("an op whose backward gives another type than its input has its gradient converted", async ({
  skip,
}) => {
  if (!able) skip();
  const [g] = await device.read(() => {
    const x = device.tensor([1, 2, 3], [3]).setRequiresGrad(true);
    const half = cast(x, "f16");
    const y = customGrad(
      "twice",
      [half],
      () => mul(half, 2),
      (dy) => [mul(cast(dy, "f32"), 2)],
    );
    const [g] = grad(y, [half], device.tensor([1, 2, 3], [3], "f16"));
    expect(g!.dtype).toBe("f16");
    return [g!];
  });
  expect([...g!]).toEqual([2, 4, 6]);
});

test("the gradient of a half is a half: another one is refused", ({ skip }) => {
  if (!able) skip();
  device.scope(() => {
    const y = cast(device.ones([2]).setRequiresGrad(true), "f16");
    const text = "backward: the gradient of f16 is f16, got Tensor f32 [2]";
    expect(() => grad(y, [], device.ones([2]))).toThrow(text);
  });
});

test("BatchNorm of halves has statistics, and gradients of weight and bias, in f32", async ({
  skip,
}) => {
  if (!able) skip();
  const shape = [4, 6, 7, 3];
  const data = halves(rnd("statistics", shape, 3, 4));
  const run = (dtype: "f32" | "f16") =>
    device.read(() => {
      const norm = normOf(shape, true);
      const x = device.tensor(data, shape, dtype);
      const y = batchNorm(x, { ...norm, momentum: 1 });
      const w = device.tensor(halves(rnd("statistics/w", shape)), shape, dtype);
      const grads = grad(y, [norm.weight, norm.bias], w) as Tensor[];
      expect(grads.map((g) => g.dtype)).toEqual(["f32", "f32"]);
      return [norm.runningMean, norm.runningVar, ...grads];
    });
  const [half, full] = [await run("f16"), await run("f32")];
  full.forEach((want, k) => void closeTo(half[k]!, want, { rtol: 1e-6, atol: 1e-6 }));
});

test("a BatchNorm of halves takes a residual of f32", async ({ skip }) => {
  if (!able) skip();
  const [y] = await device.read(() => {
    const norm = { runningMean: device.zeros([1]), runningVar: device.ones([1]), eps: 0 };
    const x = device.tensor([1, 2], [2, 1], "f16");
    const residual = device.tensor([0.5, -3], [2, 1]).setRequiresGrad(true);
    const y = batchNorm(x, { ...norm, training: false, residual });
    const [g] = grad(y, [residual], device.ones([2, 1], "f16"));
    expect([y.dtype, g!.dtype]).toEqual(["f16", "f32"]);
    return [y];
  });
  expect([...y!]).toEqual([1.5, -1]);
});
