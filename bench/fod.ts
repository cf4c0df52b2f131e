/** FOD: a training step and a map on numbers that PyTorch has too, and one image from its file to its map. */
import type { Device } from "../src/core/index.ts";
import { createFod, type FodConfig } from "../src/fod/index.ts";
import { type HostTensor, hostTensor, type StateDict } from "../src/models/index.ts";
import { drawn, toNHWC } from "./inputs.ts";
import { fodStep, resnet18Numbers } from "./networks.ts";
import { predictionTask } from "./pieces.ts";
import { near, type Task } from "./task.ts";

const { image, levels } = fodStep;
const [batch, , side] = image.shape;
/** As PyTorch trains it today, where gradients are none after a step. */
const config: Partial<FodConfig> = {
  backbone: "resnet18",
  imageSize: side,
  batchSize: batch,
  optimisers: "separate",
};

async function open(device: Device) {
  const reference: StateDict = new Map(
    levels.map(({ level, channels, tokens, seed }) => [
      `layer${level}`,
      hostTensor("f32", [channels, tokens], drawn(channels * tokens, seed)),
    ]),
  );
  const teacher: StateDict = new Map(
    [...resnet18Numbers()].map(([name, n]) => [name, hostTensor("f32", n.shape, n.data)]),
  );
  const detector = createFod({ device, config, teacher, reference, seed: 1 });
  const state = await detector.modelState();
  const numbers = levels.flatMap(({ level, seed }) =>
    [...state]
      .filter(([name]) => name.startsWith(`level${level}.`))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { shape }], i) => [name, numbersOf(name, shape, seed + 1 + i)] as const),
  );
  detector.loadModelState(new Map([...state, ...numbers]));
  const x = toNHWC(drawn(batch * 3 * side ** 2, image.seed, 2), image.shape);
  return { detector, input: device.tensor(x, [batch, side, side, 3]) };
}

function numbersOf(name: string, shape: readonly number[], seed: number): HostTensor {
  const fan = shape.slice(1).reduce((a, b) => a * b, 1);
  const size = fan * (shape[0] as number);
  const data = drawn(size, seed, shape.length === 1 ? 0.1 : 1 / Math.sqrt(fan));
  const one = shape.length === 1 && name.endsWith("weight");
  return hostTensor("f32", shape, one ? data.map((v) => v + 1) : data);
}

/** Features; of each level a forward pass with six correlations, their divergences, all gradients, Adam. */
export const fodStepTask: Task = {
  name: `FOD training step, resnet18, ${batch}×${side}²`,
  work: { images: batch },
  async open(device) {
    const { detector, input } = await open(device);
    const masks = device.zeros([batch, side, side, 1]).keep();
    const at = { epoch: 0, iteration: 0, iterationsPerEpoch: 100 };
    return {
      prepare: () => detector.prepareTraining(),
      queue: () => detector.trainStep(input, masks, at),
      check: near([[0, fodStep.loss]], 1e-4),
    };
  },
};

export const fodMapTask: Task = {
  name: `FOD map, resnet18, ${batch}×${side}²`,
  work: { images: batch },
  async open(device) {
    const { detector, input } = await open(device);
    return {
      prepare: () => detector.preparePrediction(batch),
      queue: () => detector.predict(input),
      check: near(fodStep.map, 1e-3, 0),
    };
  },
};

export const fodPredictTask = predictionTask(
  `FOD prediction, resnet18, PNG file to map of ${side}²`,
  async (device) => (await open(device)).detector,
);
