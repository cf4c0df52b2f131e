/** CFA: a training step and a map on numbers that PyTorch has too, and one image from its file to its map. */
import { type CfaConfig, createCfa } from "../src/cfa/index.ts";
import type { Device } from "../src/core/index.ts";
import { hostTensor, type StateDict } from "../src/models/index.ts";
import { drawn, toNHWC } from "./inputs.ts";
import { cfaStep, resnet18Numbers } from "./networks.ts";
import { predictionTask } from "./pieces.ts";
import { near, type Task } from "./task.ts";

const { images, centres, channels } = cfaStep;
const [batch, , side] = images.shape;
const config: Partial<CfaConfig> = { backbone: "resnet18", imageSize: side, batchSize: batch };

function open(device: Device) {
  const scale = 1 / Math.sqrt(channels + 2);
  const numbers: readonly (readonly [string, readonly number[], Float32Array])[] = [
    ["r", [1], Float32Array.of(1e-5)],
    ["C", [channels, centres], drawn(channels * centres, 202)],
    [
      "Descriptor.layer.conv.weight",
      [channels, channels + 2, 1, 1],
      drawn(channels * (channels + 2), 200, scale),
    ],
    ["Descriptor.layer.conv.bias", [channels], drawn(channels, 201, scale)],
  ];
  const model: StateDict = new Map(
    numbers.map(([name, shape, data]) => [name, hostTensor("f32", shape, data)]),
  );
  const teacher: StateDict = new Map(
    [...resnet18Numbers()].map(([name, n]) => [name, hostTensor("f32", n.shape, n.data)]),
  );
  const detector = createCfa({ device, config, teacher, model, seed: 1 });
  const x = toNHWC(drawn(batch * 3 * side ** 2, images.seed, 2), images.shape);
  return { detector, x };
}

/** Features, descriptor, six nearest of 3136 centres for each of 12,544 patches, both gradients, AdamW. */
export const cfaStepTask: Task = {
  name: `CFA training step, resnet18, ${batch}×${side}²`,
  work: { images: batch },
  open(device) {
    const { detector, x } = open(device);
    const input = device.tensor(x, [batch, side, side, 3]);
    const masks = device.zeros([batch, side, side, 1]).keep();
    const at = { epoch: 0, iteration: 0, iterationsPerEpoch: 100 };
    return {
      prepare: () => detector.prepareTraining(),
      queue: () => detector.trainStep(input, masks, at),
      check: near([[0, cfaStep.loss]], 1e-4),
    };
  },
};

export const cfaMapTask: Task = {
  name: `CFA map, resnet18, 1×${side}²`,
  work: { images: 1 },
  open(device) {
    const { detector, x } = open(device);
    const input = device.tensor(x.slice(0, side ** 2 * 3), [1, side, side, 3]);
    return {
      prepare: () => detector.preparePrediction(1),
      queue: () => detector.predict(input),
      check: near(cfaStep.map, 1e-4),
    };
  },
};

export const cfaPredictTask = predictionTask(
  `CFA prediction, resnet18, PNG file to map of ${side}²`,
  (device) => open(device).detector,
);
