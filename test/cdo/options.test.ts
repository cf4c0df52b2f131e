/** The training options of CDO: every combination records, replays and goes on to the same bits; averaged weights are the model. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cdo, type CdoConfig, type CdoOptions, createCdo } from "../../src/cdo/index.ts";
import { type Device, openDevice, Rng } from "../../src/core/index.ts";
import { type StateDict, writeSafetensors } from "../../src/models/index.ts";

let device: Device;
let drawn: Pick<CdoOptions, "frozen" | "model">;
beforeAll(async () => {
  device = await openDevice({ onWarning: () => {} });
  const cdo = make();
  drawn = { frozen: await cdo.frozenState(), model: await cdo.modelState() };
  cdo.dispose();
});
afterAll(() => {
  expect(device.memory.stats().liveBuffers).toBe(0);
  device.close();
});

const side = 32;
const small = { backbone: "resnet10_half", imageSize: side, batchSize: 2, epochs: 4 } as const;
const make = (config: Partial<CdoConfig> = {}, rest: Partial<CdoOptions> = {}) =>
  createCdo({ device, config: { ...small, ...config }, seed: 1, ...rest });

const bytesOf = (state: StateDict) => Buffer.from(writeSafetensors(state));
const perEpoch = 2;

async function steps(cdo: Cdo, from: number, to: number): Promise<number[]> {
  const losses: number[] = [];
  for (let t = from; t < to; t++) {
    const at = { iteration: t, epoch: Math.floor(t / perEpoch), iterationsPerEpoch: perEpoch };
    const [loss] = await device.read(() => {
      const pixels = new Rng(t + 1).normalHost(2 * side * side * 3);
      const mask = new Float32Array(2 * side * side).fill(1, 300, 500);
      const images = device.tensor(pixels, [2, side, side, 3]);
      return [cdo.trainStep(images, device.tensor(mask, [2, side, side, 1]), at)];
    });
    losses.push(loss?.[0] as number);
  }
  return losses;
}

const combinations: Partial<CdoConfig>[] = [
  { loss: "l2", optimiser: "sgd", weightDecay: 1e-3, lrSchedule: "cosine" },
  { loss: "l1", optimiser: "adamw", betas: [0.9, 0.99], lrDecayAt: 0.25, ema: 0.9 },
  { loss: "cosine", version: "2023", warmupEpochs: 2, ema: 0.99 },
  { loss: "kl", lrSchedule: "exponential", lrDecay: 0.5, checkpointActivations: true },
  { loss: "l2", precision: "f16", ema: 0.9 },
  { loss: "cdo", optimiser: "sgd", momentum: 0, lrSchedule: "constant", ema: 0.5 },
];

test.each(combinations)(
  "recorded, anew and resumed it is the same training: %j",
  async (config) => {
    const whole = make(config, drawn);
    const losses = await steps(whole, 0, 5);
    const want = [bytesOf(await whole.modelState()), bytesOf(await whole.trainingState())];
    whole.dispose();
    expect(new Set(losses).size).toBe(5);
    expect(losses.every(Number.isFinite)).toBe(true);

    const anew = make(config, { ...drawn, record: false });
    expect(await steps(anew, 0, 5)).toEqual(losses);
    expect(bytesOf(await anew.modelState()).equals(want[0]!)).toBe(true);
    anew.dispose();

    const begun = make(config, drawn);
    await steps(begun, 0, 3);
    const [model, training] = [await begun.modelState(), await begun.trainingState()];
    begun.dispose();
    const resumed = make(config, { frozen: drawn.frozen, model });
    resumed.loadTrainingState(training);
    expect(await steps(resumed, 3, 5)).toEqual(losses.slice(3));
    expect(bytesOf(await resumed.modelState()).equals(want[0]!)).toBe(true);
    expect(bytesOf(await resumed.trainingState()).equals(want[1]!)).toBe(true);
    resumed.dispose();
  },
);

test("the losses fall, each by its own way", async () => {
  for (const loss of ["l2", "l1", "cosine", "kl"] as const) {
    const cdo = make({ loss, learningRate: 1e-3 }, drawn);
    const at = { iteration: 0, epoch: 0, iterationsPerEpoch: 1 };
    const values: number[] = [];
    for (let i = 0; i < 5; i++) {
      const [value] = await device.read(() => {
        const images = device.tensor(new Rng(7).normalHost(2 * side * side * 3), [
          2,
          side,
          side,
          3,
        ]);
        return [cdo.trainStep(images, device.zeros([2, side, side, 1]), at)];
      });
      values.push(value?.[0] as number);
    }
    expect(values[4]).toBeLessThan(values[0]!);
    expect(values[4]).toBeGreaterThanOrEqual(0);
    cdo.dispose();
  }
});

test("averaged weights are what is predicted with, saved and loaded, and training goes on without them", async () => {
  const images = () =>
    device.tensor(new Rng(9).normalHost(2 * side * side * 3), [2, side, side, 3]);
  const mapOf = async (cdo: Cdo) => [
    ...((await device.read(() => [cdo.predict(images())]))[0] ?? []),
  ];
  const [plain, averaged] = [make({}, drawn), make({ ema: 0.9 }, drawn)];
  expect(await mapOf(averaged)).toEqual(await mapOf(plain));
  expect(await steps(averaged, 0, 3)).toEqual(await steps(plain, 0, 3));
  const model = await averaged.modelState();
  expect(bytesOf(model).equals(bytesOf(await plain.modelState()))).toBe(false);
  const map = await mapOf(averaged);
  expect(map).not.toEqual(await mapOf(plain));
  const loaded = make({}, { frozen: drawn.frozen, model });
  expect(await mapOf(loaded)).toEqual(map);
  expect(averaged.trainingMemory().networks).toBeGreaterThan(plain.trainingMemory().networks);
  for (const cdo of [plain, averaged, loaded]) cdo.dispose();
});

test("the training state of averaged weights needs the weights that are trained", async () => {
  const cdo = make({ ema: 0.9 }, drawn);
  const state = await cdo.trainingState();
  const without = new Map([...state].filter(([name]) => !name.startsWith("trained.")));
  expect(() => cdo.loadTrainingState(without)).toThrow("trained.*: does not fit resnet10_half");
  cdo.dispose();
});
