/** Optimiser and learning rate of the config: the references' by default, and each alternative. */
import { expect, test } from "vitest";
import {
  createOptimiser,
  learningRateOf,
  type Optimisation,
  optimisationDefaults,
  refuseIdleOptimisation,
} from "../../src/cdo/optimisation.ts";
import { Adam, AdamW, SGD } from "../../src/models/index.ts";
import { testDevice } from "../device.ts";
import golden from "../fixtures/models/golden/scheduler.json" with { type: "json" };

const device = await testDevice();
const rateOf = (version: "2025" | "2023", given: Partial<Optimisation> = {}, epochs = 100) => {
  const own = { "2025": 1e-3, "2023": 4e-4 }[version];
  const config = { ...optimisationDefaults[version], ...given, learningRate: own, epochs };
  const rate = learningRateOf(config);
  return (iteration: number, iterationsPerEpoch = 7) =>
    rate({ iteration, iterationsPerEpoch, epoch: Math.floor(iteration / iterationsPerEpoch) });
};

test("the learning rates of both versions are the references'", () => {
  for (const [t, lr] of Object.entries(golden.lr)) {
    expect(rateOf("2025")(Number(t))).toBeCloseTo(lr, 15);
  }
  for (const [epoch, lr] of Object.entries(golden.exp_2023)) {
    expect(rateOf("2023", {}, 50)(Number(epoch) * 7 + 3)).toBeCloseTo(lr, 13);
  }
});

test("a step can come earlier, be smaller, and comes again", () => {
  const rate = rateOf("2025", { lrDecayAt: 0.3, lrDecay: 0.5 });
  expect([0, 30, 60, 90].map((epoch) => rate(epoch * 7) / 1e-3)).toEqual([1, 0.5, 0.25, 0.125]);
  expect(rate(30 * 7 - 1)).toBe(1e-3);
});

test("a cosine falls to zero by iteration, a constant rate stays, an exponential one follows its decay", () => {
  const cosine = rateOf("2025", { lrSchedule: "cosine" });
  expect([cosine(0), cosine(350), cosine(700)].map((lr) => lr * 1e3)).toEqual([
    1,
    expect.closeTo(0.5, 12),
    expect.closeTo(0, 12),
  ]);
  expect(cosine(1)).toBeLessThan(cosine(0));
  expect(rateOf("2023", { lrSchedule: "constant" })(699)).toBe(4e-4);
  const slow = rateOf("2023", { lrDecay: 0.5 });
  expect(slow(14)).toBe(1e-4);
});

test("warm-up grows in a line to the schedule and leaves the rest as it is", () => {
  const warm = rateOf("2025", { warmupEpochs: 2 });
  expect(warm(0)).toBeCloseTo(1e-6, 12);
  expect(warm(7)).toBeCloseTo(0.5005e-3, 12);
  expect([warm(14), warm(559), warm(560)]).toEqual([14, 559, 560].map((t) => rateOf("2025")(t)));
});

test("each optimiser is made with its settings", () => {
  const w = device.zeros([2]).keep();
  const make = (given: Partial<Optimisation>, version: "2025" | "2023" = "2025") => {
    const config = { ...optimisationDefaults[version], ...given, learningRate: 0.01 };
    return createOptimiser([["w", w]], config);
  };
  for (const [made, kind] of [
    [make({}), Adam],
    [make({}, "2023"), AdamW],
    [make({ optimiser: "sgd" }), SGD],
  ] as const) {
    expect(made).toBeInstanceOf(kind);
    expect(made.lr).toBe(0.01);
    made.dispose();
  }
  w.dispose();
});

test.each([
  [{ optimiser: "sgd", betas: [0.9, 0.9] }, 'betas has no effect with optimiser "sgd"'],
  [{ momentum: 0.5 }, 'momentum has no effect with optimiser "adam"'],
  [{ lrSchedule: "cosine", lrDecay: 0.1 }, 'lrDecay has no effect with lrSchedule "cosine"'],
  [
    { lrSchedule: "constant", lrDecay: 1, lrDecayAt: 0.5 },
    'lrDecayAt has no effect with lrSchedule "constant"',
  ],
  [{ lrSchedule: "exponential", lrDecay: 0.9, lrDecayAt: 0.5 }, "lrDecayAt has no effect"],
] as const)("a setting without effect is refused: %j", (given, message) => {
  const defaults = optimisationDefaults["2025"];
  const config = { ...defaults, ...given } as Optimisation;
  expect(() => refuseIdleOptimisation(config, defaults)).toThrow(`cdo: ${message}`);
  expect(() => refuseIdleOptimisation(defaults, defaults)).not.toThrow();
});
