/** What order, weights and γ may be set to: defaults filled in, everything else refused by name. */
import { expect, test } from "vitest";
import { gammaConfig } from "../../../src/cdo/curriculum/gamma-config.ts";
import { orderConfig } from "../../../src/cdo/curriculum/order-config.ts";
import { weightConfig, weightNames } from "../../../src/cdo/curriculum/weights-config.ts";

const order = (given: unknown) => orderConfig(given, "curriculum.order");
const weights = (given: unknown) => weightConfig(given, "curriculum.weights");
const gamma = (given: unknown) => gammaConfig(given, "curriculum.gamma");

test("an order with nothing said takes the easiest first, more of them as a line from 0.2 on", () => {
  expect(order({})).toEqual({
    ordering: "curriculum",
    difficulty: { name: "teacher-knn", bank: 0.05 },
    pacing: { name: "continuous", schedule: { name: "linear", a: 0.8, b: 0.2 } },
  });
  expect(order({ ordering: "random", pacing: { name: "baby-steps" } })).toEqual({
    ordering: "random",
    pacing: { name: "baby-steps", buckets: 5 },
  });
  expect(order({ pacing: { name: "soft" } }).pacing).toEqual({
    name: "soft",
    tau: 0.2,
    schedule: { name: "linear", a: 0.8, b: 0 },
  });
});

test("self-paced weights begin at the median; a complete config gives itself, through JSON too", () => {
  expect(weights({ name: "hard" })).toEqual({
    name: "hard",
    schedule: { name: "linear", a: 0.8, b: 0.5 },
  });
  expect(gamma({ from: 0, to: 2 })).toEqual({
    from: 0,
    to: 2,
    schedule: { name: "linear", a: 0.8, b: 0 },
  });
  for (const name of weightNames) {
    const config = weights({ name });
    expect(weights(JSON.parse(JSON.stringify(config)))).toEqual(config);
  }
  const full = gamma({ from: -1, to: 2, schedule: { name: "root" }, abnormal: { from: 0, to: 2 } });
  expect(gamma(full)).toEqual(full);
  expect(order(order({ ordering: "anti" }))).toEqual(order({ ordering: "anti" }));
});

const refused: readonly (readonly [run: (given: unknown) => unknown, unknown, string])[] = [
  [order, 5, "curriculum.order: must be an object, { … }, got 5"],
  [order, { sort: 1 }, 'curriculum.order: there is no setting "sort"'],
  [order, { ordering: "hard" }, 'curriculum.order: ordering must be "curriculum", "anti" or'],
  [
    order,
    { ordering: "random", difficulty: { name: "entropy" } },
    "curriculum.order: difficulty has no effect on a random order; leave it out",
  ],
  [order, { difficulty: "entropy" }, "curriculum.order.difficulty: must be an object, { … }, got"],
  [order, { difficulty: { name: "teacher-kn" } }, 'did you mean "teacher-knn"?'],
  [
    order,
    { difficulty: { name: "teacher-knn", bank: 0 } },
    "curriculum.order.difficulty: bank must be a share above 0, at most 1, got 0",
  ],
  [
    order,
    { difficulty: { name: "entropy", bank: 0.1 } },
    'curriculum.order.difficulty "entropy": there is no setting "bank"',
  ],
  [
    order,
    { difficulty: { name: "scores", scores: [["a.png", "1"]] } },
    "curriculum.order.difficulty: scores must be a list of [path, number], got",
  ],
  [
    order,
    { difficulty: { name: "scores" } },
    "scores must be a list of [path, number], it is missing",
  ],
  [
    order,
    { pacing: { name: "one-pass", buckets: 1 } },
    "curriculum.order.pacing: buckets must be a whole number from 2 to 10000, got 1",
  ],
  [
    order,
    { pacing: { name: "one-pass", schedule: { name: "linear" } } },
    'curriculum.order.pacing "one-pass": there is no setting "schedule"',
  ],
  [
    order,
    { pacing: { name: "continuous", schedule: { name: "linear", a: -1 } } },
    "curriculum.order.pacing.schedule: a must be a share of the training above 0, got -1",
  ],
  [
    order,
    { pacing: { name: "soft", schedule: { name: "linear", reversed: true } } },
    "curriculum.order.pacing.schedule: images come in, they don't leave, got reversed; leave",
  ],
  [order, { pacing: { name: "soft", tau: 0 } }, "tau must be a number above 0, at most 100, got 0"],
  [weights, {}, "curriculum.weights: name must be"],
  [weights, { name: "toString" }, "curriculum.weights: name must be"],
  [weights, { name: "log", lambda: 1 }, "lambda must be a number above 0 and below 1, got 1"],
  [weights, { name: "polynomial", power: 1 }, "power must be a number above 1, at most 100, got 1"],
  [weights, { name: "superloss", schedule: {} }, 'there is no setting "schedule"'],
  [weights, { name: "ohem", to: 0 }, "to must be a share above 0, at most 1, got 0"],
  [weights, { name: "focal", to: 9 }, "to must be a number from -8 to 8, got 9"],
  [gamma, { from: 0 }, "curriculum.gamma: to must be a number from -8 to 8, it is missing"],
  [gamma, { from: 0, to: 2, until: 1 }, 'curriculum.gamma: there is no setting "until"'],
  [
    gamma,
    { from: 0, to: 2, abnormal: { from: 0 } },
    "curriculum.gamma.abnormal: to must be a number from -8 to 8, it is missing",
  ],
];
for (const [run, given, message] of refused) {
  test(`refused: ${JSON.stringify(given)}`, () => {
    expect(() => run(given)).toThrow(message);
  });
}
