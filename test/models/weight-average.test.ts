/** Averaged weights: the formula, also of statistics and of recorded steps, and what is refused. */
import { expect, test } from "vitest";
import { backward, mul, program, Rng, sum, type Tensor } from "../../src/core/index.ts";
import { BatchNorm2d, Conv2d, Sequential, SGD, WeightAverage } from "../../src/models/index.ts";
import { testDevice } from "../device.ts";
import { rnd } from "../golden.ts";

const device = await testDevice();

const make = (seed: number, channels = 4) => {
  const build = { device, rng: new Rng(seed) };
  return new Sequential([
    new Conv2d(build, 3, channels, { kernelSize: 3, bias: true }),
    new BatchNorm2d(build, channels),
  ]);
};
const valuesOf = async (network: Sequential) =>
  Promise.all(network.namedTensors().map(async ([, tensor]) => [...(await tensor.data())]));

/** Trains for some steps; gives the values of all tensors after each step, and of the average. */
async function train(steps: number, decay: number, record: boolean) {
  const [network, averaged] = [make(1), make(2)];
  const optimiser = new SGD(network.namedParameters(), { lr: 0.05 });
  const average = new WeightAverage(network, averaged, decay);
  const learn = (x: Tensor) => {
    const y = network.train().forward(x);
    const loss = sum(mul(y, y));
    backward(loss, undefined, { freeGraph: true });
    optimiser.step();
    average.update();
    optimiser.zeroGrad();
    return loss;
  };
  const step = program(device, (x: Tensor) => learn(x));
  const seen = [await valuesOf(network)];
  for (let t = 0; t < steps; t++) {
    device.scope(() => {
      average.step = t;
      const x = device.tensor(Float32Array.from(rnd(`x${t}`, [2, 5, 5, 3])), [2, 5, 5, 3]);
      if (record) step(x);
      else learn(x);
    });
    seen.push(await valuesOf(network));
  }
  const result = await valuesOf(averaged);
  for (const part of [step, average, optimiser, network, averaged]) part.dispose();
  return { seen, result };
}

test("the average is that of weights and statistics, with a smaller β at the start", async () => {
  const { seen, result } = await train(4, 0.3, false);
  const [start, ...after] = seen;
  const want = start!.map((tensor) => [...tensor]);
  after.forEach((values, t) => {
    const beta = Math.min(0.3, (1 + t) / (10 + t));
    values.forEach((tensor, i) => {
      tensor.forEach((w, k) => {
        want[i]![k] = beta * want[i]![k]! + (1 - beta) * w;
      });
    });
  });
  result.forEach((tensor, i) => {
    tensor.forEach((w, k) => {
      expect(Math.abs(w - want[i]![k]!)).toBeLessThan(1e-5 * (1 + Math.abs(w)));
    });
  });
  expect(after.at(-1)).not.toEqual(result);
});

test("recorded steps give the same bits, and a decay of zero follows the weights", async () => {
  expect((await train(4, 0.9, true)).result).toEqual((await train(4, 0.9, false)).result);
  const { seen, result } = await train(2, 0, true);
  result.forEach((tensor, i) => {
    tensor.forEach((w, k) => {
      expect(Math.abs(w - seen.at(-1)![i]![k]!)).toBeLessThan(1e-6);
    });
  });
});

test("a decay that is none and networks of two kinds are refused", () => {
  const [one, other] = [make(1), make(1, 5)];
  expect(() => new WeightAverage(one, one, 1)).toThrow(
    "WeightAverage: decay must be in [0, 1), got 1",
  );
  expect(() => new WeightAverage(one, other, 0.5)).toThrow(
    /^WeightAverage: 0.weight is .* and .* in the second network; make two of one kind$/,
  );
  for (const network of [one, other]) network.dispose();
});
