/** Learning rates against PyTorch's schedulers and the rates of CDO's own runs. */
import { expect, test } from "vitest";
import {
  cosineAnnealingLR,
  epochStepLR,
  exponentialLR,
  linearLR,
  perEpoch,
  type Schedule,
  stepLR,
  warmUp,
} from "../../src/models/index.ts";
import { closeTo, loadFamily } from "../core/fixtures.ts";
import stored from "../fixtures/models/golden/scheduler.json" with { type: "json" };

type Make = (options: never) => Schedule;
const makers: Record<string, Make> = { stepLR, exponentialLR, cosineAnnealingLR, linearLR };

for (const c of loadFamily("schedule")) {
  test(`${c.name} gives PyTorch's rates`, () => {
    const { iterations, ...options } = c.options as { iterations?: number[] };
    const schedule = makers[c.op]!(options as never);
    const steps = iterations ?? Array.from({ length: 12 }, (_, t) => t);
    closeTo(steps.map(schedule), c.outputs[0]!, { rtol: 1e-9, atol: 1e-18 });
  });
}

test("CDO's 2025 schedule drops once, after 80 % of the epochs, counted in iterations", () => {
  const schedule = epochStepLR({ lr: 0.001, epochs: 100, iterationsPerEpoch: 7 });
  for (const [t, lr] of Object.entries(stored.lr)) expect(schedule(Number(t))).toBeCloseTo(lr, 12);
});

test("CDO's 2023 schedule decays after every epoch", () => {
  const schedule = perEpoch(exponentialLR({ lr: 4e-4, gamma: 0.95 }), 3);
  for (const [epoch, lr] of Object.entries(stored.exp_2023)) {
    expect(schedule(3 * Number(epoch))).toBeCloseTo(lr, 13);
    expect(schedule(3 * Number(epoch) + 2)).toBeCloseTo(lr, 13);
  }
});

test("a single epoch trains at the full rate, and the share of epochs is rounded down", () => {
  const one = epochStepLR({ lr: 0.1, epochs: 1, iterationsPerEpoch: 5 });
  expect([0, 4, 100].map(one)).toEqual([0.1, 0.1, 0.1]);
  const three = epochStepLR({ lr: 0.1, epochs: 3, iterationsPerEpoch: 2, gamma: 0.5 });
  expect([3, 4, 7, 8].map(three)).toEqual([0.1, 0.05, 0.05, 0.025]);
});

test("a warm-up grows in a straight line to the schedule it leads to", () => {
  const schedule = warmUp(stepLR({ lr: 1, stepSize: 6, gamma: 0.5 }), { steps: 4 });
  expect([0, 1, 2, 3, 4, 5, 6].map(schedule)).toEqual([0, 0.25, 0.5, 0.75, 1, 1, 0.5]);
  const half = warmUp(() => 2, { steps: 2, startFactor: 0.5 });
  expect([0, 1, 2, 9].map(half)).toEqual([1, 1.5, 2, 2]);
  expect(warmUp(() => 3, { steps: 0 })(0)).toBe(3);
});

test("a schedule says which of its settings makes no sense", () => {
  expect(() => stepLR({ lr: 1, stepSize: 0 })).toThrow(
    "stepLR: stepSize must be a whole number from 1, got 0",
  );
  expect(() => epochStepLR({ lr: 1, epochs: 2, iterationsPerEpoch: 1.5 })).toThrow(
    "epochStepLR: iterationsPerEpoch must be a whole number from 1, got 1.5",
  );
  expect(() => warmUp(() => 1, { steps: -1 })).toThrow("warmUp: steps must be a whole number");
});
