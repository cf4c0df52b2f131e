/**
 * ResNet-18, -34, -50, Wide-ResNet-50-2 and ResNet-10 at half width up to layer3, which are the three levels: strides 4, 8, 16. layer4
 * and the classifier are left out, as timm leaves them out of a network of features. Zagoruyko and Komodakis (BMVC 2016) for the wide one.
 */
import { leakyRelu, relu, type Tensor } from "../../core/index.ts";
import { LoupeError } from "../../error.ts";
import {
  applyNormRelu,
  BatchNorm2d,
  type Build,
  Conv2d,
  chain,
  frugal,
  kaimingNormal,
  MaxPool2d,
  type Sequential,
} from "../nn/index.ts";
import { Backbone, type LevelChannels } from "./backbone.ts";
import { BasicBlock, Bottleneck, blocks } from "./residual.ts";

/** What tells the ResNets apart. */
export interface ResNetShape {
  readonly block: "basic" | "bottleneck";
  /** Blocks of layer1, layer2, layer3. */
  readonly counts: readonly [number, number, number];
  /** Channels inside a bottleneck as a multiple of the planes. */
  readonly widening?: number;
  /** Channels of the stem; the planes of layer1, layer2, layer3 are this, twice and four times this. Default 64. */
  readonly stem?: number;
}

export interface ResNetSettings {
  /**
   * Start the last BatchNorm of every block from 0, so that blocks start as the identity. Default true, as timm does;
   * reference: CDO's 2023 code builds on torchvision, which starts from 1.
   */
  readonly zeroInitLast?: boolean;
  /**
   * The levels are LeakyReLU with this slope of the sums before the last ReLU of each layer, as CFA's backbones give them; all else is
   * as without. Only ResNets know it.
   */
  readonly leakySum?: number;
}

export class ResNet extends Backbone {
  override readonly name: string;
  override readonly channels: LevelChannels;
  override readonly deepestStride = 16;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly layer1: Sequential;
  readonly layer2: Sequential;
  readonly layer3: Sequential;
  readonly #leakySum: number | undefined;
  readonly #pool = new MaxPool2d({ kernelSize: 3, stride: 2, padding: 1 });

  constructor(build: Build, name: string, shape: ResNetShape, settings: ResNetSettings = {}) {
    super();
    this.name = name;
    const { leakySum } = settings;
    checkLeakySum(leakySum);
    this.#leakySum = leakySum;
    const { stem: first = 64 } = shape;
    const planes = [first, 2 * first, 4 * first] as const;
    const init = kaimingNormal({ mode: "fanOut", nonlinearity: "relu" });
    const stem = { kernelSize: 7, stride: 2, padding: 3, bias: false, init };
    this.conv1 = this.child("conv1", new Conv2d(build, 3, first, stem));
    this.bn1 = this.child("bn1", new BatchNorm2d(build, first));
    const kind = shape.block === "basic" ? BasicBlock : Bottleneck;
    this.channels = planes.map((p) => p * kind.expansion) as unknown as LevelChannels;
    const lastScale = (settings.zeroInitLast ?? true) ? 0 : 1;
    const layer = (level: 0 | 1 | 2) => {
      const inChannels = level === 0 ? first : this.channels[level - 1];
      const size = {
        inChannels: inChannels as number,
        planes: planes[level],
        count: shape.counts[level],
      };
      const width = planes[level] * (shape.widening ?? 1);
      const stride = level === 0 ? 1 : 2;
      const endsAtSum = leakySum !== undefined;
      return blocks(kind, build, size, { stride, width, init, lastScale, endsAtSum });
    };
    this.layer1 = this.child("layer1", layer(0));
    this.layer2 = this.child("layer2", layer(1));
    this.layer3 = this.child("layer3", layer(2));
  }

  protected override levels(x: Tensor): Tensor[] {
    return frugal(x, () => {
      const one = chain(x, [(y) => this.#stem(y), (y) => this.layer1.forward(y)]);
      const two = this.layer2.forward(this.#entering(one));
      const three = this.layer3.forward(this.#entering(two));
      return [this.#leaving(one), this.#leaving(two), this.#leaving(three)];
    });
  }

  /** What the next layer reads of what a layer gave. */
  #entering(y: Tensor): Tensor {
    return this.#leakySum === undefined ? y : relu(y);
  }

  #leaving(y: Tensor): Tensor {
    return this.#leakySum === undefined ? y : leakyRelu(y, this.#leakySum);
  }

  #stem(x: Tensor): Tensor {
    const conv = (y: Tensor) => applyNormRelu(y, this.conv1, this.bn1);
    return this.part([x], () => chain(x, [conv, (y) => this.#pool.forward(y)]));
  }
}

function checkLeakySum(slope: number | undefined): void {
  if (slope === undefined || Number.isFinite(slope)) return;
  throw new LoupeError("config", `createBackbone: leakySum is a slope, a number, got ${slope}`);
}
