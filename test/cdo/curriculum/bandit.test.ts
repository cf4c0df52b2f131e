import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type BanditState,
  drawn,
  newBandit,
  paid,
  probabilities,
  scaled,
} from "../../../src/cdo/curriculum/adaptive-bandit.ts";
import { selectorConfig } from "../../../src/cdo/curriculum/adaptive-config.ts";

const exp3 = selectorConfig({}, "here");
const greedy = selectorConfig({ method: "greedy" }, "here");
const pull = fc.record({ arm: fc.nat(5), reward: fc.double({ min: 0, max: 1, noNaN: true }) });

test("chances are a distribution over all arms, each with at least its share of ε", () => {
  for (const config of [exp3, greedy]) {
    fc.assert(
      fc.property(fc.array(pull, { maxLength: 200 }), (pulls) => {
        let state: BanditState = newBandit(6);
        for (const each of pulls) {
          const chances = probabilities(state, config);
          expect(chances.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
          for (const chance of chances)
            expect(chance).toBeGreaterThanOrEqual(config.epsilon / 6 - 1e-12);
          state = paid(state, each, chances[each.arm] as number, config);
        }
        expect(state.weights.every((weight) => Number.isFinite(weight) && weight <= 0)).toBe(true);
        expect(state.pulls.length).toBeLessThanOrEqual(100);
      }),
      { numRuns: 30 },
    );
  }
});

describe("greedy", () => {
  const stateAfter = (pulls: readonly (readonly [arm: number, reward: number])[]) =>
    pulls.reduce((state, [arm, reward]) => paid(state, { arm, reward }, 1, greedy), newBandit(4));

  test("draws any arm in the first four epochs", () => {
    const even = [0.25, 0.25, 0.25, 0.25];
    for (let n = 0; n < 4; n++) {
      expect(probabilities(stateAfter(new Array(n).fill([1, 1])), greedy)).toEqual(even);
    }
  });

  test("then takes the best of the last five every other time", () => {
    const state = stateAfter([
      ...[[0, 1] as const, [1, 0.2] as const, [2, 0.1] as const],
      ...[[2, 0.5] as const, [3, 0.25] as const, [1, 0.2] as const],
    ]);
    // the reward of arm 0 is six epochs old; arm 2 has 0.3 in the mean
    expect(probabilities(state, greedy)).toEqual([0.125, 0.125, 0.625, 0.125]);
  });
});

test("EXP3 gives an arm that was rare the more for a reward", () => {
  const rare = paid(newBandit(2), { arm: 0, reward: 1 }, 0.1, exp3).weights;
  const common = paid(newBandit(2), { arm: 0, reward: 1 }, 0.9, exp3).weights;
  expect(rare).toEqual([0, -0.05 / (0.1 + 0.05)]);
  expect(common[1]).toBeCloseTo(-0.05 / 0.95, 12);
});

test("rewards are scaled between the quantiles of the recent ones", () => {
  const recent = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
  expect(scaled(5, recent)).toBe(0.5);
  expect(scaled(2, recent)).toBe(0);
  expect(scaled(1, recent)).toBe(0);
  expect(scaled(8, recent)).toBe(1);
  expect(scaled(20, recent)).toBe(1);
  expect(scaled(3.5, recent)).toBe(0.25);
  expect(scaled(3, [3])).toBe(0.5);
  expect(scaled(0, [0, 0, 0])).toBe(0.5);
});

test("a uniform number falls on the arm that it belongs to, never on one without a chance", () => {
  const chances = [0.5, 0, 0.5, 0];
  expect([0, 0.49, 0.5, 0.99].map((u) => drawn(chances, u))).toEqual([0, 0, 2, 2]);
  expect(drawn([0.5, 0.4999999, 0], 0.99999999)).toBe(1);
});
