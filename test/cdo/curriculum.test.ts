/** A curriculum in a training: nothing changes without one, the same seed gives the same training, and a resumed one too. */
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type Cdo,
  type CdoConfig,
  type CurriculumConfig,
  createCdo,
  curriculumOfWords,
} from "../../src/cdo/index.ts";
import { type Device, openDevice, Rng } from "../../src/core/index.ts";
import type { Batch, Sample, Synthesis } from "../../src/data/index.ts";
import { type EpochPlan, fit, type Progress, type TrainingSet } from "../../src/detector/index.ts";
import { type StateDict, writeSafetensors } from "../../src/models/index.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice({ onWarning: () => {} });
});
afterAll(() => {
  expect(device.memory.stats().liveBuffers).toBe(0);
  device.close();
});

const side = 32;
const count = 10;
const batchSize = 4;
const samples: Sample[] = Array.from({ length: count }, (_, i) => ({
  path: `/good/${i}.png`,
  label: 0,
  defect: "good",
  className: "thing",
}));

/** Images made of their place, masks of what the plan says: everything that reaches the detector shows in its state. */
function batchOf(places: Uint32Array, epoch: number, synthesis?: Synthesis): Batch {
  const pixels = side * side;
  const images = new Float32Array(places.length * pixels * 3);
  const masks = new Float32Array(places.length * pixels);
  places.forEach((place, i) => {
    images.set(new Rng(place * 1000 + epoch).normalHost(pixels * 3), i * pixels * 3);
    const { texture } = synthesis ?? {};
    const s =
      texture && "strength" in texture && texture.strength.kind === "fixed"
        ? texture.strength.s
        : 0;
    const wide = 4 + Math.round(8 * s);
    for (let y = 8; y < 8 + wide; y++)
      masks.fill(1, i * pixels + y * side + 8, i * pixels + y * side + 8 + wide);
  });
  const paths = Array.from(places, (place) => samples[place]!.path);
  const labels = new Uint8Array(places.length);
  return { size: places.length, side, images, masks, labels, paths, indices: places };
}

const set: TrainingSet = {
  samples,
  seed: 3,
  async *clean(places) {
    for (let at = 0; at < places.length; at += batchSize) {
      yield {
        ...batchOf(Uint32Array.from(places.slice(at, at + batchSize)), 0),
        masks: new Float32Array(Math.min(batchSize, places.length - at) * side * side),
      };
    }
  },
  async *probe(places, synthesis, key) {
    for (let at = 0; at < places.length; at += batchSize) {
      yield batchOf(Uint32Array.from(places.slice(at, at + batchSize)), 999 + key, synthesis);
    }
  },
};

async function* batches(epoch: number, first: number, plan: EpochPlan | undefined) {
  const order =
    plan?.order ?? Uint32Array.from({ length: count }, (_, i) => (i * 3 + epoch) % count);
  for (let at = first * batchSize; at < order.length; at += batchSize) {
    yield batchOf(order.slice(at, at + batchSize), epoch, plan?.synthesis);
  }
}

const make = (curriculum: CurriculumConfig | null | undefined, more: Partial<CdoConfig> = {}) =>
  createCdo({
    device,
    config: {
      backbone: "resnet10_half",
      imageSize: side,
      batchSize,
      epochs: 3,
      ...(curriculum === undefined ? {} : { curriculum }),
      ...more,
    },
    seed: 3,
  });

const stepsPerEpoch = Math.ceil(count / batchSize);

/** Trains `steps` more steps from `start` on. */
async function train(cdo: Cdo, start: Progress, steps = 9): Promise<Progress> {
  const stop = new AbortController();
  let left = steps;
  return fit(cdo, {
    batches: async function* (epoch, first, plan) {
      for await (const batch of batches(epoch, first, plan)) {
        if (--left === 0) stop.abort();
        yield batch;
      }
    },
    stepsPerEpoch,
    start,
    signal: stop.signal,
  });
}

const bytesOf = async (cdo: Cdo) =>
  Buffer.from(
    writeSafetensors(new Map([...(await cdo.modelState()), ...(await cdo.trainingState())])),
  ).toString("base64");

async function whole(cdo: Cdo): Promise<string> {
  await cdo.beginTraining(set);
  await train(cdo, { epoch: 0, step: 0 });
  const bytes = await bytesOf(cdo);
  cdo.dispose();
  return bytes;
}

/** Everything at once: an order, anomalies, weights and γ. */
const all = () =>
  curriculumOfWords("order:teacher-knn freq:step:k=3 spl-linear oom-warmup") as CurriculumConfig;

test("no curriculum, null and a curriculum of constants that change nothing are the same training to the bit", async () => {
  const none = await whole(make(undefined));
  expect(await whole(make(null))).toBe(none);
  expect(await whole(make({ gamma: { from: 2, to: 2 } }))).toBe(none);
});

test("the same seed gives the same training, and the curriculum is part of it", async () => {
  const once = await whole(make(all()));
  expect(await whole(make(all()))).toBe(once);
  expect(await whole(make(undefined))).not.toBe(once);
});

test("what is recorded has the bits of what is computed step by step", async () => {
  const cdo = createCdo({
    device,
    config: { backbone: "resnet10_half", imageSize: side, batchSize, epochs: 3, curriculum: all() },
    seed: 3,
    record: false,
  });
  expect(await whole(cdo)).toBe(await whole(make(all())));
});

const learning = ["selector", "gate:freq", "plateau:freq"].map(
  (name) => [name, () => curriculumOfWords(name)] as const,
);

test.each([["all places", all] as const, ...learning])(
  "%s: stopped after any step and gone on with, it ends in the same bits",
  async (_, curriculum) => {
    const config = curriculum() as CurriculumConfig;
    const straight = await whole(make(config));
    for (const steps of [3, 5]) {
      const first = make(config);
      await first.beginTraining(set);
      const at = await train(first, { epoch: 0, step: 0 }, steps);
      const [model, training, frozen] = [
        await first.modelState(),
        await first.trainingState(),
        await first.frozenState(),
      ];
      first.dispose();
      const second = resumed(config, { model, training, frozen });
      await second.beginTraining(set);
      await train(second, at);
      expect(await bytesOf(second), `after ${steps} steps`).toBe(straight);
      second.dispose();
    }
  },
  60_000,
);

function resumed(
  curriculum: CurriculumConfig,
  { model, training, frozen }: Record<"model" | "training" | "frozen", StateDict>,
): Cdo {
  const config = { backbone: "resnet10_half", imageSize: side, batchSize, epochs: 3, curriculum };
  const cdo = createCdo({ device, config, seed: 3, model, frozen });
  cdo.loadTrainingState(training);
  return cdo;
}

test("a resumed training looks at nothing that its state holds, and refuses to begin without it", async () => {
  const config = curriculumOfWords("order:entropy selector") as CurriculumConfig;
  const first = make(config);
  expect(() => first.planEpoch(0)).toThrow("planEpoch before beginTraining");
  await first.beginTraining(set);
  const at = await train(first, { epoch: 0, step: 0 }, 4);
  const training = await first.trainingState();
  const states = { model: await first.modelState(), frozen: await first.frozenState(), training };
  const plan = first.planEpoch(at.epoch);
  first.dispose();

  const second = resumed(config, states);
  const blind: TrainingSet = {
    ...set,
    clean: () => expect.fail("it looked"),
    probe: () => expect.fail("it looked"),
  };
  await second.beginTraining(blind);
  expect(second.planEpoch(at.epoch)).toEqual(plan);
  second.dispose();

  const without = new Map([...training].filter(([name]) => name !== "curriculum"));
  const third = make(config);
  expect(() => third.loadTrainingState(without)).toThrow("curriculum: the state lacks `order`");
  third.loadTrainingState(training);
  const fewer = { ...set, samples: samples.slice(1) };
  await expect(third.beginTraining(fewer)).rejects.toThrow(
    "the state must hold a score for each normal image (9), got 10 of them",
  );
  third.dispose();
});

test("the state of another curriculum is refused", async () => {
  const cdo = make(all());
  await cdo.beginTraining(set);
  await train(cdo, { epoch: 0, step: 0 }, 2);
  const training = await cdo.trainingState();
  const without = new Map([...training].filter(([name]) => name !== "curriculum"));
  cdo.loadTrainingState(training);
  expect(() => cdo.loadTrainingState(without)).toThrow("curriculum: the state lacks");
  const broken = new Map(training).set("curriculum", {
    dtype: "u8",
    shape: [2],
    data: Uint8Array.of(0x7b, 0x7b),
  });
  expect(() => cdo.loadTrainingState(broken)).toThrow("the state of the curriculum is not JSON");
  cdo.dispose();
});

test("a curriculum that nothing would come of is refused", () => {
  const gamma = { gamma: { from: 0, to: 2 } };
  expect(() => make(gamma, { oom: false })).toThrow("curriculum.gamma has no effect without oom");
  expect(() => make(curriculumOfWords("freq:linear"), { mom: false })).toThrow(
    "curriculum.synthesis has no effect without mom",
  );
  expect(() => make(gamma, { gamma: 3 })).toThrow("gamma has no effect beside curriculum.gamma");
});
