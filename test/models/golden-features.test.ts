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
import { checkLevels, type Golden } from "./summary.ts";

const device = await testDevice();

async function compare(name: string, golden: Golden, settings: ResNetSettings = {}): Promise<void> {
  const backbone = findBackbone(name).create({ device, rng: undefined }, settings);
  backbone.loadStateDict(fill(backbone.stateShapes(), ""));
  using extractor = new FeatureExtractor(backbone);
  await checkLevels(device, (images) => extractor.forward(images), golden);
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
