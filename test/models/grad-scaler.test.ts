/** Loss scaling: PyTorch's rule, skipped steps, and a state that goes on to the same bits. */
import { expect, test } from "vitest";
import { backward, mul, program, square, sum, type Tensor } from "../../src/core/index.ts";
import {
  Adam,
  clipGradNorm,
  GradScaler,
  type GradScalerSettings,
  hostTensor,
  SGD,
} from "../../src/models/index.ts";
import { testDevice } from "../device.ts";
import { rnd } from "../golden.ts";

const device = await testDevice();

const scaleOf = async (scaler: GradScaler) => (await scaler.stateDict()).get("scale")?.data[0];
const goodOf = async (scaler: GradScaler) =>
  (await scaler.stateDict()).get("_growth_tracker")?.data[0];

/** A parameter whose gradient is set by hand, and what moves it. */
function setting(settings: GradScalerSettings) {
  const w = device.tensor([1, 2, 3], [3]).keep().setRequiresGrad(true);
  const optimiser = new SGD([w], { lr: 1 });
  const scaler = new GradScaler(device, settings);
  const step = (gradient: readonly number[]) =>
    device.scope(() => {
      backward(sum(mul(w, device.tensor(gradient, [3]))));
      const { foundInf } = scaler.unscale([w]);
      optimiser.step({ skip: foundInf });
      optimiser.zeroGrad();
      scaler.update();
    });
  const dispose = () => {
    optimiser.dispose();
    scaler.dispose();
    w.dispose();
  };
  return { w, scaler, step, [Symbol.dispose]: dispose };
}

const infinity = Number.POSITIVE_INFINITY;

test("the scale starts, grows and backs off as PyTorch's, and a step with an infinity is skipped", async () => {
  using at = setting({ initScale: 8, growthInterval: 3 });
  const bad = [0, infinity, 0];
  const expected: [readonly number[], number, number][] = [
    [[8, 0, 0], 8, 1],
    [[8, 0, 0], 8, 2],
    [[8, 0, 0], 16, 0], // three good ones
    [[16, 0, 0], 16, 1],
    [bad, 8, 0],
    [[Number.NaN, 0, 0], 4, 0],
    [[0, -infinity, 0], 2, 0],
    [[2, 0, 0], 2, 1],
  ];
  let first = 1;
  for (const [gradient, scale, good] of expected) {
    at.step(gradient);
    if (gradient.every(Number.isFinite)) first -= 1; // each good gradient is 1 after division
    expect([...(await at.w.data())]).toEqual([first, 2, 3]);
    expect([await scaleOf(at.scaler), await goodOf(at.scaler)]).toEqual([scale, good]);
  }
});

test("the defaults are PyTorch's", async () => {
  using scaler = new GradScaler(device);
  const state = await scaler.stateDict();
  expect([...state].map(([name, { data }]) => [name, Number(data[0])])).toEqual([
    ["scale", 65_536],
    ["growth_factor", 2],
    ["backoff_factor", 0.5],
    ["growth_interval", 2000],
    ["_growth_tracker", 0],
  ]);
});

test("a scale that would be infinite stays, and other factors are taken", async () => {
  using most = setting({ initScale: 2 ** 127, growthInterval: 1 });
  most.step([0, 0, 0]);
  expect(await scaleOf(most.scaler)).toBe(2 ** 127);
  using own = setting({ initScale: 12, growthFactor: 1.5, backoffFactor: 0.25, growthInterval: 1 });
  own.step([0, 0, 0]);
  expect(await scaleOf(own.scaler)).toBe(18);
  own.step([infinity, 0, 0]);
  expect(await scaleOf(own.scaler)).toBe(4.5);
});

/** Three steps of a small problem, with or without a scale. */
async function trained(scaler: GradScaler | undefined, maxNorm: number): Promise<number[]> {
  const w = device
    .tensor(Float32Array.from(rnd("w", [40])), [40])
    .keep()
    .setRequiresGrad(true);
  const optimiser = new Adam([w], { lr: 0.1 });
  for (let i = 0; i < 3; i++) {
    device.scope(() => {
      const loss = sum(square(mul(w, 3)));
      if (scaler) {
        backward(scaler.scale(loss));
        const { foundInf } = scaler.unscale([w], maxNorm);
        optimiser.step({ skip: foundInf });
        scaler.update();
      } else {
        backward(loss);
        if (maxNorm < infinity) clipGradNorm([w], maxNorm);
        optimiser.step();
      }
      optimiser.zeroGrad();
    });
  }
  const values = [...(await w.data())];
  optimiser.dispose();
  w.dispose();
  return values;
}

for (const maxNorm of [infinity, 1]) {
  test(`in full precision a scale that is a power of two changes no bit (clipped to ${maxNorm})`, async () => {
    using scaler = new GradScaler(device);
    expect(await trained(scaler, maxNorm)).toEqual(await trained(undefined, maxNorm));
  });
}

test("the scale as the gradient of the loss is the gradient of the scaled loss", async () => {
  using scaler = new GradScaler(device, { initScale: 1024 });
  const run = (scaled: boolean) =>
    device.read(() => {
      const w = device.tensor([1, 2, 3], [3]).setRequiresGrad(true);
      const loss = sum(square(w));
      if (scaled) backward(scaler.scale(loss));
      else backward(loss, scaler.currentScale());
      const grad = (w.grad as Tensor).view();
      w.grad?.dispose();
      return [grad];
    });
  const [[a], [b]] = [await run(true), await run(false)];
  expect(a).toEqual(b);
  expect([...a!]).toEqual([2048, 4096, 6144]);
});

test("an infinity in one of several groups of parameters counts for the scale", async () => {
  using scaler = new GradScaler(device, { initScale: 4 });
  const [a, b] = [1, 2].map((v) => device.tensor([v], [1]).keep().setRequiresGrad(true)) as [
    Tensor,
    Tensor,
  ];
  device.scope(() => {
    backward(mul(a, device.tensor([infinity], [1])));
    backward(mul(b, device.tensor([1], [1])));
    scaler.unscale([a]);
    scaler.unscale([b]);
    scaler.update();
  });
  expect(await scaleOf(scaler)).toBe(2);
  for (const t of [a, b]) t.dispose();
});

test("a recorded step scales, skips and grows as one that is not", async () => {
  const run = async (recorded: boolean) => {
    const w = device.tensor([1, 2, 3], [3]).keep().setRequiresGrad(true);
    using scaler = new GradScaler(device, { initScale: 8, growthInterval: 2 });
    const optimiser = new Adam([w], { lr: 0.5 });
    const body = (gradient: Tensor) => {
      backward(sum(mul(w, gradient)));
      const { norm, foundInf } = scaler.unscale([w], 2);
      optimiser.step({ skip: foundInf });
      optimiser.zeroGrad();
      scaler.update();
      return norm;
    };
    const replayed = program(device, body);
    const seen: unknown[] = [];
    for (const g of [
      [8, 1, 0],
      [infinity, 0, 0],
      [4, 4, 4],
      [1, 2, 3],
      [8, 8, 8],
    ]) {
      await device.read(() => [(recorded ? replayed : body)(device.tensor(g, [3]))]);
      seen.push([...(await w.data())], await scaleOf(scaler), await goodOf(scaler));
    }
    replayed.dispose();
    optimiser.dispose();
    w.dispose();
    return seen;
  };
  expect(await run(true)).toEqual(await run(false));
});

test("a state goes on where it was taken; another's is refused and changes nothing", async () => {
  using a = setting({ initScale: 8, growthInterval: 3 });
  a.step([0, 0, 0]);
  a.step([0, 0, 0]);
  const state = await a.scaler.stateDict();
  using b = setting({ initScale: 1, growthInterval: 3 });
  b.scaler.loadStateDict(state);
  b.step([0, 0, 0]);
  expect([await scaleOf(b.scaler), await goodOf(b.scaler)]).toEqual([16, 0]);
  const one = (name: string, value: number) =>
    new Map(state).set(name, hostTensor("f64", [], Float64Array.of(value)));
  const fails = (changed: typeof state, text: string) =>
    expect(() => b.scaler.loadStateDict(changed)).toThrow(
      `GradScaler: the state does not fit: ${text}`,
    );
  fails(one("growth_interval", 4), "it was saved with growth_interval 4, this one has 3");
  fails(one("scale", infinity), "scale is Infinity");
  fails(one("scale", -1), "scale is -1");
  fails(one("_growth_tracker", 3), "_growth_tracker is 3");
  fails(one("_growth_tracker", 0.5), "_growth_tracker is 0.5");
  fails(new Map([...state].filter(([name]) => name !== "scale")), "scale is missing");
  fails(
    new Map(state).set("scale", hostTensor("f64", [2], Float64Array.of(1, 2))),
    "scale is not a single number",
  );
  expect(await scaleOf(b.scaler)).toBe(16);
});

test("settings and an order that make no sense are refused", () => {
  const fails = (settings: GradScalerSettings, text: string) =>
    expect(() => new GradScaler(device, settings)).toThrow(`GradScaler: ${text}`);
  fails({ initScale: 0 }, "initScale must be more than 0, got 0");
  fails({ initScale: Number.NaN }, "initScale must be more than 0, got NaN");
  fails({ growthFactor: 1 }, "growthFactor must be more than 1, got 1");
  fails({ backoffFactor: 1 }, "backoffFactor must be between 0 and 1, got 1");
  fails({ growthInterval: 0 }, "growthInterval must be a whole number from 1, got 0");
  using scaler = new GradScaler(device);
  expect(() => scaler.update()).toThrow("update() comes after unscale()");
});
