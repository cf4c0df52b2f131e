/** A whole training step of a small network: forward, backward, SGD. Eleven of them must lead to the loss that PyTorch has. */
import { backward, mseLoss, program } from "../src/core/index.ts";
import { BatchNorm2d, Conv2d, hostTensor, ReLU, Sequential, SGD } from "../src/models/index.ts";
import { drawn, toNHWC } from "./inputs.ts";
import { sgdStep, sgdStepWeights } from "./networks.ts";
import { near, type Task } from "./task.ts";

const { images, target, channels, lr, eps, flops, eleventhLoss } = sgdStep;

export const sgdStepTask: Task = {
  name: "SGD step, 3 × (conv 3×3 + BatchNorm + ReLU), 8×64²×32",
  work: { flops },
  open(device) {
    const build = { device, rng: undefined };
    const weights = sgdStepWeights();
    const layers = weights.flatMap(({ shape }) => [
      new Conv2d(build, shape[1] as number, channels, { kernelSize: 3, padding: 1, bias: false }),
      new BatchNorm2d(build, channels, { eps }),
      new ReLU(),
    ]);
    const net = new Sequential(layers);
    layers.forEach((layer, i) => {
      const of = weights[i / 3];
      if (of) layer.loadStateDict(new Map([["weight", hostTensor("f32", of.shape, of.data)]]));
    });
    const optimiser = new SGD(net.namedParameters(), { lr });
    const x = device.tensor(
      toNHWC(drawn(8 * 3 * 64 * 64, images.seed), images.shape),
      [8, 64, 64, 3],
    );
    const y = device.tensor(
      toNHWC(drawn(8 * 32 * 64 * 64, target.seed), target.shape),
      [8, 64, 64, 32],
    );
    const step = program(device, (images, wanted) => {
      const loss = mseLoss(net.forward(images), wanted);
      backward(loss, undefined, { freeGraph: true });
      optimiser.step();
      optimiser.zeroGrad();
      return loss;
    });
    return {
      prepare: () => step.prepare([x, y]),
      queue: () => step(x, y),
      checkedCall: 11,
      check: near([[0, eleventhLoss]], 2e-6),
    };
  },
};
