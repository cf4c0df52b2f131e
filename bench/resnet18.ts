/**
 * All of ResNet-18, one image of 224 × 224 in evaluation mode. The package's own stops at layer3, which is all that features need;
 * here follow layer4, the pooling and the classifier, of the same blocks.
 */
import { adaptiveAvgPool2d, noGrad, program, reshape, type Tensor } from "../src/core/index.ts";
import { BasicBlock, blocks } from "../src/models/backbones/residual.ts";
import {
  type Build,
  findBackbone,
  hostTensor,
  Layer,
  Linear,
  type ResNet,
  type Sequential,
} from "../src/models/index.ts";
import { drawn, toNHWC } from "./inputs.ts";
import { resnet18Flops, resnet18Image, resnet18Logits, resnet18Numbers } from "./networks.ts";
import { near, type Point, type Task } from "./task.ts";

class Classifier extends Layer {
  readonly #features: ResNet;
  readonly #layer4: Sequential;
  readonly #fc: Linear;

  constructor(build: Build) {
    super();
    this.#features = findBackbone("resnet18").create(build, { zeroInitLast: false }) as ResNet;
    const { conv1, bn1, layer1, layer2, layer3 } = this.#features;
    const named = { conv1, bn1, layer1, layer2, layer3 };
    for (const [name, part] of Object.entries(named)) this.child(name, part);
    const size = { inChannels: 256, planes: 512, count: 2 };
    this.#layer4 = this.child("layer4", blocks(BasicBlock, build, size, { stride: 2 }));
    this.#fc = this.child("fc", new Linear(build, 512, 1000));
    this.#features.eval();
    this.eval();
  }

  forward(x: Tensor): Tensor {
    return noGrad(() =>
      x.device.scope(() => {
        const deepest = this.#features.forward(x)[2] as Tensor;
        const pooled = adaptiveAvgPool2d(this.#layer4.forward(deepest), 1);
        return this.#fc.forward(reshape(pooled, [x.shape[0] as number, 512]));
      }),
    );
  }
}

export const resnet18Task: Task = {
  name: "ResNet-18 forward, 1×224²",
  work: { flops: resnet18Flops },
  open(device) {
    const net = new Classifier({ device, rng: undefined });
    const numbers = [...resnet18Numbers()];
    net.loadStateDict(
      new Map(numbers.map(([name, { shape, data }]) => [name, hostTensor("f32", shape, data)])),
    );
    const { shape, seed } = resnet18Image;
    const image = toNHWC(drawn(3 * 224 * 224, seed), shape);
    const x = device.tensor(image, [1, 224, 224, 3]);
    const forward = program(device, (images) => net.forward(images));
    return {
      prepare: () => forward.prepare([x]),
      queue: () => forward(x),
      check: near(logitPoints, 1e-3, 1e-4),
    };
  },
};

const [first, second, middle, last] = resnet18Logits;

/** Places and values, for every engine. */
export const logitPoints: readonly Point[] = [
  [0, first],
  [1, second],
  [500, middle],
  [999, last],
];
