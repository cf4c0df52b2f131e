/**
 * VGG-19 with BatchNorm, as CFA reads it. Simonyan and Zisserman, "Very Deep Convolutional Networks" (ICLR 2015); names are torchvision's.
 */
import type { Tensor } from "../../core/index.ts";
import {
  applyNormRelu,
  type BatchNorm2d,
  type Build,
  type Conv2d,
  chain,
  convNorm,
  frugal,
  kaimingNormal,
  type Layer,
  MaxPool2d,
  ModuleList,
  zeros,
} from "../nn/index.ts";
import { Backbone, type LevelChannels, type LevelStrides } from "./backbone.ts";

/** Channels and convolutions of the five stages; a max-pool follows each. */
const stages = [
  [64, 2],
  [128, 2],
  [256, 4],
  [512, 4],
  [512, 4],
] as const;

type Stage = readonly [Conv2d, BatchNorm2d][];

export class Vgg19Bn extends Backbone {
  static readonly channels: LevelChannels = [256, 512, 512];
  static readonly strides: LevelStrides = [4, 8, 32];
  override readonly name = "vgg19_bn";
  override readonly channels = Vgg19Bn.channels;
  override readonly strides = Vgg19Bn.strides;
  override readonly deepestStride = 16;
  override readonly smallestSide = 32;
  readonly features: ModuleList<Layer>;
  readonly #stages: readonly Stage[];
  readonly #pool = new MaxPool2d({ kernelSize: 2 });

  constructor(build: Build) {
    super();
    const init = kaimingNormal({ mode: "fanOut", nonlinearity: "relu" });
    const conv = { kernelSize: 3, padding: 1, bias: true, init, biasInit: zeros };
    let from = 3;
    this.#stages = stages.map(([to, count]) =>
      Array.from({ length: count }, () => {
        const layers = convNorm(build, from, to, conv);
        from = to;
        return layers;
      }),
    );
    // ReLUs and pools have no names, only places
    const places = this.#stages.flatMap((stage) => [
      ...stage.flatMap((layers) => [...layers, undefined]),
      undefined,
    ]);
    this.features = this.child("features", new ModuleList<Layer>(places));
  }

  /** Max-pools leave out a last odd pixel: maps are rounded down. */
  override levelSides(side: number): readonly [number, number, number] {
    const [a, b, c] = this.strides;
    return [Math.floor(side / a), Math.floor(side / b), Math.floor(side / c)];
  }

  protected override deepestSide(side: number): number {
    return Math.floor(side / this.deepestStride);
  }

  /**
   * What `features.25`, `features.38` and `features.52` give.
   * reference: the last is CFA's choice, the pooled map; `features.51` would be the one at stride 16.
   */
  protected override levels(x: Tensor): Tensor[] {
    return frugal(x, () => {
      const [first, second, third, fourth, fifth] = this.#stages.map(
        (stage) => (y: Tensor) => this.#run(stage, y),
      ) as [Step, Step, Step, Step, Step];
      const pool: Step = (y) => this.#pool.forward(y);
      const one = chain(x, [first, pool, second, pool, third]);
      const two = chain(one, [pool, fourth]);
      return [one, two, chain(two, [pool, fifth, pool])];
    });
  }

  #run(stage: Stage, x: Tensor): Tensor {
    const steps = stage.map(
      ([conv, bn]) =>
        (y: Tensor) =>
          applyNormRelu(y, conv, bn),
    );
    return this.part([x], () => chain(x, steps));
  }
}

type Step = (x: Tensor) => Tensor;
