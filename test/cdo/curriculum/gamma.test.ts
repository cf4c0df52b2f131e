/** γ over a training. */
import { expect, test } from "vitest";
import { Curriculum } from "../../../src/cdo/curriculum/curriculum.ts";
import { createGammaHook } from "../../../src/cdo/curriculum/gamma.ts";
import type { GammaConfig } from "../../../src/cdo/curriculum/gamma-config.ts";

const at = (t: number) => ({ epoch: 0, epochs: 11, t });
const gammas = (config: GammaConfig) =>
  [0, 0.4, 0.8, 1].map((t) => createGammaHook(config).gamma(at(t)));

test("it goes from one exponent to the other as the schedule says", () => {
  expect(gammas({ from: 0, to: 2 })).toEqual([0, 1, 2, 2]);
  expect(gammas({ from: -1, to: 2, schedule: { name: "linear", a: 1 } })).toEqual([
    -1,
    -1 + 3 * 0.4,
    -1 + 3 * 0.8,
    2,
  ]);
  expect(gammas({ from: 2, to: 0 })).toEqual([2, 1, 0, 0]);
  expect(gammas({ from: 2, to: 2 })).toEqual([2, 2, 2, 2]);
});

test("abnormal pixels may have one of their own, which the loss reads behind the other", () => {
  const hook = createGammaHook({ from: 0, to: 2, abnormal: { from: -1, to: 1 } });
  expect(hook.scalars(at(0.4))).toEqual({ gamma: 1, gamma_abnormal: 0 });
  const curriculum = new Curriculum({ gamma: hook }, { epochs: 11, progress: "full" });
  expect(curriculum.controls(4)).toEqual([1, 0]);
  const single = createGammaHook({ from: 0, to: 2 });
  expect(single.scalars(at(0.4))).toEqual({ gamma: 1 });
  expect(new Curriculum({ gamma: single }, { epochs: 11, progress: "full" }).controls(4)).toEqual([
    1,
  ]);
});

test("it needs no state", () => {
  expect(createGammaHook({ from: 0, to: 2 }).state).toBeUndefined();
});
