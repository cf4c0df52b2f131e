/**
 * Features of the backbones as CFA and FOD use them, with weights and images drawn by name, against runs of the references in float32
 * (test/fixtures/cfa, test/fixtures/fod).
 */
import { describe, expect, test } from "vitest";
import { FeatureExtractor, findBackbone, type ResNetSettings } from "../../src/models/index.ts";
import { testDevice } from "../device.ts";
import cfa from "../fixtures/cfa/backbones.json" with { type: "json" };
import rng from "../fixtures/cfa/rng.json" with { type: "json" };
import fod from "../fixtures/fod/backbones.json" with { type: "json" };
import { fill, mulberry32, U } from "../golden-u.ts";
import { toNchw, toNhwc } from "./golden.ts";

const device = await testDevice();

type Four = readonly [number, number, number, number];

interface Summary {
  shape: number[];
  mean: number;
  std: number;
  min: number;
  max: number;
  sum_abs: number;
  sample_index: number[];
  sample: number[];
}

interface Golden {
  input: { name: string; shape: number[]; lo: number; hi: number };
  outputs: Summary[];
}

/** Of a tensor in PyTorch's order: every number to a ten-thousandth of itself, and what rounding of the largest may leave. */
function check(values: Float64Array, shape: readonly number[], want: Summary): void {
  expect(shape).toEqual(want.shape);
  const near = (what: string, got: number, wanted: number) =>
    expect(Math.abs(got - wanted), what).toBeLessThan(1e-4 * Math.abs(wanted) + 5e-6 * want.std);
  const sum = (of: (x: number) => number) => values.reduce((a, x) => a + of(x), 0);
  const mean = sum((x) => x) / values.length;
  near("mean", mean, want.mean);
  near("std", Math.sqrt(sum((x) => (x - mean) ** 2) / values.length), want.std);
  near(
    "min",
    values.reduce((a, x) => Math.min(a, x)),
    want.min,
  );
  near(
    "max",
    values.reduce((a, x) => Math.max(a, x)),
    want.max,
  );
  near("sum_abs", sum(Math.abs), want.sum_abs);
  for (const [i, at] of want.sample_index.entries()) near(`at ${at}`, values[at]!, want.sample[i]!);
}

/** Compares the last levels of a backbone, as many as are stored. */
async function compare(name: string, golden: Golden, settings: ResNetSettings = {}): Promise<void> {
  const backbone = findBackbone(name).create({ device, rng: undefined }, settings);
  backbone.loadStateDict(fill(backbone.stateShapes(), ""));
  using extractor = new FeatureExtractor(backbone);
  const { input, outputs } = golden;
  const [n, c, h, w] = input.shape as unknown as Four;
  const images = toNhwc(U(input.name, input.shape, input.lo, input.hi), [n, c, h, w]);
  const shapes: Four[] = [];
  const maps = await device.read(() => {
    const levels = extractor.forward(device.tensor(images, [n, h, w, c]));
    const wanted = levels.slice(-outputs.length);
    shapes.push(...wanted.map((level) => level.shape as unknown as Four));
    return wanted;
  });
  outputs.forEach((want, i) => {
    const [n, h, w, c] = shapes[i]!;
    check(toNchw(maps[i]!, [n, h, w, c]), [n, c, h, w], want);
  });
}

describe("CFA's features", () => {
  test("resnet18 with leaky sums", () =>
    compare("resnet18", cfa.features.res18, { leakySum: 0.01 }));
  test("wide_resnet50_2 with leaky sums", () =>
    compare("wide_resnet50_2", cfa.features.wrn50_2, { leakySum: 0.01 }));
  test("vgg19_bn", () => compare("vgg19_bn", cfa.features.vgg19));
  test("efficientnet_b5", () => compare("efficientnet_b5", cfa.features["effnet-b5"]));
});

describe("FOD's features", () => {
  test("wide_resnet50_2", () => compare("wide_resnet50_2", fod.wide_resnet50_2));
  test("tf_efficientnet_b6", () => compare("tf_efficientnet_b6", fod.tf_efficientnet_b6));
  test("efficientnet_b6", () => compare("efficientnet_b6", fod.efficientnet_b6));
});

test("the generator is the fixtures'", () => {
  for (const [seed, draws] of Object.entries(rng.mulberry32_first8)) {
    const draw = mulberry32(Number(seed));
    expect(draws.map(() => draw())).toEqual(draws);
  }
  const { name, shape, lo, hi, values_f32 } = rng.U_example;
  expect([...U(name, shape, lo, hi)]).toEqual(values_f32);
});
