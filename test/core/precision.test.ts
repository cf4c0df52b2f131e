/** Mixed precision: which ops take halves, what stays f32, and how long a cast weight lives. */
import { expect, test } from "vitest";
import {
  add,
  backward,
  batchNorm,
  cast,
  conv2d,
  conv2dFused,
  fromF16,
  grad,
  matmul,
  moveTogether,
  mul,
  noGrad,
  precisionNow,
  program,
  relu,
  sum,
  type Tensor,
  toF16,
  withPrecision,
} from "../../src/core/index.ts";
import { testDevice } from "../device.ts";
import { rnd } from "../golden.ts";
import { closeTo } from "./close.ts";

const device = await testDevice();
const able = device.features.has("shader-f16");

const halves = (name: string, shape: readonly number[]) => fromF16(toF16(rnd(name, shape)));
const made = (name: string, shape: readonly number[]) => device.tensor(halves(name, shape), shape);
const leaf = (name: string, shape: readonly number[]) => made(name, shape).setRequiresGrad(true);

const convolutions = [
  { x: [2, 7, 5, 3], w: [3, 3, 3, 5], options: { padding: 1 } },
  { x: [2, 8, 6, 8], w: [3, 3, 8, 16], options: { padding: 1, stride: 2 } },
  { x: [1, 5, 5, 18], w: [1, 1, 18, 36], options: {} },
  { x: [2, 5, 6, 8], w: [3, 3, 4, 8], options: { groups: 2, dilation: 2, padding: 2 } },
] as const;

for (const { x: xs, w: ws, options } of convolutions) {
  test(`conv2d of [${xs}] by [${ws}] in f16 is that in f32, and its gradients are f32 like its operands`, async ({
    skip,
  }) => {
    if (!able) skip();
    const run = (precision: "f16" | "f32") =>
      device.read(() => {
        const [x, w, b] = [leaf("x", xs), leaf("w", ws), leaf("b", [ws[3]])];
        const y = withPrecision(precision, () => conv2d(x, w, b, options));
        expect(y.dtype).toBe(precision);
        const weights = device.tensor(halves("dy", y.shape), y.shape, precision);
        const grads = grad(y, [x, w, b], weights) as Tensor[];
        expect(grads.map((g) => g.dtype)).toEqual(["f32", "f32", "f32"]);
        return [y, ...grads];
      });
    const [half, full] = [await run("f16"), await run("f32")];
    full.forEach((want, k) => void closeTo(half[k]!, want, { rtol: 2 ** -9, atol: 2 ** -9 }));
  });
}

for (const flags of [{}, { transposeA: true }, { transposeB: true }]) {
  test(`matmul in f16 is that in f32, with gradients in f32 (${JSON.stringify(flags)})`, async ({
    skip,
  }) => {
    if (!able) skip();
    const shapeA = flags.transposeA ? [2, 7, 5] : [2, 5, 7];
    const shapeB = flags.transposeB ? [9, 7] : [7, 9];
    const run = (precision: "f16" | "f32") =>
      device.read(() => {
        const [a, b] = [leaf("a", shapeA), leaf("b", shapeB)];
        const y = withPrecision(precision, () => matmul(a, b, flags));
        expect(y.dtype).toBe(precision);
        const grads = grad(y, [a, b], device.tensor(halves("dc", y.shape), y.shape, precision));
        expect(grads.map((g) => g?.dtype)).toEqual(["f32", "f32"]);
        return [y, ...(grads as Tensor[])];
      });
    const [half, full] = [await run("f16"), await run("f32")];
    full.forEach((want, k) => void closeTo(half[k]!, want, { rtol: 2 ** -9, atol: 2 ** -9 }));
  });
}

test("a weight's gradient is not rounded to halves: it may be larger than any of them", async ({
  skip,
}) => {
  if (!able) skip();
  const [dw, db] = await device.read(() => {
    const w = device.full([1, 1, 1, 1], 1).setRequiresGrad(true);
    const b = device.full([9, 1], 1).setRequiresGrad(true);
    const x = device.full([1, 64, 65, 1], 32);
    const a = device.full([4096, 9], 32);
    const y = withPrecision("f16", () => conv2d(x, w));
    const z = withPrecision("f16", () => matmul(a, b));
    const [dw] = grad(y, [w], device.full(y.shape, 32, "f16"));
    const [db] = grad(z, [b], device.full(z.shape, 32, "f16"));
    return [dw as Tensor, db as Tensor];
  });
  closeTo(dw!, [64 * 65 * 32 * 32], { rtol: 0, atol: 0 });
  closeTo(db!, Array(9).fill(4096 * 32 * 32), { rtol: 0, atol: 0 });
});

test("a chain of layers keeps halves in between, and its parameters have f32 gradients", async ({
  skip,
}) => {
  if (!able) skip();
  await device.read(() => {
    const [x, w, v] = [made("x", [1, 4, 4, 3]), leaf("w", [3, 3, 3, 8]), leaf("v", [1, 1, 8, 2])];
    const norm = { weight: leaf("scale", [8]), bias: leaf("shift", [8]) };
    const running = { runningMean: device.zeros([8]), runningVar: device.ones([8]) };
    withPrecision("f16", () => {
      const y = conv2d(x, w);
      const z = relu(batchNorm(y, { ...norm, ...running, training: true }));
      const last = conv2d(z, v);
      expect([y, z, last].map((t) => t.dtype)).toEqual(["f16", "f16", "f16"]);
      const loss = sum(mul(last, last));
      expect(loss.dtype).toBe("f32");
      backward(loss);
    });
    for (const leaf of [w, v, norm.weight, norm.bias]) {
      expect(leaf.grad!.dtype).toBe("f32");
      leaf.grad!.dispose();
    }
    return [x];
  });
});

test("a weight is cast once in a scope, however often it is used, and its half is freed at the end", ({
  skip,
}) => {
  if (!able) skip();
  device.scope(() => {
    const x = cast(made("x", [1, 4, 4, 8]), "f16");
    const w = leaf("w", [1, 1, 8, 8]);
    const launchesOf = (times: number) => {
      const before = device.queue.launches;
      withPrecision("f16", () => {
        let y = x;
        for (let i = 0; i < times; i++) y = conv2d(y, w);
        withPrecision("f16", () => conv2d(y, w));
      });
      return device.queue.launches - before;
    };
    const [one, three] = [launchesOf(1), launchesOf(3)];
    const oneMore = (three - one) / 2;
    expect(one).toBe(2 * oneMore + 1);
  });
});

test("weights that lie together are cast in one launch, wherever they begin", async ({ skip }) => {
  if (!able) skip();
  const shapes = [
    [1, 1, 8, 8],
    [3, 3, 8, 4],
    [1, 1, 4, 3],
    [1, 1, 3, 200],
    [0, 1, 4, 4],
  ];
  const weights = shapes.map((shape, i) => leaf(`together ${i}`, shape).keep());
  const values = await Promise.all(weights.map((w) => w.data()));
  const run = () => {
    let y = cast(made("x", [1, 6, 6, 8]), "f16");
    for (const w of weights.slice(0, 4)) y = conv2d(y, w);
    return y;
  };
  const launchesOf = async () => {
    const before = device.queue.launches;
    const [y] = await device.read(() => [withPrecision("f16", run)]);
    return [device.queue.launches - before, y] as const;
  };
  const [apart, y] = await launchesOf();
  device.scope(() => moveTogether(weights));
  const [together, same] = await launchesOf();
  expect(apart - together).toBe(3);
  expect(same).toEqual(y);
  expect(await Promise.all(weights.map((w) => w.data()))).toEqual(values);
  for (const w of weights) w.dispose();
});

test("without a gradient nothing stays but the result", ({ skip }) => {
  if (!able) skip();
  device.scope(() => {
    const [x, w] = [made("x", [1, 4, 4, 8]), leaf("w", [1, 1, 8, 8])];
    const before = device.memory.stats().liveBuffers;
    const results = noGrad(() =>
      withPrecision("f16", () => [conv2d(x, w), conv2dFused(x, w, { relu: true })]),
    );
    expect(results.map((t) => t.dtype)).toEqual(["f16", "f16"]);
    expect(device.memory.stats().liveBuffers).toBe(before + 2);
  });
});

test("gradients may be computed after the scope, and the inner scope decides", async ({ skip }) => {
  if (!able) skip();
  const [after, inside] = await device.read(() => {
    const w = leaf("w", [3, 3, 4, 4]);
    const x = made("x", [1, 5, 5, 4]);
    const run = () => sum(conv2d(x, w));
    const after = grad(withPrecision("f16", run), [w])[0] as Tensor;
    const inside = withPrecision("f16", () => grad(run(), [w])[0]) as Tensor;
    withPrecision("f16", () => {
      expect(withPrecision("f32", () => [precisionNow(), conv2d(x, w).dtype])).toEqual([
        "f32",
        "f32",
      ]);
      expect([precisionNow(), conv2d(x, w).dtype]).toEqual(["f16", "f16"]);
    });
    expect(precisionNow()).toBe("f32");
    return [after, inside];
  });
  expect(after).toEqual(inside);
});

test("a recorded step in f16 gives the bits of one that is not", async ({ skip }) => {
  if (!able) skip();
  const w = leaf("w", [3, 3, 8, 8]).keep();
  const step = (x: Tensor) => {
    const loss = withPrecision("f16", () =>
      sum(relu(conv2d(relu(conv2d(x, w, undefined, { padding: 1 })), w))),
    );
    const [g] = grad(loss, [w]) as [Tensor];
    return [loss, g];
  };
  const recorded = program(device, step);
  for (const name of ["x1", "x2", "x3"]) {
    const [[a, ga], [b, gb]] = await Promise.all([
      device.read(() => step(made(name, [2, 6, 6, 8]))),
      device.read(() => recorded(made(name, [2, 6, 6, 8])) as Tensor[]),
    ]);
    expect(b).toEqual(a);
    expect(gb).toEqual(ga);
  }
  recorded.dispose();
  w.dispose();
});

test("what goes wrong inside ends the scope, and an async function is refused", ({ skip }) => {
  if (!able) skip();
  device.scope(() => {
    const [x, w] = [made("x", [1, 3, 3, 4]), leaf("w", [1, 1, 4, 4])];
    const fails = () => {
      conv2d(x, w);
      throw new Error("on purpose");
    };
    expect(() => withPrecision("f16", fails)).toThrow("on purpose");
    expect(precisionNow()).toBe("f32");
    expect(() => withPrecision("f16", async () => x)).toThrow("must not be async");
    expect(conv2d(x, w).dtype).toBe("f32");
  });
});

test("operands of two types are refused where no precision was chosen", ({ skip }) => {
  if (!able) skip();
  device.scope(() => {
    const [x, w] = [cast(made("x", [1, 3, 3, 4]), "f16"), made("w", [1, 1, 4, 4])];
    expect(() => conv2d(x, w)).toThrow("conv2d: operands must have one type");
    expect(withPrecision("f16", () => add(conv2d(x, w), x)).dtype).toBe("f16");
  });
});
