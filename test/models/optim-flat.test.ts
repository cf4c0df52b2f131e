/** Optimisers reach all parameters at once: launches, places of gradients, odd sizes, skipped steps, several buffers. */
import { afterEach, expect, test, vi } from "vitest";
import {
  add,
  backward,
  conv2d,
  type Device,
  formatLeaks,
  layerNorm,
  matmul,
  mean,
  mul,
  program,
  reshape,
  square,
  sum,
  type Tensor,
} from "../../src/core/index.ts";
import {
  Adam,
  AdamW,
  clipGradNorm,
  type Optimiser,
  SGD,
  unscaleGrads,
} from "../../src/models/index.ts";
import { testDevice } from "../device.ts";

const device = await testDevice();
afterEach(() => {
  vi.restoreAllMocks();
  expect(formatLeaks(device.leaks())).toBe("no leaked tensors");
});

const sizes = [1, 1023, 0, 3, 1024, 1025, 5000, 64];

function numbers(n: number, seed: number): Float32Array<ArrayBuffer> {
  let state = seed;
  return Float32Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

function parameters(on: Device = device, of: readonly number[] = sizes): Tensor[] {
  return of.map((n, i) => on.tensor(numbers(n, i), [n]).keep().setRequiresGrad(true));
}

/** Gradients of step t; parameter i has none when (t + i) is a multiple of 4. */
function setGradients(params: readonly Tensor[], t: number, scale = 1): void {
  for (const [i, param] of params.entries()) {
    param.grad?.dispose();
    const data = numbers(param.size, 100 * t + i).map((v) => v * scale);
    const missing = (t + i) % 4 === 0;
    param.grad = missing ? null : param.device.tensor(data, param.shape).keep();
  }
}

const valuesOf = (tensors: readonly Tensor[]) => Promise.all(tensors.map((t) => t.data()));

function free(params: readonly Tensor[], ...optimisers: Optimiser[]): void {
  for (const optimiser of optimisers) optimiser.dispose();
  for (const param of params) param.dispose();
}

/** Names of the launches of `fn`. */
function launchesOf(fn: () => void): string[] {
  const push = vi.spyOn(device.queue, "push");
  fn();
  const names = push.mock.calls.map(([launch]) => launch.spec.name);
  push.mockRestore();
  return names;
}

/** AdamW in doubles. */
class Reference {
  readonly w: Float64Array[];
  readonly m: Float64Array[];
  readonly v: Float64Array[];
  readonly t: number[];

  constructor(params: readonly Tensor[]) {
    this.w = params.map((p, i) => Float64Array.from(numbers(p.size, i)));
    this.m = params.map((p) => new Float64Array(p.size));
    this.v = params.map((p) => new Float64Array(p.size));
    this.t = params.map(() => 0);
  }

  step(i: number, g: Float32Array, lr: number, decay: number): void {
    this.t[i]!++;
    const [w, m, v] = [this.w[i]!, this.m[i]!, this.v[i]!];
    const [c1, c2] = [1 - 0.9 ** this.t[i]!, 1 - 0.999 ** this.t[i]!];
    for (let k = 0; k < w.length; k++) {
      w[k]! *= 1 - lr * decay;
      m[k] = 0.9 * m[k]! + 0.1 * g[k]!;
      v[k] = 0.999 * v[k]! + 0.001 * g[k]! * g[k]!;
      w[k]! -= ((lr / c1) * m[k]!) / (Math.sqrt(v[k]!) / Math.sqrt(c2) + 1e-8);
    }
  }
}

test("parameters of odd sizes, with gradients now and then, follow AdamW in doubles", async () => {
  const params = parameters();
  const expected = new Reference(params);
  const optimiser = new AdamW(params, { lr: 0.01, weightDecay: 0.1 });
  for (let t = 1; t <= 9; t++) {
    setGradients(params, t);
    for (const [i, { grad }] of params.entries()) {
      if (grad) expected.step(i, numbers(grad.size, 100 * t + i), 0.01, 0.1);
    }
    optimiser.step();
  }
  const state = await optimiser.stateDict();
  for (const [i, values] of (await valuesOf(params)).entries()) {
    values.forEach((value, k) => void expect(value).toBeCloseTo(expected.w[i]![k]!, 5));
    expect(Number(state.get(`state.${i}.step`)!.data[0])).toBe(expected.t[i]);
    expect(state.get(`state.${i}.exp_avg`)!.shape).toEqual(params[i]!.shape);
  }
  free(params, optimiser);
});

test("a step takes two launches and clipping three, whether there are two parameters or two hundred", () => {
  for (const count of [2, 200]) {
    const params = parameters(device, new Array(count).fill(33));
    const optimiser = new Adam(params);
    for (const param of params) param.grad = param.gradHome!.view().keep();
    const names = launchesOf(() => {
      clipGradNorm(params, 1).dispose();
      optimiser.step();
    });
    const clip = ["squares", "factor", "scale"].map((part) => `clipGradNorm ${part}`);
    expect(names).toEqual([...clip, "adam numbers", "adam"]);
    free(params, optimiser);
  }
});

test("backward leaves the gradients where the optimiser wants them", async () => {
  const shapes = { w: [3, 3, 4, 8], b: [8], scale: [8], shift: [8], linear: [5, 8], last: [5] };
  const made = Object.entries(shapes).map(
    ([name, shape], i) =>
      [
        name,
        device
          .tensor(
            numbers(
              shape.reduce((a, b) => a * b, 1),
              i,
            ),
            shape,
          )
          .keep()
          .setRequiresGrad(true),
      ] as const,
  );
  const p = Object.fromEntries(made) as Record<keyof typeof shapes, Tensor>;
  const x = device.tensor(numbers(2 * 6 * 6 * 4, 9), [2, 6, 6, 4]).keep();
  const run = () =>
    device.scope(() => {
      const y = layerNorm(conv2d(x, p.w, p.b, { padding: 1 }), [8], p.scale, p.shift);
      const z = add(matmul(reshape(y, [72, 8]), p.linear, { transposeB: true }), p.last);
      backward(sum(square(z)));
    });
  run();
  const tensors = made.map(([, tensor]) => tensor);
  const expected = await valuesOf(tensors.map((t) => t.grad!));
  for (const tensor of tensors) {
    tensor.grad?.dispose();
    tensor.grad = null;
  }
  const optimiser = new SGD(made, { lr: 0.1 });
  const names = launchesOf(run);
  expect(names).not.toContain("copy");
  for (const [name, { grad, gradHome }] of made) {
    expect([grad!.storage.id, grad!.offset], name).toEqual([
      gradHome!.storage.id,
      gradHome!.offset,
    ]);
  }
  expect(await valuesOf(tensors.map((t) => t.grad!))).toEqual(expected);
  // what a second backward adds is summed as ever, wherever it lies
  run();
  const twice = await valuesOf(tensors.map((t) => t.grad!));
  twice.forEach((values, i) => {
    values.forEach((v, k) => void expect(v).toBeCloseTo(2 * expected[i]![k]!, 2));
  });
  const before = await valuesOf(tensors);
  optimiser.step();
  const after = await valuesOf(tensors);
  after.forEach((values, i) => {
    values.forEach((v, k) => {
      expect(v).toBeCloseTo(before[i]![k]! - 0.1 * twice[i]![k]!, 3);
    });
  });
  x.dispose();
  free(tensors, optimiser);
});

test("a parameter used twice gets both gradients", async () => {
  const w = device.tensor(numbers(12, 1), [3, 4]).keep().setRequiresGrad(true);
  const x = device.tensor(numbers(15, 2), [5, 3]).keep();
  const run = async () => {
    device.scope(() => backward(sum(square(add(matmul(x, w), matmul(mul(x, 2), w))))));
    const [values] = await valuesOf([w.grad!]);
    w.grad?.dispose();
    w.grad = null;
    return values!;
  };
  const expected = await run();
  const optimiser = new SGD([w], { lr: 1 });
  expect(await run()).toEqual(expected);
  x.dispose();
  free([w], optimiser);
});

for (const [name, make] of [
  ["Adam", (p: Tensor[]) => new Adam(p, { lr: 0.1, amsgrad: true })],
  ["SGD", (p: Tensor[]) => new SGD(p, { lr: 0.1, momentum: 0.9, nesterov: true })],
] as const) {
  test(`steps that are skipped on the GPU leave no trace in ${name}`, async () => {
    const [params, twin] = [parameters(), parameters()];
    const [optimiser, other] = [make(params), make(twin)];
    const flags = [0, 1, 0, 1, 1, 0];
    for (const [t, flag] of flags.entries()) {
      const skip = t % 2 ? device.full([], flag, "u32") : device.full([], flag);
      setGradients(params, t);
      optimiser.step({ skip });
      skip.dispose();
      if (flag) continue;
      setGradients(twin, t);
      other.step();
    }
    expect(await valuesOf(params)).toEqual(await valuesOf(twin));
    expect(await optimiser.stateDict()).toEqual(await other.stateDict());
    free(params, optimiser);
    free(twin, other);
  });
}

for (const [name, make] of [
  ["AdamW", (p: Tensor[]) => new AdamW(p, { lr: 0.1, amsgrad: true })],
  ["SGD", (p: Tensor[]) => new SGD(p, { lr: 0.1, momentum: 0.9, weightDecay: 0.01 })],
] as const) {
  test(`a step of zeros in ${name} is a step with gradients of 0 for whatever had one before`, async () => {
    const [params, twin] = [parameters(), parameters()];
    const [optimiser, other] = [make(params), make(twin)];
    optimiser.step({ zero: true }); // nothing had a gradient yet
    expect(await valuesOf(params)).toEqual(await valuesOf(twin));
    const had = new Set<number>();
    for (const t of [0, 1, 2]) {
      setGradients(params, t);
      optimiser.step();
      optimiser.step({ zero: true });
      using flag = device.ones([]);
      optimiser.step({ zero: true, skip: flag });
      setGradients(twin, t);
      for (const [i, { grad }] of twin.entries()) if (grad) had.add(i);
      other.step();
      for (const [i, param] of twin.entries()) {
        param.grad?.dispose();
        param.grad = had.has(i) ? device.zeros(param.shape).keep() : null;
      }
      other.step();
    }
    expect(had.size).toBeGreaterThan(4);
    expect(await valuesOf(params)).toEqual(await valuesOf(twin));
    expect(await optimiser.stateDict()).toEqual(await other.stateDict());
    free(params, optimiser);
    free(twin, other);
  });
}

test("bias corrections are those of doubles after any number of steps", async () => {
  for (const before of [0, 1, 9, 998, 12_344, 99_999, 2 ** 24]) {
    const params = [device.zeros([1]).keep()];
    const optimiser = new Adam(params, { lr: 1, eps: 0 });
    params[0]!.grad = device.ones([1]).keep();
    const state = await optimiser.stateDict();
    const one = (value: number) => ({
      dtype: "f32" as const,
      shape: [1],
      data: Float32Array.of(value),
    });
    state.set("state.0.step", {
      dtype: "i64",
      shape: [],
      data: BigInt64Array.of(BigInt(before)),
    });
    state.set("state.0.exp_avg", one(0.5));
    state.set("state.0.exp_avg_sq", one(0.25));
    optimiser.loadStateDict(state);
    optimiser.step();
    const [m, v] = [0.9 * 0.5 + 0.1, 0.999 * 0.25 + 0.001];
    const [c1, c2] = [0.9, 0.999].map((b) => 1 - b ** (before + 1)) as [number, number];
    const expected = -(m / c1) / Math.sqrt(v / c2);
    const [moved] = await params[0]!.data();
    expect(Math.abs(moved! / expected - 1), `after ${before}`).toBeLessThan(2e-6);
    free(params, optimiser);
  }
});

test("gradients are unscaled and clipped as after a division, and infinities are found", async () => {
  const [params, twin] = [parameters(), parameters()];
  const optimiser = new SGD(params, { lr: 1 });
  const scale = device.full([], 1024);
  for (const packed of [false, true]) {
    setGradients(params, 1, 1024);
    setGradients(twin, 1);
    for (const param of packed ? params : []) {
      if (!param.grad?.size) continue;
      const data = await param.grad.data();
      param.grad.dispose();
      device.write(param.gradHome!, data);
      param.grad = param.gradHome!.view().keep();
    }
    const norm = clipGradNorm(twin, 3);
    const unscaled = unscaleGrads(params, scale, 3);
    expect(await unscaled.norm.item()).toBeCloseTo(await norm.item(), 4);
    expect(await unscaled.foundInf.item()).toBe(0);
    for (const [i, { grad }] of params.entries()) {
      const values = grad ? await grad.data() : [];
      const expected = grad ? await twin[i]!.grad!.data() : [];
      values.forEach((v, k) => void expect(v).toBeCloseTo(expected[k]!, 6));
    }
    for (const bad of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]) {
      const { grad } = params[5]!;
      const data = await grad!.data();
      data[1024] = bad;
      device.write(grad!, data as Float32Array<ArrayBuffer>);
      const found = unscaleGrads(params, scale);
      expect(await found.foundInf.item(), String(bad)).toBe(1);
      const before = await valuesOf(params);
      optimiser.step({ skip: found.foundInf });
      expect(await valuesOf(params)).toEqual(before);
      for (const t of Object.values(found)) t.dispose();
      setGradients(params, 1, 1024);
    }
    for (const t of [norm, unscaled.norm, unscaled.foundInf]) t.dispose();
  }
  const wrong = device.zeros([2]);
  expect(() => unscaleGrads(params, wrong)).toThrow("the loss scale must be f32 [], got");
  for (const t of [wrong, scale]) t.dispose();
  free(twin);
  free(params, optimiser);
});

test("clipping some of an optimiser's parameters leaves the others' gradients alone", async () => {
  const params = parameters();
  const optimiser = new Adam(params);
  const fill = () => {
    for (const param of params) {
      if (!param.size) continue;
      device.fill(param.gradHome!, 2);
      param.grad = param.gradHome!.view().keep();
    }
  };
  fill();
  const some = [6, 0, 1].map((i) => params[i]!);
  const norm = clipGradNorm(some, 1);
  const total = Math.sqrt(4 * (5000 + 1 + 1023));
  expect(await norm.item()).toBeCloseTo(total, 2);
  for (const [i, { grad }] of params.entries()) {
    if (!grad) continue;
    const expected = [6, 0, 1].includes(i) ? 2 / total : 2;
    (await grad.data()).forEach((v) => void expect(v).toBeCloseTo(expected, 5));
  }
  // a norm that is no number spoils the gradients it clips, and no memory beyond them
  device.fill(params[0]!.gradHome!, Number.NaN);
  clipGradNorm(params, 1).dispose();
  optimiser.zeroGrad();
  fill();
  const again = clipGradNorm(params, 1);
  const all = sizes.reduce((a, b) => a + b, 0);
  expect(await again.item()).toBeCloseTo(Math.sqrt(4 * all), 2);
  for (const t of [norm, again]) t.dispose();
  free(params, optimiser);
});

test("where a buffer may not be large, parameters are spread over several, with the same bits", async () => {
  const [params, twin] = [parameters(), parameters()];
  const whole = new Adam(twin);
  const { limits } = device;
  const small = { maxBufferSize: 2 ** 30, maxStorageBufferBindingSize: 5 * 4096 };
  Object.defineProperty(device, "limits", { value: small, configurable: true });
  let optimiser: Optimiser;
  try {
    optimiser = new Adam(params);
  } finally {
    Reflect.deleteProperty(device, "limits");
  }
  expect(device.limits).toBe(limits);
  const storages = new Set(params.filter((p) => p.size).map((p) => p.storage));
  expect(storages.size).toBeGreaterThan(2);
  for (let t = 1; t <= 3; t++) {
    for (const [own, stepper] of [
      [params, optimiser],
      [twin, whole],
    ] as const) {
      setGradients(own, t);
      clipGradNorm(own, 5).dispose();
      stepper.step();
    }
  }
  expect(await valuesOf(params)).toEqual(await valuesOf(twin));
  const state = await optimiser.stateDict();
  expect(state).toEqual(await whole.stateDict());
  optimiser.loadStateDict(state);
  expect(await optimiser.stateDict()).toEqual(state);
  free(params, optimiser);
  free(twin, whole);
});

/** A thousand steps of a small net under a loss scale; ten batches are infinite. */
async function trainLong(recorded: boolean) {
  const shapes: [number, number][] = [
    [6, 8],
    [8, 3],
  ];
  const params = shapes.map(([rows, columns], i) =>
    device
      .tensor(numbers(rows * columns, i), [rows, columns])
      .keep()
      .setRequiresGrad(true),
  );
  const optimiser = new AdamW(params, { lr: 0.01 });
  const scale = device.full([], 8).keep();
  const train = (x: Tensor): Tensor => {
    const loss = mean(square(matmul(square(matmul(x, params[0]!)), params[1]!)));
    backward(mul(loss, scale));
    optimiser.step({ skip: unscaleGrads(params, scale, 1).foundInf });
    optimiser.zeroGrad();
    return loss;
  };
  const replay = recorded ? program(device, train) : undefined;
  const losses: number[] = [];
  let early = 0;
  for (let t = 0; t < 1000; t++) {
    const data = numbers(24, t % 7);
    if (t % 100 === 50) data[3] = Number.POSITIVE_INFINITY;
    optimiser.lr = 0.01 / (1 + t);
    const run = () => (replay ?? train)(device.tensor(data, [4, 6]));
    if (t % 250 === 1) losses.push((await device.read(() => [run()]))[0]![0]!);
    else device.scope(() => void run());
    if (t === 10) early = device.memory.stats().liveBuffers;
  }
  expect(device.memory.stats().liveBuffers).toBe(early);
  const values = await valuesOf(params);
  const state = await optimiser.stateDict();
  replay?.dispose();
  scale.dispose();
  free(params, optimiser);
  return { losses, values, state };
}

test("a recorded step with clipping and a flag does what the step does, and memory stays flat", async () => {
  const [eager, recorded] = [await trainLong(false), await trainLong(true)];
  expect(eager.losses.every(Number.isFinite)).toBe(true);
  expect(eager.losses.at(-1)).toBeLessThan(eager.losses[0]!);
  expect(Number(eager.state.get("state.0.step")!.data[0])).toBe(990);
  expect(recorded).toEqual(eager);
});

test("parameters that cannot be moved together are refused by name", () => {
  const [a, b] = parameters(device, [3, 4]) as [Tensor, Tensor];
  expect(
    () =>
      new Adam([
        ["a", a],
        ["again", a],
      ]),
  ).toThrow("Adam: parameters a and again are one tensor");
  const whole = device.zeros([2], "i32");
  expect(() => new Adam([["n", whole]])).toThrow("parameter n must be f32, got Tensor i32 [2]");
  whole.dispose();
  const older = new Adam([a, b]);
  const newer = new Adam([b]);
  for (const param of [a, b]) param.grad = device.ones(param.shape).keep();
  newer.step();
  expect(() => older.step()).toThrow("Adam: parameter 1, Tensor f32 [4], belongs to a newer");
  older.dispose();
  newer.step();
  free([a, b], newer);
});

test("parameters outlive their optimiser and move to the next, values and all", async () => {
  const params = parameters();
  const before = await valuesOf(params);
  new Adam(params).dispose();
  expect(params.every((p) => p.gradHome === undefined)).toBe(true);
  expect(await valuesOf(params)).toEqual(before);
  using next = new SGD(params, { lr: 1 });
  for (const p of params) if (p.size) device.fill(p, 3);
  expect((await valuesOf(params)).every((values) => values.every((v) => v === 3))).toBe(true);
  free(params, next);
});
