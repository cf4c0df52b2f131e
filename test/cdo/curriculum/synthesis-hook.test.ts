/** Anomalies by the clock: what each epoch is told to paint, and what its log shows. */
import { describe, expect, test } from "vitest";
import type { AxesConfig } from "../../../src/cdo/curriculum/axes.ts";
import type { SynthesisConfig } from "../../../src/cdo/curriculum/config.ts";
import type { EpochPosition } from "../../../src/cdo/curriculum/hook.ts";
import {
  curriculumPresets,
  type PresetName,
  presetNames,
} from "../../../src/cdo/curriculum/presets.ts";
import { strengthOf } from "../../../src/cdo/curriculum/strength.ts";
import { createSynthesisHook } from "../../../src/cdo/curriculum/synthesis-hook.ts";
import { makeImage, seededRandom, whiteNoise } from "../../../src/data/index.ts";
import { positions } from "./fakes.ts";

const hookOf = (name: PresetName, side = 256) =>
  createSynthesisHook(curriculumPresets[name].config.synthesis as SynthesisConfig, {
    seed: 1,
    side,
  });
const scalarsOf = (name: PresetName, epochs: number, key: string) =>
  positions(epochs, "fork").map((at) => hookOf(name).scalars(at)[key] as number);

describe("presets of the fork", () => {
  test("count progress from 0 to just below 1", () => {
    const s = scalarsOf("freq-linear", 50, "freq");
    expect(s).toEqual(Array.from({ length: 50 }, (_, e) => e / 50));
    expect(scalarsOf("freq-linear", 50, "freq.radius")[25]).toBeCloseTo(16, 10);
  });

  test("alpha stays tiny for long", () => {
    const share = scalarsOf("alpha-4-0.6", 50, "alpha.share");
    const seen = [10, 20, 30, 40, 49].map((e) => share[e] as number);
    expect(seen.map((v) => +v.toFixed(3))).toEqual([0.001, 0.015, 0.078, 0.246, 0.553]);
  });

  test("five steps are five equal plateaus, ends included", () => {
    const s = scalarsOf("amp-step5", 50, "amp");
    for (let k = 0; k < 5; k++)
      expect(new Set(s.slice(10 * k, 10 * k + 10))).toEqual(new Set([k / 4]));
    expect(scalarsOf("amp-step5", 5, "amp.a")).toEqual([0, 31.75, 63.5, 95.25, 127]);
    expect(scalarsOf("freq-funcstep5", 5, "freq")).toEqual([0, 0.0625, 0.25, 0.5625, 1]);
  });

  test("paint as the fork does, without a guard", () => {
    const at = positions(5, "fork")[2]!;
    expect(hookOf("freq+alpha").synthesis(at)).toEqual({
      texture: { kind: "freq", lowest: 1, strength: { kind: "fixed", s: 0.5 } },
      opacity: { exponent: 4, most: 0.6, strength: { kind: "fixed", s: 0.4 } },
      guard: false,
    });
    expect(hookOf("alpha-4-0.6").synthesis(at).texture).toBe(undefined);
    expect(hookOf("amp-linear").synthesis(at).texture).toEqual({
      ...{ kind: "amp", most: 1, strength: { kind: "fixed", s: 0.4 } },
    });
  });

  test("draw for each image where they are controls", () => {
    const at = positions(5, "fork")[2]!;
    const strength = (name: PresetName) => hookOf(name).synthesis(at).texture;
    expect(strength("random-freq")).toMatchObject({ strength: { kind: "uniform" } });
    expect(strength("gauss-freq-0.1")).toMatchObject({
      strength: { kind: "gaussian", mean: 0.4, sigma: 0.1 },
    });
  });
});

test("controls differ from freq-linear in the schedule alone", () => {
  const { freq: _, ...rest } = curriculumPresets["freq-linear"].config.synthesis as {
    freq: object;
  };
  for (const name of ["random-freq", "anti-freq", "constant-hard", "constant-easy"] as const) {
    const { freq, ...own } = curriculumPresets[name].config.synthesis as { freq: object };
    expect(Object.keys(freq)).toEqual(["schedule"]);
    expect(own).toEqual(rest);
    expect(curriculumPresets[name].control).toBe(true);
  }
});

test("axes beyond the fork end at the reference's way or beyond it, guarded", () => {
  const at = positions(3)[2]!;
  const config = { size: {}, count: { beyond: true }, shape: {}, colour: {}, source: {} };
  const s = { kind: "fixed", s: 1 };
  expect(createSynthesisHook(config, { seed: 1 }).synthesis(at)).toEqual({
    texture: { kind: "source", strength: s },
    size: { ...s, beyond: false },
    count: { ...s, beyond: true },
    shape: s,
    colour: s,
    guard: true,
  });
});

test("each axis follows its own schedule, up to the last epoch", () => {
  const config = {
    freq: { lowest: 4, schedule: { name: "step", k: 2 } },
    alpha: { schedule: { name: "linear", a: 1, reversed: true } },
  } as const;
  const hook = createSynthesisHook(config, { seed: 1, side: 64 });
  const seen = positions(5).map((at) => hook.scalars(at));
  expect(seen.map(({ freq }) => freq)).toEqual([0, 0, 1, 1, 1]);
  expect(seen.map((all) => all["freq.radius"])).toEqual([64, 64, 4, 4, 4]);
  expect(seen.map(({ alpha }) => alpha)).toEqual([1, 0.75, 0.5, 0.25, 0]);
  expect(hook.state).toBe(undefined);
});

test("a run of one epoch is at the start", () => {
  const hook = createSynthesisHook({ freq: {} }, { seed: 1 });
  expect(hook.scalars(positions(1)[0]!)).toEqual({ freq: 0, "freq.radius": 256 });
});

test("strength around a mean follows its schedule", () => {
  const strength = strengthOf({ name: "gaussian", sigma: 0.2, mean: { name: "linear", a: 0.5 } });
  expect([0, 0.25, 1].map(strength)).toEqual([
    { kind: "gaussian", mean: 0, sigma: 0.2 },
    { kind: "gaussian", mean: 0.5, sigma: 0.2 },
    { kind: "gaussian", mean: 1, sigma: 0.2 },
  ]);
});

describe("painted on an image", () => {
  const size = 64;
  const grey = makeImage(size, size, 3, new Uint8Array(3 * size * size).fill(127));
  const options = { version: "2023" } as const;
  const own = (name: PresetName) => curriculumPresets[name].config.synthesis;
  const names = presetNames.filter(own);
  const unguarded = names.filter((name) => (own(name) as AxesConfig).guard === false);
  const painted = (name: PresetName, index: number, at: EpochPosition) => {
    const { synthesis } = createSynthesisHook(own(name) as SynthesisConfig, { seed: 1 });
    return whiteNoise(grey, size, seededRandom(1, index), { ...options, synthesis: synthesis(at) });
  };

  test.each(unguarded)("%s keeps the boxes of the baseline at any time", (name) => {
    for (const at of positions(3)) {
      for (let index = 0; index < 6; index++) {
        const plain = whiteNoise(grey, size, seededRandom(1, index), options);
        expect(painted(name, index, at).mask.data).toEqual(plain.mask.data);
      }
    }
  });

  test.each(names)("%s makes abnormal pixels from the first epoch on", (name) => {
    const [first] = positions(3);
    const made = Array.from({ length: 6 }, (_, index) => painted(name, index, first!));
    expect(made.some(({ mask }) => mask.data.some((value) => value > 0))).toBe(true);
  });

  test("contrast falls to flat grey, which no mask tells from the image once there is a guard", () => {
    const [at] = positions(1, "fork");
    const flat = { amp: { most: 1, schedule: { name: "constant", c: 1 } } } as const;
    for (const guard of [true, false]) {
      const synthesis = createSynthesisHook({ ...flat, guard }, { seed: 1 }).synthesis(at!);
      const made = Array.from({ length: 6 }, (_, index) =>
        whiteNoise(grey, size, seededRandom(1, index), { ...options, synthesis }),
      );
      expect(
        made.every(({ image }) => image.data.every((value) => Math.abs(value - 127) < 2)),
      ).toBe(true);
      expect(made.some(({ mask }) => mask.data.some((value) => value > 0))).toBe(!guard);
    }
  });
});
