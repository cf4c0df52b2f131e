/** Rules that weigh the parts of images: their formulas against a host, who is never left out, what an epoch leaves to the next. */
import { expect, test } from "vitest";
import type { EpochPosition, WeightHook } from "../../../src/cdo/curriculum/hook.ts";
import { lambertW } from "../../../src/cdo/curriculum/lambert-w.ts";
import { createWeightHook } from "../../../src/cdo/curriculum/self-paced.ts";
import { type WeightConfig, weightNames } from "../../../src/cdo/curriculum/weights-config.ts";
import { program, type Tensor } from "../../../src/core/index.ts";
import type { Batch } from "../../../src/data/index.ts";
import { closeTo } from "../../core/close.ts";
import { testDevice } from "../../device.ts";
import { u01 } from "../../golden.ts";

const device = await testDevice();
const at = (t: number, epochs = 11): EpochPosition => ({
  epoch: Math.round(t * (epochs - 1)),
  epochs,
  t,
});
const batch = {} as Batch;

async function weigh(hook: WeightHook, losses: readonly number[], controls: readonly number[]) {
  const [v] = await device.read(() => [
    hook.weigh(device.tensor(losses, [losses.length]), device.tensor(controls, [controls.length])),
  ]);
  return [...(v as Float32Array)];
}

test("Lambert's W solves w·e^w = z from its branch point to far beyond", async () => {
  const z = [-0.367, -0.36, -0.3, -0.2, -0.1, -1e-3, 0, 1e-3, 0.3, 0.5, 1, Math.E, 10, 1e3, 1e5];
  const [w] = await device.read(() => [lambertW(device.tensor(z, [z.length]))]);
  const solve = (x: number) => {
    let w = x < -0.2 ? -0.5 : Math.log(1 + x);
    for (let k = 0; k < 200; k++) {
      const step = (w * Math.exp(w) - x) / (Math.exp(w) * (w + 1));
      w = Math.max(-1 + 1e-9, w - step);
    }
    return w;
  };
  closeTo(w as Float32Array, z.map(solve), { rtol: 2e-6, atol: 2e-5 });
  const [branch] = await device.read(() => [lambertW(device.tensor([-1 / Math.E, -0.4], [2]))]);
  closeTo(branch as Float32Array, [-1, -1], { rtol: 0, atol: 1e-3 });
});

/** ℓ in units of their mean, and an age. */
const [k, x] = [1.7, [0, 0.1, 0.4, 0.6, 0.9, 1, 1.1, 1.5, 1.9, 2.5]];
const formulas: readonly (readonly [WeightConfig, (x: number) => number])[] = [
  [{ name: "hard" }, (x) => Number(x < k)],
  [{ name: "linear" }, (x) => Math.max(0, 1 - x / k)],
  [{ name: "log" }, (x) => (x < k ? Math.log(0.5 * (x / k) + 0.5) / Math.log(0.5) : 0)],
  [
    { name: "log", lambda: 0.9 },
    (x) => (x < k ? Math.log(0.9 * (x / k) + 0.1) / Math.log(0.1) : 0),
  ],
  [
    { name: "mixture" },
    (x) => {
      const [l1, l2] = [k, 0.5 * k];
      const zeta = (l1 * l2) / (l1 - l2);
      return x <= l2 ? 1 : x >= l1 ? 0 : zeta * (1 / x - 1 / l1);
    },
  ],
  [{ name: "logistic" }, (x) => (1 + Math.exp(-k)) / (1 + Math.exp(x - k))],
  [{ name: "polynomial" }, (x) => Math.sqrt(Math.max(0, 1 - x / k))],
  [{ name: "polynomial", power: 2 }, (x) => Math.max(0, 1 - x / k)],
  [{ name: "focal" }, (x) => Math.min(10, x ** k)],
];
for (const [config, formula] of formulas) {
  test(`${JSON.stringify(config)} weighs as its formula says`, async () => {
    const n = x.length;
    // the abnormal parts are half as hard, and judged among themselves
    const parts = [...x.map((v) => v / 4), ...x.map((v) => v / 8)];
    const v = await weigh(createWeightHook(config), parts, [k, k, 1, 1]);
    closeTo(v.slice(0, n), x.map(formula), { rtol: 3e-6, atol: 2e-5 });
    expect(v.slice(n)).toEqual(v.slice(0, n));
  });
}

test("an age is the first ℓ that is too old", async () => {
  const v = await weigh(
    createWeightHook({ name: "hard" }),
    [0, 1, 2, 3, 4, 2, 2, 2, 2, 2],
    [...[1.5, 1, 1, 1]],
  );
  expect(v).toEqual([1, 1, 1, 0, 0, 1, 1, 1, 1, 1]); // of the abnormal ones all are the youngest
});

test("SuperLoss is exp(−W(½ max(−2/e, (ℓ − τ)/λ))), λ in standard deviations", async () => {
  const hook = createWeightHook({ name: "superloss", lambda: 0.5 });
  const parts = [0, 0.8, 1, 1.1, 1.2, 1.9, 1, -1, -1, -1, -1, -1, -1, -1];
  const v = await weigh(hook, parts, [0.6, 1, 1, 1]);
  v.slice(0, 7).forEach((sigma, i) => {
    const y = Math.max(-2 / Math.E, ((parts[i] as number) - 1) / 0.3);
    const w = -Math.log(sigma);
    expect(w * Math.exp(w)).toBeCloseTo(y / 2, y < -0.6 ? 3 : 4);
  });
  expect(v[2]).toBeCloseTo(1, 5); // at τ
  expect(v[0]).toBeCloseTo(Math.E, 2); // at most
});

test("OHEM keeps the hardest share of each kind that is there, one at least", async () => {
  const hook = createWeightHook({ name: "ohem" });
  const parts = [0.1, 0.5, 0.3, 0.2, -1, 3, -1, 3.5, 2, -1];
  const of = (q: number) => weigh(hook, parts, [q, q, 1, 1]);
  expect(await of(0.5)).toEqual([0, 1, 1, 0, 0, 1, 0, 1, 0, 0]);
  expect(await of(0.25)).toEqual([0, 1, 0, 0, 0, 0, 0, 1, 0, 0]);
  expect(await of(0.01)).toEqual([0, 1, 0, 0, 0, 0, 0, 1, 0, 0]);
  expect(await of(1)).toEqual([1, 1, 1, 1, 0, 1, 0, 1, 1, 0]);
});

test("a kind that is in the batch stays in it: its favourite gets 1, small weights add up to 1", async () => {
  const hard = createWeightHook({ name: "hard" });
  const parts = [5, 3, 4, -1, 9, 8];
  expect(await weigh(hard, parts, [0.5, 0.5, 1, 1])).toEqual([0, 1, 0, 0, 0, 1]);
  const linear = createWeightHook({ name: "linear" });
  const v = await weigh(linear, [0.9, 0.8, 1.3, -1, -1, -1], [1, 1, 1, 1]);
  closeTo(v, [1 / 3, 2 / 3, 0, 0, 0, 0], { rtol: 1e-5, atol: 0 });
});

/** An epoch of `steps` batches of 32 images whose losses fall fast with the epochs; the last image of each has no anomaly. */
function tell(hook: WeightHook, epoch: number, steps = 5, from = 0): void {
  for (let s = from; s < steps; s++) {
    const u = u01(`epoch ${epoch} step ${s}`, 64);
    const losses = Float32Array.from(u, (v, i) => (i === 63 ? -1 : v / 2 ** epoch));
    hook.observe?.(losses, 0, batch);
  }
}
const end = (hook: WeightHook, epoch: number) => hook.endEpoch?.(at(epoch / 10), {} as never);

for (const name of weightNames) {
  test(`${name}: in the first epoch all weigh the same`, async () => {
    const hook = createWeightHook({ name } as WeightConfig);
    const parts = [0.1, 3, 0.4, -1, 2, 3.9];
    const v = await weigh(hook, parts, hook.controls(at(0)));
    expect(v).toEqual([1, 1, 1, 0, 1, 1]);
  });
}

test("a self-paced rule takes the share g of the last epoch's parts, from half of them to all", async () => {
  const hook = createWeightHook({ name: "hard", schedule: { name: "linear", a: 1 } });
  const counts: number[] = [];
  for (let epoch = 0; epoch < 11; epoch++) {
    const controls = hook.controls(at(epoch / 10));
    expect(controls).toHaveLength(4);
    const n = 1000;
    const parts = [...u01("parts", n), ...u01("more", n)].map((u) => u / 2 ** epoch);
    const v = await weigh(hook, parts, controls);
    counts.push(v.filter((w) => w === 1).length / (2 * n));
    tell(hook, epoch, 50);
    await end(hook, epoch);
  }
  const [first, ...rest] = counts as [number, ...number[]];
  expect(first).toBe(1);
  // from the end of the schedule on all weigh the same, whatever they are
  const linear = createWeightHook({ name: "linear" });
  tell(linear, 0);
  await end(linear, 0);
  expect(linear.controls(at(0.79))[2]).toBe(1);
  expect(await weigh(linear, [0, 3, 2, 4], linear.controls(at(0.8)))).toEqual([1, 1, 1, 1]);
  rest.forEach((share, i) => {
    expect(Math.abs(share - (0.5 + 0.05 * (i + 1)))).toBeLessThan(0.05);
    expect(share).toBeGreaterThan(rest[i - 1] ?? 0);
  });
  expect(rest.at(-1)).toBe(1);
});

test("each kind is judged by its own past, and one that wasn't there weighs 1", async () => {
  const hook = createWeightHook({ name: "hard" });
  hook.observe?.(Float32Array.of(0.125, 0.25, 0.375, -1, -1, -1), 0, batch);
  await end(hook, 0);
  const controls = hook.controls(at(0));
  expect(hook.scalars(at(0))).toEqual({ age_normal: 1 });
  expect(await weigh(hook, [0.1, 0.3, 2, 3], controls)).toEqual([1, 0, 1, 1]);
});

test("a part that is alone in its batch says nothing about its kind", async () => {
  const hook = createWeightHook({ name: "hard" });
  hook.observe?.(Float32Array.of(0.3, -1, 2, 1), 0, batch);
  await end(hook, 0);
  expect(Object.keys(hook.scalars(at(0)))).toEqual(["age_abnormal"]);
});

test("what a log shows is named after the rule", async () => {
  const scalars = async (config: WeightConfig) => {
    const hook = createWeightHook(config);
    hook.observe?.(Float32Array.of(0.5, 1.5, 3, 3), 0, batch);
    await end(hook, 0);
    return hook.scalars(at(0.4));
  };
  expect(await scalars({ name: "superloss" })).toEqual({
    spread_normal: 0.5,
    spread_abnormal: 0.001,
  });
  expect(await scalars({ name: "hard" })).toEqual({ age_normal: 1.25, age_abnormal: 1 });
  expect((await scalars({ name: "ohem" })).hardest).toBeCloseTo(0.65, 12);
  expect(await scalars({ name: "focal" })).toEqual({ exponent: 1 });
});

for (const name of weightNames) {
  test(`${name}: a training that stops anywhere goes on with the same numbers`, async () => {
    const whole = createWeightHook({ name } as WeightConfig);
    let cut = createWeightHook({ name } as WeightConfig);
    for (let epoch = 0; epoch < 4; epoch++) {
      tell(whole, epoch);
      tell(cut, epoch, 2);
      const before = cut.controls(at(epoch / 3));
      const saved = JSON.parse(JSON.stringify(cut.state?.()));
      cut = createWeightHook({ name } as WeightConfig);
      cut.loadState?.(saved);
      expect(cut.controls(at(epoch / 3))).toEqual(before);
      tell(cut, epoch, 5, 2);
      await end(whole, epoch);
      await end(cut, epoch);
      expect(cut.controls(at((epoch + 1) / 3))).toEqual(whole.controls(at((epoch + 1) / 3)));
      expect(cut.scalars(at(0.5))).toEqual(whole.scalars(at(0.5)));
      expect(cut.state?.()).toEqual(whole.state?.());
    }
  });
}

test("what is told later does not change a state that was given", () => {
  const hook = createWeightHook({ name: "hard" });
  tell(hook, 0);
  const state = hook.state?.();
  const text = JSON.stringify(state);
  tell(hook, 1);
  expect(JSON.stringify(state)).toBe(text);
});

test("the state of something else is refused", () => {
  const hook = createWeightHook({ name: "hard" });
  for (const state of [null, 5, {}, { current: {}, last: {} }]) {
    expect(() => hook.loadState?.(state)).toThrow("weights: the state must hold ℓ of two epochs");
  }
  for (const bad of [["1"], [-1], [null], 5]) {
    const epoch = { normal: bad, abnormal: [] };
    expect(() => hook.loadState?.({ current: epoch, last: epoch })).toThrow("weights: the state");
  }
});

test("numbers of another shape are refused", () => {
  device.scope(() => {
    const hook = createWeightHook({ name: "hard" });
    expect(() => hook.weigh(device.ones([3]), device.ones([4]))).toThrow("needs parts [2 · N]");
    expect(() => hook.weigh(device.ones([4]), device.ones([3]))).toThrow("and controls [4], got");
  });
});

for (const name of weightNames) {
  test(`${name}: a recorded step follows the numbers of the epoch, with the same bits`, async () => {
    const hook = createWeightHook({ name } as WeightConfig);
    const step = program(device, (l: Tensor, c: Tensor) => hook.weigh(l, c));
    const parts = [0.1, 0.5, 0.3, 0.2, -1, 3, -1, 3.5];
    for (let epoch = 0; epoch < 3; epoch++) {
      const controls = hook.controls(at(epoch / 10));
      const [v] = await device.read(() => [
        step(device.tensor(parts, [8]), device.tensor(controls, [4])),
      ]);
      expect([...(v as Float32Array)]).toEqual(await weigh(hook, parts, controls));
      tell(hook, epoch);
      await end(hook, epoch);
    }
    step.dispose();
  });
}
