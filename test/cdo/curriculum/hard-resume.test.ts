/** Order, weights and γ at work in a training: recorded or not, cut or whole, the bits are the same, and they do change it. */
import { expect, test } from "vitest";
import { type CdoConfig, createCdo } from "../../../src/cdo/index.ts";
import type { Batch } from "../../../src/data/index.ts";
import { permutation, seededRandom } from "../../../src/data/index.ts";
import { fit, type Progress } from "../../../src/detector/index.ts";
import { testDevice } from "../../device.ts";
import { u01 } from "../../golden.ts";
import { samplesOf } from "./surroundings.ts";

const device = await testDevice();
const [side, epochs, batchSize, seed] = [32, 3, 3, 7];
const labels = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1] as const;
const samples = samplesOf(labels);
const steps = Math.ceil(labels.length / batchSize);

/** Noise of a level of its own; a square on it is abnormal, in each epoch another one, or none. */
function batchOf(places: readonly number[], epoch: number, clean = false): Batch {
  const pixels = side * side;
  const images = new Float32Array(places.length * pixels * 3);
  const masks = new Float32Array(places.length * pixels);
  places.forEach((place, i) => {
    const u = u01(`training image ${place}`, pixels * 3);
    const at = (place * 5 + epoch * 3) % 20;
    for (let k = 0; k < pixels; k++) {
      const [y, x] = [Math.floor(k / side), k % side];
      const inside = y >= at && y < at + 10 && x >= at && x < at + 8;
      const marked = !clean && inside && (place + epoch) % 3 > 0;
      masks[i * pixels + k] = marked ? 0.5 : 0;
      for (let c = 0; c < 3; c++) {
        const value = (u[k * 3 + c] as number) * (1 + place / 5) - place / 10;
        images[(i * pixels + k) * 3 + c] = marked ? 2 - value : value;
      }
    }
  });
  const chosen = places.map((place) => samples[place]!);
  return {
    ...{ size: places.length, side, images, masks },
    labels: Uint8Array.from(chosen, ({ label }) => label),
    paths: chosen.map(({ path }) => path),
    indices: Uint32Array.from(places),
  };
}

async function* inBatches(order: readonly number[], epoch: number, clean = false) {
  for (let at = 0; at < order.length; at += batchSize) {
    yield batchOf(order.slice(at, at + batchSize), epoch, clean);
  }
}

const set = {
  ...{ samples, seed },
  clean: (places: readonly number[]) => inBatches(places, 0, true),
  probe: (places: readonly number[]) => inBatches(places, 99),
};

interface Run {
  readonly curriculum?: CdoConfig["curriculum"];
  readonly record?: boolean;
  /** Other settings than the default. */
  readonly settings?: Partial<CdoConfig>;
  /** After how many steps it is cut and goes on from what was saved. */
  readonly cuts?: readonly number[];
}

/** The losses of all steps, what the epochs' scalars were, and the weights at the end. */
async function train({ curriculum, settings, record = true, cuts = [] }: Run) {
  const config = {
    ...{ backbone: "resnet10_half", imageSize: side, batchSize, epochs, learningRate: 1e-3 },
    ...(curriculum ? { curriculum } : {}),
    ...settings,
  };
  const [losses, scalars]: [number[], unknown[]] = [[], []];
  let detector = createCdo({ device, config, seed, record });
  let start: Progress = { epoch: 0, step: 0 };
  for (const end of [...cuts, Number.POSITIVE_INFINITY]) {
    await detector.beginTraining(set);
    const stop = new AbortController();
    start = await fit(detector, {
      ...{ start, stepsPerEpoch: steps, signal: stop.signal },
      batches: (epoch, firstStep, plan) => {
        const order = plan?.order ?? permutation(labels.length, seededRandom(seed, epoch));
        return inBatches([...order].slice(firstStep * batchSize), epoch);
      },
      onStep: ({ iteration, loss }) => {
        losses[iteration] = loss;
        if (iteration + 1 >= end) stop.abort();
      },
      onEpoch: (epoch, _, plan) => {
        scalars[epoch] = plan?.scalars;
      },
    });
    if (start.epoch === epochs) break;
    const [frozen, model, rest] = [
      await detector.frozenState(),
      await detector.modelState(),
      await detector.trainingState(),
    ];
    detector.dispose();
    detector = createCdo({ device, config, seed, record, frozen, model });
    detector.loadTrainingState(rest);
  }
  const state = await detector.modelState();
  detector.dispose();
  return { losses, scalars, state: [...state].map(([k, { data }]) => [k, [...data]]) };
}

const cases: Readonly<Record<string, CdoConfig["curriculum"]>> = {
  "hard weights, hardest images first, γ from −1": {
    weights: { name: "hard" },
    order: { ordering: "anti", difficulty: { name: "entropy" } },
    gamma: { from: -1, to: 2 },
  },
  "SuperLoss and a random order in buckets": {
    weights: { name: "superloss" },
    order: { ordering: "random", pacing: { name: "one-pass", buckets: 2 } },
  },
  "OHEM, soft sampling by the expert's eyes, γ for each kind of pixel": {
    weights: { name: "ohem" },
    order: { difficulty: { name: "teacher-knn", bank: 0.5 }, pacing: { name: "soft" } },
    gamma: { from: 0, to: 2, abnormal: { from: 2, to: 1 } },
  },
};

const plain = await train({});

for (const [what, curriculum] of Object.entries(cases)) {
  test(`${what}: cut in an epoch, at its end, replayed or not, it is the same training`, async () => {
    const whole = await train({ ...(curriculum && { curriculum }) });
    expect(whole.losses).toHaveLength(steps * epochs);
    expect(whole.losses.every(Number.isFinite)).toBe(true);
    expect(whole.losses).not.toEqual(plain.losses);
    expect(await train({ ...(curriculum && { curriculum }), cuts: [2, 8] })).toEqual(whole);
    expect(await train({ ...(curriculum && { curriculum }), record: false })).toEqual(whole);
  });
}

test("a constant γ of 2 and weights that never leave 1 are the training without a curriculum", async () => {
  const curriculum: CdoConfig["curriculum"] = {
    gamma: { from: 2, to: 2 },
    weights: { name: "hard", schedule: { name: "constant", c: 1 } },
    order: {
      ordering: "random",
      pacing: { name: "continuous", schedule: { name: "constant", c: 1 } },
    },
  };
  const { losses, state } = await train({ ...(curriculum && { curriculum }) });
  expect({ losses, state }).toEqual({ losses: plain.losses, state: plain.state });
});

test.runIf(device.features.has("shader-f16"))(
  "in half precision, and with activations made again, a replayed step has the bits of a computed one",
  async () => {
    const curriculum = cases["hard weights, hardest images first, γ from −1"] as object;
    const settings = { precision: "f16", checkpointActivations: true } as const;
    const whole = await train({ curriculum, settings });
    expect(whole.losses.every(Number.isFinite)).toBe(true);
    expect(await train({ curriculum, settings, record: false })).toEqual(whole);
  },
);
