/** Optimisers and clipping against PyTorch's, and the promises around them: skipped parameters, resume, no leaks. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Device,
  formatLeaks,
  openDevice,
  program,
  type Tensor,
} from "../../src/core/index.ts";
import {
  Adam,
  AdamW,
  clipGradNorm,
  type Optimiser,
  readSafetensors,
  SGD,
  writeSafetensors,
} from "../../src/models/index.ts";
import { buildInputs, type Case, closeTo, loadFamily, stepGradient } from "../core/fixtures.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice({ onWarning: () => {} });
});
afterAll(() => {
  expect(formatLeaks(device.leaks())).toBe("no leaked tensors");
  expect(device.memory.stats().liveBuffers).toBe(0);
  device.close();
});

type Named = [string, Tensor][];
type Make = (params: Named, options: never) => Optimiser;
const makers: Record<string, Make> = {
  sgd: (params, options) => new SGD(params, options),
  adam: (params, options) => new Adam(params, options),
  adamW: (params, options) => new AdamW(params, options),
};

function parametersOf(c: Case): Named {
  return buildInputs(c).map((input) => {
    if (typeof input === "number") throw new Error(`${c.name}: a number is no parameter`);
    const tensor = device.tensor(input.data as Float32Array<ArrayBuffer>, input.shape).keep();
    return [input.name, tensor.setRequiresGrad(true)];
  });
}

function setGradients(c: Case, params: Named, t: number): void {
  for (const [name, tensor] of params) {
    const grad = stepGradient(c, name, t);
    tensor.grad = grad
      ? device.tensor(grad as Float32Array<ArrayBuffer>, tensor.shape).keep()
      : null;
  }
}

function free(params: Named, ...others: Optimiser[]): void {
  for (const other of others) other.dispose();
  for (const [, tensor] of params) tensor.dispose();
}

const cases = loadFamily("optimiser");

describe("optimisers follow PyTorch's steps", () => {
  for (const c of cases.filter(({ op }) => op in makers)) {
    test(c.name, async () => {
      const params = parametersOf(c);
      const optimiser = makers[c.op]!(params, c.options as never);
      const { steps, lrs } = c.options as { steps: number; lrs?: number[] };
      for (let t = 1; t <= steps; t++) {
        setGradients(c, params, t);
        optimiser.lr = lrs?.[t - 1] ?? optimiser.lr;
        optimiser.step();
        optimiser.zeroGrad();
        for (const [name, tensor] of params) {
          const expected = c.outputs.find((o) => o.name === `${name}@${t}`)!;
          closeTo(await tensor.data(), expected, { rtol: 1e-5, atol: 1e-6 });
        }
      }
      free(params, optimiser);
    });
  }
});

describe("clipGradNorm follows PyTorch's", () => {
  for (const c of cases.filter(({ op }) => op === "clipGradNorm")) {
    test(c.name, async () => {
      const params = parametersOf(c);
      for (const [, tensor] of params) {
        tensor.grad = device.tensor(await tensor.data(), tensor.shape).keep();
      }
      const { maxNorm } = c.options as { maxNorm: number };
      const norm = clipGradNorm(
        params.map(([, tensor]) => tensor),
        maxNorm,
      );
      closeTo(await norm.data(), c.outputs[0]!, { rtol: 1e-5, atol: 0 });
      for (const [name, tensor] of params) {
        const expected = c.outputs.find((o) => o.name === name)!;
        closeTo(await tensor.grad!.data(), expected, { rtol: 1e-5, atol: 1e-12 });
      }
      norm.dispose();
      free(params);
    });
  }
});

const smallCase: Case = {
  op: "adam",
  name: "resume",
  inputs: [
    { name: "a", shape: [3, 3, 4, 5] },
    { name: "b", shape: [7] },
  ],
  options: { missing: { b: [1, 2] }, gradient: { lo: -1, hi: 1 } },
  outputs: [],
  grads: [],
};

for (const make of [
  (params: Named) => new Adam(params, { amsgrad: true, weightDecay: 0.1, betas: [0.5, 0.999] }),
  (params: Named) => new AdamW(params, { lr: 0.3 }),
  (params: Named) => new SGD(params, { lr: 0.1, momentum: 0.9, dampening: 0.2 }),
]) {
  test(`a resumed ${make.toString().match(/new (\w+)/)![1]} goes on with the same bits, through a file`, async () => {
    const straight = parametersOf(smallCase);
    const first = make(straight);
    const resumed = parametersOf(smallCase);
    let second = make(resumed);
    for (let t = 1; t <= 5; t++) {
      for (const [params, optimiser] of [
        [straight, first],
        [resumed, second],
      ] as const) {
        setGradients(smallCase, params, t);
        optimiser.lr = 0.2 / t;
        optimiser.step();
        optimiser.zeroGrad();
      }
      const file = writeSafetensors(await second.stateDict());
      second.dispose();
      second = make(resumed);
      second.loadStateDict(readSafetensors(file).tensors);
      expect(second.lr).toBe(first.lr);
    }
    for (const [i, [, tensor]] of straight.entries()) {
      expect(await resumed[i]![1].data()).toEqual(await tensor.data());
    }
    free(straight, first);
    free(resumed, second);
  });
}

test("a parameter without a gradient is left alone: no decay, no step, no state", async () => {
  const params: Named = [
    ["moved", device.ones([5]).keep()],
    ["left", device.ones([5]).keep()],
  ];
  const optimiser = new AdamW(params, { lr: 0.1, weightDecay: 0.5 });
  params[0]![1].grad = device.ones([5]).keep();
  optimiser.step();
  expect([...(await params[1]![1].data())]).toEqual([1, 1, 1, 1, 1]);
  expect((await params[0]![1].data())[0]).toBeCloseTo(0.85, 6);
  const state = await optimiser.stateDict();
  expect([...state.keys()].filter((key) => key.startsWith("state.")).sort()).toEqual([
    "state.moved.exp_avg",
    "state.moved.exp_avg_sq",
    "state.moved.step",
  ]);
  free(params, optimiser);
});

test("a recorded step does what a step does, with the learning rate of the moment", async () => {
  const params: Named = [["w", device.ones([6]).keep()]];
  const twin: Named = [["w", device.ones([6]).keep()]];
  const [stepped, replayed] = [new Adam(params), new Adam(twin)];
  for (const [, tensor] of [...params, ...twin]) tensor.grad = device.full([6], 0.5).keep();
  const step = program(device, () => {
    replayed.step();
    return [];
  });
  for (const lr of [0.3, 0.1, 0.05, 0.2]) {
    stepped.lr = replayed.lr = lr;
    stepped.step();
    step();
  }
  expect(await twin[0]![1].data()).toEqual(await params[0]![1].data());
  expect((await params[0]![1].data())[0]).toBeLessThan(0.8);
  expect(await replayed.stateDict()).toEqual(await stepped.stateDict());
  step.dispose();
  free(params, stepped);
  free(twin, replayed);
});

test("gradients that share their memory are clipped once", async () => {
  const [a, b] = [device.ones([4]).keep(), device.ones([4]).keep()];
  a.grad = device.full([4], 3).keep();
  b.grad = a.grad.view().keep();
  const norm = clipGradNorm([a, b], 1);
  expect(await norm.item()).toBeCloseTo(Math.sqrt(72), 5);
  expect((await b.grad.data())[0]).toBeCloseTo(3 / Math.sqrt(72), 5);
  for (const tensor of [a, b, norm]) tensor.dispose();
});

test("clipping leaves out parameters without a gradient, and nothing to clip has norm 0", async () => {
  const [a, b] = [device.ones([2]).keep(), device.ones([2]).keep()];
  const none = clipGradNorm([a, b], 1);
  expect(await none.item()).toBe(0);
  b.grad = device.tensor([3, 4], [2]).keep();
  const norm = clipGradNorm([a, b], 10);
  expect(await norm.item()).toBe(5);
  expect([...(await b.grad.data())]).toEqual([3, 4]);
  const measured = clipGradNorm([a, b], Number.POSITIVE_INFINITY);
  expect(await measured.item()).toBe(5);
  expect([...(await b.grad.data())]).toEqual([3, 4]);
  for (const tensor of [a, b, none, norm, measured]) tensor.dispose();
  expect(() => clipGradNorm([], 1)).toThrow("clipGradNorm: there are no parameters");
  expect(() => clipGradNorm([a], 0)).toThrow("clipGradNorm: maxNorm must be more than 0, got 0");
});

test("settings that make no sense are refused by name", () => {
  const w = device.ones([1]).keep();
  const made = (make: () => Optimiser) => expect(make);
  made(() => new SGD([w], { lr: -1 })).toThrow("SGD: lr must be 0 or more, got -1");
  made(() => new SGD([w], { lr: 1, nesterov: true })).toThrow("SGD: nesterov needs a momentum");
  made(() => new Adam([w], { betas: [0.9, 1] })).toThrow("Adam: betas[1] must be in [0, 1), got 1");
  made(() => new AdamW([w], { eps: Number.NaN })).toThrow("AdamW: eps must be 0 or more, got NaN");
  made(() => new Adam([])).toThrow("Adam: there are no parameters to move");
  made(
    () =>
      new Adam([
        ["w", w],
        ["w", w],
      ]),
  ).toThrow("Adam: two parameters are named w");
  w.dispose();
});

test("a state of other parameters, settings or optimisers is refused before anything changes", async () => {
  const params: Named = [["w", device.ones([3]).keep()]];
  const adam = new Adam(params);
  params[0]![1].grad = device.ones([3]).keep();
  adam.step();
  const state = await adam.stateDict();
  const named = (name: string, shape: number[]): Named => [[name, device.ones(shape).keep()]];
  const others: [Named, (p: Named) => Optimiser, string][] = [
    [named("v", [3]), (p) => new Adam(p), "3 entries belong to no parameter, such as state.w.step"],
    [named("w", [4]), (p) => new Adam(p), "state.w.exp_avg is [3] but the parameter is [4]"],
    [named("w", [3]), (p) => new Adam(p, { eps: 1 }), "it was saved with eps 1e-8, this one has 1"],
    [
      named("w", [3]),
      (p) => new Adam(p, { amsgrad: true }),
      "saved with amsgrad 0, this one has 1",
    ],
    [named("w", [3]), (p) => new SGD(p, { lr: 1 }), "param_groups.momentum is missing"],
  ];
  for (const [own, make, message] of others) {
    const optimiser = make(own);
    expect(() => optimiser.loadStateDict(state)).toThrow(message);
    expect((await optimiser.stateDict()).has("state.w.step")).toBe(false);
    free(own, optimiser);
  }
  free(params, adam);
});
