/** CFA with the weights and feature maps of the golden runs, drawn by name: see test/golden-u.ts. */
import { type CfaConfig, cfaConfig } from "../../src/cfa/config.ts";
import { PatchLearner } from "../../src/cfa/learner.ts";
import type { Device, Tensor } from "../../src/core/index.ts";
import type { Batch } from "../../src/data/index.ts";
import { Backbone, findBackbone, hostTensor, type StateDict } from "../../src/models/index.ts";
import { fill, U } from "../golden-u.ts";
import { toNhwc } from "../models/golden.ts";

type Four = readonly [number, number, number, number];

/** Stands for a network of which only the sizes matter. */
class Sizes extends Backbone {
  override readonly name: string;
  override readonly channels;
  override readonly deepestStride = 16;

  constructor(name: string) {
    super();
    this.name = name;
    this.channels = findBackbone(name).channels;
  }

  protected override levels(): Tensor[] {
    throw new Error("it has no layers");
  }
}

/** Everything a model has: the descriptor by its names, the rest as it starts. */
export function modelState(d: number, n: number, channels: number, radius = 1e-5): StateDict {
  const shapes = new Map<string, readonly number[]>([
    ["layer.conv.weight", [d, channels + 2, 1, 1]],
    ["layer.conv.bias", [d]],
  ]);
  const filled = [...fill(shapes, "Descriptor.")].map(
    ([name, value]) => [`Descriptor.${name}`, value] as const,
  );
  return new Map([
    ["r", hostTensor("f32", [1], Float32Array.of(radius))],
    ["C", hostTensor("f32", [d, n], new Float32Array(d * n))],
    ...filled,
  ]);
}

/** For maps of 8 × 8, 4 × 4, 2 × 2. */
export function goldenLearner(
  device: Device,
  given: Partial<CfaConfig>,
): { learner: PatchLearner; config: CfaConfig } {
  const config = cfaConfig({ backbone: "resnet18", imageSize: 32, ...given });
  const { name, channels } = findBackbone(config.backbone);
  const all = channels.reduce((a, b) => a + b);
  const width = Math.floor((all * (name === "efficientnet_b5" ? 2 : 1)) / config.gammaD);
  const state = modelState(width, Math.floor(64 / config.gammaC), all);
  return { learner: new PatchLearner(device, config, new Sizes(name), state), config };
}

/** Maps drawn by name, in our layout. */
export function drawn(device: Device, name: string, shape: Four): Tensor {
  const [n, c, h, w] = shape;
  return device.tensor(toNhwc(U(name, shape, 0, 1), shape), [n, h, w, c]);
}

/** The maps that stand for the features of batch k. */
export function fakeLevels(device: Device, k: number): Tensor[] {
  const sizes: readonly Four[] = [
    [4, 64, 8, 8],
    [4, 128, 4, 4],
    [4, 256, 2, 2],
  ];
  return sizes.map((shape, i) => drawn(device, `fb${k}.p${i}`, shape));
}

/** A batch of black images; `path` tells which one. */
export function blackBatch(size: number, side: number, path: string): Batch {
  return {
    size,
    side,
    images: new Float32Array(size * side * side * 3),
    masks: new Float32Array(size * side * side),
    labels: new Uint8Array(size),
    paths: Array(size).fill(path),
    indices: new Uint32Array(size),
  };
}
