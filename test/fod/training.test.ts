/** A training of FOD that is stopped, saved and taken up again ends in the same bits; and its memory. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDevice, Rng } from "../../src/core/index.ts";
import { type FitOptions, fit, type Progress, RunFolder } from "../../src/detector/index.ts";
import { createFod, type Fod, type FodConfig } from "../../src/fod/index.ts";
import { hostTensor, writeSafetensors } from "../../src/models/index.ts";
import { these } from "../detector/fakes.ts";
import { testDevice } from "../device.ts";

const device = await testDevice();
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "loupe-fod-"));
});
afterAll(() => rm(folder, { recursive: true }));

const side = 32;
const stepsPerEpoch = 3;
const config: Partial<FodConfig> = {
  backbone: "resnet10_half",
  imageSize: side,
  levels: [1, 2],
  widths: [8, 16],
  heads: 2,
  layers: 1,
  batchSize: 2,
  epochs: 3,
};

const pixels = (n: number, ...from: number[]) =>
  from.reduce((rng, i) => rng.fork(i), new Rng(7)).normalHost(n * side * side * 3);

/** Batches of 2, 2 and 1 images. */
const batches: FitOptions["batches"] = (epoch, first) =>
  these(
    Array.from({ length: stepsPerEpoch - first }, (_, i) => {
      const size = first + i === stepsPerEpoch - 1 ? 1 : 2;
      const paths = Array.from({ length: size }, (_, j) => `${epoch}-${first + i}-${j}.png`);
      return {
        size,
        side,
        images: pixels(size, epoch, first + i),
        masks: new Float32Array(size * side * side),
        labels: new Uint8Array(size),
        paths,
        indices: new Uint32Array(size),
      };
    }),
  );

const reference = new Map(
  [64, 128].map((channels, i) => {
    const shape = [channels, (side / (8 << i)) ** 2];
    const data = new Rng(3).fork(i).uniformHost(shape[0]! * shape[1]!, 0, 1);
    return [`layer${i + 1}`, hostTensor("f32", shape, data)];
  }),
);

/** Trains on from `start` to the step with iteration `last`. Tells losses, and the scalars of each epoch that ended. */
async function train(fod: Fod, start: Progress, last?: number) {
  const controller = new AbortController();
  async function* stopping(epoch: number, first: number) {
    let iteration = epoch * stepsPerEpoch + first;
    for await (const batch of batches(epoch, first, undefined)) {
      if (iteration++ === last) controller.abort();
      yield batch;
    }
  }
  const losses: number[] = [];
  const scalars: Readonly<Record<string, number>>[] = [];
  const end = await fit(fod, {
    batches: stopping,
    stepsPerEpoch,
    start,
    signal: controller.signal,
    onEpoch: () => void scalars.push(fod.epochScalars()),
    onStep: ({ loss }) => void losses.push(loss),
  });
  return { end, losses, scalars };
}

/** Everything that training changes, as the bytes of a file. */
const bytesOf = async (fod: Fod) =>
  writeSafetensors(new Map([...(await fod.modelState()), ...(await fod.trainingState())]));

async function save(fod: Fod, run: RunFolder, progress: Progress): Promise<void> {
  const [model, training] = [await fod.modelState(), await fod.trainingState()];
  await run.saveCheckpoint({ progress, model, training, extra: {} });
}

/** A detector made anew from what lies in the folder. */
async function reopen(path: string): Promise<{ fod: Fod; progress: Progress; run: RunFolder }> {
  const run = await RunFolder.open(path);
  const { config: saved, seed } = await run.record();
  const checkpoint = await run.loadCheckpoint();
  const { model, training, progress } = checkpoint!;
  await run.goOn(checkpoint);
  const fod = createFod({ device, config: saved, frozen: await run.loadFrozen(), model, seed });
  fod.loadTrainingState(training);
  return { fod, progress, run };
}

const beginning = { epoch: 0, step: 0 };

for (const optimisers of ["shared", "separate"] as const) {
  test(`${optimisers}: stops after the first step, inside an epoch and after one change no bit`, async () => {
    const whole = createFod({ device, config: { ...config, optimisers }, reference, seed: 3 });
    const all = await train(whole, beginning);
    const wanted = await bytesOf(whole);
    whole.dispose();

    const first = createFod({ device, config: { ...config, optimisers }, reference, seed: 3 });
    const path = join(folder, optimisers);
    const { method, config: saved } = first;
    const run = await RunFolder.create(path, {
      method,
      config: saved,
      data: {},
      seed: 3,
      weights: { source: "random" },
      environment: {},
    });
    await run.saveFrozen(await first.frozenState());
    const told = [await train(first, beginning, 0)];
    await save(first, run, told[0]!.end);
    first.dispose();
    for (const last of [4, 5, undefined]) {
      const { fod, progress, run } = await reopen(path);
      told.push(await train(fod, progress, last));
      await save(fod, run, told.at(-1)!.end);
      if (last === undefined) expect(Buffer.compare(await bytesOf(fod), wanted)).toBe(0);
      fod.dispose();
    }
    expect(told.map(({ end }) => end)).toEqual([
      { epoch: 0, step: 1 },
      { epoch: 1, step: 2 },
      { epoch: 2, step: 0 },
      { epoch: 3, step: 0 },
    ]);
    expect(told.flatMap(({ losses }) => losses)).toEqual(all.losses);
    expect(told.flatMap(({ scalars }) => scalars)).toEqual(all.scalars);
    const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    for (const [e, { rec1, rec2 }] of all.scalars.entries()) {
      const losses = all.losses.slice(3 * e, 3 * e + 3);
      expect((rec1! + rec2!) / 2).toBeCloseTo(mean(losses), 5);
    }
  });
}

test("the two kinds of optimisers don't come to the same", async () => {
  // what the comparison above is worth
  const ends = [];
  for (const optimisers of ["shared", "separate"])
    ends.push((await reopen(join(folder, optimisers))).fod);
  const [a, b] = await Promise.all(ends.map(bytesOf));
  expect(Buffer.compare(a!, b!)).not.toBe(0);
  for (const fod of ends) fod.dispose();
});

test("a training state of other levels is refused", async () => {
  const one = createFod({ device, config: { ...config, levels: [1], widths: [8] }, seed: 1 });
  const two = createFod({ device, config, seed: 1 });
  const [small, large] = [await one.trainingState(), await two.trainingState()];
  expect(() => one.loadTrainingState(large)).toThrow(
    'FOD: names in its training state begin with level1., but one is "level2.param_groups.lr"; give that of a run with the same levels',
  );
  expect(() => two.loadTrainingState(small)).toThrow("param_groups.beta1 is missing");
  one.dispose();
  two.dispose();
});

test("a training takes as much memory at its end as after its beginning", async () => {
  const fod = createFod({
    device,
    config: { ...config, levels: [1], widths: [8] },
    reference,
    seed: 1,
  });
  const step = (i: number) =>
    device.read(() => {
      const images = device.tensor(pixels(1, i % 5), [1, side, side, 3]);
      const at = { iteration: i, epoch: 0, iterationsPerEpoch: 100 };
      return [fod.trainStep(images, device.zeros([1, side, side, 1]), at)];
    });
  const taken = () => {
    const { liveBytes, liveBuffers } = device.memory.stats();
    return { liveBytes, liveBuffers };
  };
  for (let i = 0; i < 3; i++) await step(i);
  const before = taken();
  for (let i = 3; i < 100; i++) await step(i);
  expect(taken()).toEqual(before);
  fod.dispose();
});

test("memory of a step grows with the tokens, not with their square", async () => {
  const own = await openDevice({ onWarning: () => {} });
  const planned = (imageSize: number) => {
    const fod = createFod({
      device: own,
      config: { backbone: "resnet10_half", imageSize },
      seed: 1,
    });
    const { plan, networks, optimiser } = fod.trainingMemory();
    fod.dispose();
    return { peak: plan.peak, networks, optimiser };
  };
  const [one, two] = [planned(256), planned(512)];
  expect(two.peak / one.peak).toBeLessThan(4.2);
  // one correlation map of the finer level, of which the reference code keeps twelve
  const [heads, tokens, bytes] = [8, 64 * 64, 4];
  expect(two.peak).toBeLessThan(heads * tokens ** 2 * bytes);
  expect(two.optimiser).toBe(one.optimiser);
  expect(two.networks).toBeGreaterThan(one.networks); // by the reference
  own.close();
});
