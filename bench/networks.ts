/**
 * The numbers of the two networks that every engine runs: shapes under PyTorch's names, in PyTorch's layouts, and values that follow
 * from a tensor's place in the list. No engine gets a BatchNorm that does nothing.
 */
import { drawn } from "./inputs.ts";

/** A tensor as PyTorch has it. */
export interface Numbers {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

type Shapes = readonly (readonly [name: string, shape: readonly number[]])[];

const normParts = ["weight", "bias", "running_mean", "running_var"] as const;

function convNorm(conv: string, norm: string, o: number, i: number, k: number): Shapes {
  return [
    [`${conv}.weight`, [o, i, k, k]],
    ...normParts.map((p) => [`${norm}.${p}`, [o]] as const),
  ];
}

/** Planes and stride of the four layers, of two basic blocks each. */
export const resnet18Layers = [
  [64, 1],
  [128, 2],
  [256, 2],
  [512, 2],
] as const;

/** Every tensor of torchvision's `resnet18` but the counters, in its order. */
export function resnet18Shapes(): Shapes {
  const shapes = [...convNorm("conv1", "bn1", 64, 3, 7)];
  let from = 64;
  for (const [l, [planes, stride]] of resnet18Layers.entries()) {
    for (const b of [0, 1]) {
      const at = `layer${l + 1}.${b}`;
      shapes.push(...convNorm(`${at}.conv1`, `${at}.bn1`, planes, from, 3));
      shapes.push(...convNorm(`${at}.conv2`, `${at}.bn2`, planes, planes, 3));
      const projected = b === 0 && (stride !== 1 || from !== planes);
      if (projected) {
        shapes.push(...convNorm(`${at}.downsample.0`, `${at}.downsample.1`, planes, from, 1));
      }
      from = planes;
    }
  }
  return [...shapes, ["fc.weight", [1000, 512]], ["fc.bias", [1000]]];
}

/** Values: He-like for convolutions, near the identity for BatchNorms. */
export function resnet18Numbers(): Map<string, Numbers> {
  return new Map(
    resnet18Shapes().map(([name, shape], i) => {
      const n = shape.reduce((a, b) => a * b, 1);
      const one = shape.length === 1 && /weight|running_var/.test(name);
      const fan = shape.slice(1).reduce((a, b) => a * b, 1);
      const scale = shape.length === 4 ? Math.sqrt(2 / fan) : shape.length === 2 ? 0.02 : 0.1;
      const data = drawn(n, 10 + i, scale);
      return [name, { shape, data: one ? data.map((v) => v + 1) : data }];
    }),
  );
}

/** Of one image of 224 × 224, multiply-adds counted twice: 21 convolutions and the classifier. */
export const resnet18Flops = 3.628e9;
/** `[N, C, H, W]` */
export const resnet18Image = { shape: [1, 3, 224, 224], seed: 5 } as const;
/** Logits 0, 1, 500 and 999, by PyTorch in doubles: bench/peers/pytorch.py --doubles. */
export const resnet18Logits = [-0.173784, 0.13314, 0.011439, -0.006558] as const;

/** Of four images of 224 × 224 and ResNet-18's numbers: the first loss, and values of the first image's map. Also by --doubles. */
export const cfaStep = {
  images: { shape: [4, 3, 224, 224], seed: 5 },
  centres: 3136,
  channels: 448,
  loss: 281_625.31,
  map: [
    [0, 4.2941045],
    [12_345, 6.2391728],
    [40_000, 6.0597381],
  ],
} as const;

/** Of one image of 256 × 256: the first mean of both levels' reconstruction errors, and values of its map. Also by --doubles. */
export const fodStep = {
  image: { shape: [1, 3, 256, 256], seed: 5 },
  /** Channels and tokens of layer2 and layer3, and the seeds from which numbers are drawn. */
  levels: [
    { level: 1, channels: 128, tokens: 1024, seed: 1000 },
    { level: 2, channels: 256, tokens: 256, seed: 2000 },
  ],
  loss: 2.4696288,
  map: [
    [0, 0.0028969192],
    [12_345, 0.002091463],
    [40_000, 0.0010967196],
  ],
} as const;

/** Three times convolution 3 × 3, BatchNorm over the batch, ReLU; 32 channels, 8 images of 64 × 64, squared error, SGD. */
export const sgdStep = {
  channels: 32,
  layers: 3,
  images: { shape: [8, 3, 64, 64], seed: 5 },
  target: { shape: [8, 32, 64, 64], seed: 6 },
  lr: 0.01,
  eps: 1e-5,
  /** Three times the forward, without the first layer's input gradient. */
  flops: 3 * 2 * 8 * 64 ** 2 * 9 * 32 * (3 + 32 + 32) - 2 * 8 * 64 ** 2 * 9 * 32 * 3,
  /** The eleventh loss. jax-js and PyTorch agree on it. */
  eleventhLoss: 0.8281827,
} as const;

/** `[O, I, 3, 3]` of each layer. */
export function sgdStepWeights(): Numbers[] {
  return Array.from({ length: sgdStep.layers }, (_, i) => {
    const from = i === 0 ? 3 : sgdStep.channels;
    const shape = [sgdStep.channels, from, 3, 3];
    return { shape, data: drawn(sgdStep.channels * from * 9, 30 + i, Math.sqrt(2 / (9 * from))) };
  });
}
