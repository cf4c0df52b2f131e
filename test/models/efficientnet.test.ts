/**
 * VGG and the EfficientNets at any size, in training, in half precision and while less is kept, against networks written a second time in
 * PyTorch (test/fixtures/make/backbones.py).
 */
import { expect, test } from "vitest";
import {
  add,
  backward,
  mul,
  noGrad,
  Rng,
  sum,
  type Tensor,
  withPrecision,
} from "../../src/core/index.ts";
import {
  type Dialect,
  lukemelas,
  timm,
  timmTensorFlow,
} from "../../src/models/backbones/efficientnet-dialect.ts";
import { toOIHW } from "../../src/models/checkpoint/index.ts";
import {
  type Backbone,
  createBackbone,
  EfficientNet,
  FeatureExtractor,
  findBackbone,
} from "../../src/models/index.ts";
import { testDevice } from "../device.ts";
import trained from "../fixtures/models/golden/efficientnet-train.json" with { type: "json" };
import odd from "../fixtures/models/golden/odd-sizes.json" with { type: "json" };
import { fill, U } from "../golden-u.ts";
import { toNhwc } from "./golden.ts";
import { checkLevels, distance, imagesOf } from "./summary.ts";

const device = await testDevice();
const empty = (name: string) => findBackbone(name).create({ device, rng: undefined }, {});

function filled<B extends Backbone>(net: B): B {
  net.loadStateDict(fill(net.stateShapes(), ""));
  return net;
}

for (const [name, sides] of Object.entries(odd.sides)) {
  test(`${name}: maps have PyTorch's sizes for images of 1 to ${sides.length} pixels, or are refused as there`, () => {
    using net = empty(name);
    net.eval();
    for (const [i, want] of sides.entries()) {
      const side = i + 1;
      if (want === 0) {
        expect(() => net.sizeCheck(side, 70)).toThrow(
          `${name}: image of ${side} × 70: sizes are whole numbers from ${net.smallestSide}`,
        );
        expect(() => net.sizeCheck(70, side)).toThrow(`whole numbers from ${net.smallestSide}`);
      } else {
        net.sizeCheck(side, side);
        expect(net.levelSides(side)).toEqual(want);
      }
    }
  });
}

for (const [name, golden] of Object.entries(odd.features)) {
  test(`${name}: features of 45 × 61 are PyTorch's`, async () => {
    using extractor = new FeatureExtractor(filled(empty(name)));
    await checkLevels(device, (images) => extractor.forward(images), golden);
  });
}

const dialects: Readonly<Record<string, Dialect>> = {
  static: lukemelas,
  tf: timmTensorFlow,
  symmetric: timm,
};

/** Few channels, and blocks of every kind: repeated ones, joined ones, with and without expansion. */
function small(dialect: Dialect): EfficientNet {
  const shape = { width: 0.3, depth: 1, joined: [2, 2, 1], dialect } as const;
  return filled(new EfficientNet({ device, rng: undefined }, "small", shape));
}

type Four = readonly [number, number, number, number];

/** Back from the sum of all levels times numbers drawn by name. */
function step(net: Backbone, { data, shape }: ReturnType<typeof imagesOf>): Tensor[] {
  const levels = net.forward(device.tensor(data, shape));
  const terms = levels.map((level, i) => {
    const [n, h, w, c] = level.shape as unknown as Four;
    const drawn = toNhwc(U(`w${i}`, [n, c, h, w]), [n, c, h, w]);
    return sum(mul(level, device.tensor(drawn, level.shape)));
  });
  backward(terms.reduce((a, b) => add(a, b)));
  return levels;
}

for (const [name, golden] of Object.entries(trained)) {
  test(`in training a small EfficientNet with ${name} padding gives PyTorch's levels, gradients and statistics`, async () => {
    using net = small(dialects[name] as Dialect);
    await checkLevels(device, () => step(net, imagesOf(golden)), golden);
    const gradients: Readonly<Record<string, readonly number[]>> = golden.gradients;
    expect(net.namedParameters().map(([key]) => key)).toEqual(Object.keys(gradients));
    for (const [key, parameter] of net.namedParameters()) {
      const own = (await parameter.grad!.data()) as Float32Array;
      const shape = net.stateShapes().get(key)!;
      const values = shape.length === 4 ? toOIHW(own, shape as unknown as Four) : own;
      const drawn = U(key, shape);
      const [size, along] = gradients[key] as [number, number];
      const length = Math.sqrt(drawn.length / 3); // of what was drawn, about
      const norm = Math.hypot(...values);
      const dot = values.reduce((a, g, i) => a + g * drawn[i]!, 0);
      expect(Math.abs(norm - size), key).toBeLessThan(1e-4 * size + 1e-4);
      expect(Math.abs(dot - along), key).toBeLessThan(1e-4 * size * length + 1e-4);
      parameter.grad!.dispose();
    }
    const state = await net.stateDict();
    for (const [key, want] of Object.entries(golden.running)) {
      const values = state.get(key)!.data as Float32Array;
      const total = values.reduce((a, x) => a + Math.abs(x), 0);
      expect(Math.abs(total - want), key).toBeLessThan(1e-5 * want);
    }
  });
}

test("a small EfficientNet computed again in the backward pass gives the same bits", async () => {
  const run = async (recompute: boolean) => {
    using net = small(timmTensorFlow);
    net.recomputeActivations(recompute);
    device.scope(() => void step(net, imagesOf(trained.tf)));
    const gradients = await Promise.all(net.parameters().map((p) => p.grad!.data()));
    for (const p of net.parameters()) p.grad!.dispose();
    return { gradients, state: await net.stateDict() };
  };
  expect(await run(true)).toEqual(await run(false));
});

for (const name of ["vgg19_bn", "efficientnet_b5"]) {
  test(`${name}: a training step reaches every parameter`, () => {
    using net = createBackbone(name, { device, rng: new Rng(7) });
    const images = new Rng(1).normal(device, [2, 33, 35, 3]);
    device.scope(() => {
      const sums = net.forward(images).map((level) => sum(mul(level, level)));
      backward(sums.reduce((a, b) => add(a, b)));
    });
    expect(net.namedParameters().filter(([, p]) => !p.grad)).toEqual([]);
    images.dispose();
  });
}

const networks: Readonly<Record<string, () => Backbone>> = {
  vgg19_bn: () => filled(empty("vgg19_bn")),
  "a small EfficientNet": () => small(timmTensorFlow),
};

for (const [name, make] of Object.entries(networks)) {
  test(`${name}: evaluated with gradients, launch by launch, its features are those of the fused launches`, async () => {
    using net = make().eval();
    const images = new Rng(1).normal(device, [1, 39, 50, 3]);
    const apart = await device.read(() => net.forward(images));
    const fused = await device.read(() => noGrad(() => net.forward(images)));
    apart.forEach((level, i) => void expect(distance(fused[i]!, level)).toBeLessThan(2e-6));
    images.dispose();
  });

  test(`${name}: features in f16 are those of f32 to a hundredth`, async ({ skip }) => {
    if (!device.features.has("shader-f16")) skip();
    using extractor = new FeatureExtractor(make());
    const images = new Rng(1).normal(device, [2, 45, 61, 3]);
    const run = (precision: "f16" | "f32") =>
      device.read(() => {
        const levels = withPrecision(precision, () => extractor.forward(images));
        expect(levels.map((t) => t.dtype)).toEqual([precision, precision, precision]);
        return levels;
      });
    const [half, full] = [await run("f16"), await run("f32")];
    full.forEach((want, i) => {
      expect(distance(half[i]!, want)).toBeLessThan(1e-2);
      expect(distance(half[i]!, want)).toBeGreaterThan(0);
    });
    images.dispose();
  });
}

test("an EfficientNet's forward without gradients keeps few of its largest maps", () => {
  using net = empty("efficientnet_b5");
  const extractor = new FeatureExtractor(net);
  const images = device.zeros([1, 128, 128, 3]);
  device.memory.trim();
  for (const level of extractor.forward(images)) level.dispose();
  images.dispose();
  const largest = 2 ** 22; // the first expansion, 64 × 64 × 144, in the pool's next larger size
  expect(device.memory.stats().pooledBytes).toBeLessThan(4 * largest);
});
