/** Batch normalisation: PyTorch's values, gradients and running statistics; hard numbers; odd sizes; errors. */
import { expect, test } from "vitest";
import {
  add,
  assertGradients,
  type BatchNormOptions,
  backward,
  batchNorm,
  conv2d,
  conv2dFused,
  mul,
  relu,
  sum,
  type Tensor,
} from "../../src/core/index.ts";
import { testDevice } from "../device.ts";
import { rnd } from "../golden.ts";
import { closeTo } from "./fixtures.ts";
import { imageOps } from "./op-table-images.ts";
import { testFamily } from "./run-fixtures.ts";

const device = await testDevice();

testFamily(() => device, "batchNorm", imageOps.batchNorm!);

/** Mean and biased variance of each channel, in float64. */
function statistics(data: Float32Array, c: number) {
  const m = data.length / c;
  return Array.from({ length: c }, (_, k) => {
    const column = Array.from({ length: m }, (_, r) => data[r * c + k]!);
    const mean = column.reduce((a, b) => a + b, 0) / m;
    return { mean, variance: column.reduce((a, b) => a + (b - mean) ** 2, 0) / m };
  });
}

/** Running statistics that are those of the batch (momentum 1). */
async function batchStatistics(data: Float32Array<ArrayBuffer>, shape: number[]) {
  const c = shape.at(-1)!;
  const [mean, unbiased] = await device.read(() => {
    const runningMean = device.zeros([c]);
    const runningVar = device.zeros([c]);
    batchNorm(device.tensor(data, shape), { runningMean, runningVar, training: true, momentum: 1 });
    return [runningMean, runningVar];
  });
  const m = data.length / c;
  return { mean: mean!, variance: unbiased!.map((v) => (v * (m - 1)) / m) };
}

for (const [m, c] of [
  [2, 1],
  [3, 1],
  [4099, 3],
  [4100, 3],
  [1000, 18],
  [999, 18],
  [70, 36],
  [33, 257],
  [37, 260],
  [6, 1030],
  [20_000, 1],
] as const) {
  test(`the statistics of [${m}, ${c}] are those of float64`, async () => {
    const data = Float32Array.from(rnd(`statistics ${m} ${c}`, [m, c], -1, 3));
    const { mean, variance } = await batchStatistics(data, [m, c]);
    statistics(data, c).forEach((want, k) => {
      expect(Math.abs(mean[k]! - want.mean)).toBeLessThan(5e-7);
      expect(Math.abs(variance[k]! / want.variance - 1)).toBeLessThan(2e-6);
    });
  });
}

test("a mean thirty thousand times the deviation leaves the variance four digits", async () => {
  const data = Float32Array.from(rnd("far", [30_000, 2], 9999.5, 10_000.5));
  const { mean, variance } = await batchStatistics(data, [30_000, 2]);
  statistics(data, 2).forEach((want, k) => {
    expect(Math.abs(mean[k]! - want.mean)).toBeLessThan(2e-3);
    expect(Math.abs(variance[k]! / want.variance - 1)).toBeLessThan(1e-4);
  });
});

test("an outlier in the first row does not spoil the other numbers", async () => {
  const data = Float32Array.from(rnd("outlier", [4096, 3], -1, 1));
  data.fill(1e6, 0, 3);
  const { mean, variance } = await batchStatistics(data, [4096, 3]);
  statistics(data, 3).forEach((want, k) => {
    expect(Math.abs(mean[k]! / want.mean - 1)).toBeLessThan(2e-6);
    expect(Math.abs(variance[k]! / want.variance - 1)).toBeLessThan(2e-6);
  });
});

test("a channel that is constant has variance 0 and gives its bias", async () => {
  const [y, v] = await device.read(() => {
    const x = device.full([2, 3, 3, 5], 0.1);
    const running = { runningMean: device.zeros([5]), runningVar: device.ones([5]) };
    const bias = device.full([5], 0.25);
    return [batchNorm(x, { bias, ...running, training: true, momentum: 1 }), running.runningVar];
  });
  expect([...v!]).toEqual(Array(5).fill(0));
  for (const value of y!) expect(value).toBeCloseTo(0.25, 5);
});

test("gradients agree with differences, in training and in inference", async () => {
  const shape = [2, 3, 4, 3];
  const x = device.tensor(Float32Array.from(rnd("batchNorm gradient", shape)), shape);
  const [w, b] = [device.tensor([0.5, -1, 2], [3]), device.tensor([1, 0, -1], [3])];
  for (const training of [true, false]) {
    await assertGradients(
      (t, weight, bias) => {
        const running = { runningMean: device.full([3], 0.1), runningVar: device.full([3], 0.5) };
        return batchNorm(t, { weight, bias, ...running, training });
      },
      [x, w, b],
    );
  }
  for (const t of [x, w, b]) t.dispose();
});

/** Launches, the result and the gradients of x, weight, bias and residual, weighted so that none of them is zero. */
async function fusedOrApart(shape: number[], fused: boolean, how: Partial<BatchNormOptions>) {
  const c = shape.at(-1)!;
  const draw = (name: string, s: number[]) =>
    device.tensor(Float32Array.from(rnd(`${name} ${shape}`, s)), s).setRequiresGrad(true);
  const [x, weight, bias] = [draw("x", shape), draw("weight", [c]), draw("bias", [c])];
  const residual = how.residual && draw("residual", shape);
  const before = device.queue.launches;
  const { relu: ends, training = true } = how;
  const y = device.scope(() => {
    const running = { runningMean: device.full([c], 0.1), runningVar: device.full([c], 0.5) };
    const plain = { weight, bias, ...running, training };
    const out = fused
      ? batchNorm(x, { ...plain, residual, ...(ends === undefined ? {} : { relu: ends }) })
      : apart(batchNorm(x, plain), residual, ends);
    const own = out.view();
    backward(sum(mul(out, draw("out", shape).setRequiresGrad(false))));
    return own;
  });
  const launches = device.queue.launches - before;
  const leaves = [x, weight, bias, residual].filter((t) => t !== undefined);
  const numbers = await Promise.all([y, ...leaves.map((t) => t.grad!)].map((t) => t.data()));
  for (const t of [y, ...leaves]) t.dispose();
  return { launches, numbers };
}

function apart(y: Tensor, residual: Tensor | undefined, ends: boolean | undefined): Tensor {
  const whole = residual ? add(y, residual) : y;
  return ends ? relu(whole) : whole;
}

const added = {} as Tensor; // stands for a residual that is drawn

for (const shape of [
  [2, 3, 5, 7],
  [2, 4, 5, 18],
  [3, 3, 3, 3],
  [1, 8, 8, 64],
  [5, 1, 1, 1],
  [4099, 6],
])
  for (const how of [{ relu: true }, { residual: added }, { residual: added, relu: true }]) {
    test(`with ${Object.keys(how).join(" and ")} in one op [${shape}] gives the same as apart`, async () => {
      for (const training of [true, false]) {
        const [one, many] = [
          await fusedOrApart(shape, true, { ...how, training }),
          await fusedOrApart(shape, false, { ...how, training }),
        ];
        one.numbers.forEach((numbers, i) => {
          const size = Math.max(...[...many.numbers[i]!].map(Math.abs));
          closeTo(numbers, many.numbers[i]!, { rtol: 1e-5, atol: 1e-6 * size });
        });
        if (training) {
          expect(one.launches).toBeLessThan(many.launches);
          const again = await fusedOrApart(shape, true, { ...how, training });
          expect(again.numbers).toEqual(one.numbers);
        }
      }
    });
  }

for (const k of [3, 4, 10, 16]) {
  test(`evaluated after a convolution to ${k} channels it is one launch`, async () => {
    const draw = (name: string, s: number[], lo = -1, hi = 1) =>
      device.tensor(Float32Array.from(rnd(`${name} ${k}`, s, lo, hi)), s);
    const before = device.queue.launches;
    const [one, many] = await device.read(() => {
      const [x, w] = [draw("images", [2, 7, 5, 6]), draw("kernel", [3, 3, 6, k])];
      const running = { runningMean: draw("mean", [k]), runningVar: draw("var", [k], 0.1, 2) };
      const norm = { ...running, weight: draw("weight", [k]), bias: draw("bias", [k]), eps: 1e-5 };
      const rest = { residual: draw("residual", [2, 7, 5, k]), relu: true };
      const start = device.queue.launches;
      const fused = conv2dFused(x, w, { padding: 1, norm, ...rest });
      expect(device.queue.launches - start).toBe(1);
      const conv = conv2d(x, w, undefined, { padding: 1 });
      return [fused, batchNorm(conv, { ...norm, ...rest, training: false })];
    });
    expect(device.queue.launches - before).toBe(3);
    closeTo(one!, many!, { rtol: 1e-6, atol: 1e-6 });
  });
}

test("a ReLU at the end keeps what is not a number", async () => {
  const [y] = await device.read(() => {
    const x = device.tensor([Number.NaN, 1, 2, -3], [2, 2]);
    const running = { runningMean: device.zeros([2]), runningVar: device.ones([2]) };
    return [batchNorm(x, { ...running, training: false, relu: true, eps: 0 })];
  });
  expect([...y!]).toEqual([Number.NaN, 1, 2, 0]);
});

test("with a residual and a ReLU gradients agree with differences", async () => {
  const shape = [2, 3, 4, 3];
  const x = device.tensor(Float32Array.from(rnd("differences", shape)), shape);
  const far = rnd("residual of differences", shape, -1, 1).map((v) => v + 9 * Math.sign(v)); // from the kink
  const residual = device.tensor(Float32Array.from(far), shape);
  const [w, b] = [device.tensor([0.5, -1, 2], [3]), device.tensor([1, 0, -1], [3])];
  await assertGradients(
    (t, weight, bias, r) => {
      const running = { runningMean: device.zeros([3]), runningVar: device.ones([3]) };
      return batchNorm(t, { weight, bias, ...running, training: true, residual: r, relu: true });
    },
    [x, w, b, residual],
  );
  for (const t of [x, w, b, residual]) t.dispose();
});

test("a frozen layer asks for no sums, and the same batch gives the same bits", async () => {
  const x = device
    .tensor(Float32Array.from(rnd("frozen", [501, 7])), [501, 7])
    .setRequiresGrad(true);
  const step = async (training: boolean) => {
    const before = device.queue.launches;
    device.scope(() => {
      const running = { runningMean: device.zeros([7]), runningVar: device.ones([7]) };
      backward(sum(batchNorm(x, { ...running, training })));
    });
    const launches = device.queue.launches - before;
    const dx = await x.grad!.data();
    x.grad!.dispose();
    x.grad = null;
    return { launches, dx };
  };
  const [frozen, trained] = [await step(false), await step(true)];
  expect(trained.launches - frozen.launches).toBe(4); // statistics and gradient sums, two launches each
  expect(await step(true)).toEqual(trained);
  x.dispose();
});

test("inference leaves the running statistics alone, and an empty batch is empty", async () => {
  const [y, mean] = await device.read(() => {
    const runningMean = device.full([3], 0.5);
    const o = { runningMean, runningVar: device.ones([3]), training: false };
    return [batchNorm(device.empty([0, 2, 2, 3]), o), runningMean];
  });
  expect(y).toHaveLength(0);
  expect([...mean!]).toEqual([0.5, 0.5, 0.5]);
});

test("errors name the rule, the shapes and the way out", () => {
  device.scope(() => {
    const run =
      (shape: number[], c: number, options: Partial<BatchNormOptions> = {}) =>
      () =>
        batchNorm(device.zeros(shape), {
          runningMean: device.zeros([c]),
          runningVar: device.ones([c]),
          training: true,
          ...options,
        });
    expect(run([1, 1, 1, 3], 3)).toThrow(
      "batchNorm: training needs at least 2 values per channel, got 1; raise the batch or image size, or set training to false (input [1, 1, 1, 3])",
    );
    expect(run([2, 3], 4)).toThrow("batchNorm: runningMean must be [3], got [4] (input [2, 3])");
    expect(run([2, 3], 3, { weight: device.ones([3, 1]) })).toThrow(
      "weight must be [3], got [3, 1]",
    );
    expect(run([2, 3], 3, { residual: device.ones([3, 2]) })).toThrow(
      "residual must have the input's shape, got [3, 2] (input [2, 3])",
    );
    expect(run([3], 3)).toThrow("batchNorm: input must be [..., C] (input [3])");
    expect(run([2, 3], 3, { momentum: 2 })).toThrow("momentum must be in [0, 1], got 2");
    expect(run([2, 3], 3, { eps: Number.NaN })).toThrow("eps must be 0 or more, got NaN");
    expect(run([2, 3], 3, { bias: device.zeros([3], "i32") })).toThrow(
      "needs f32, got Tensor i32 [3]",
    );
  });
});
