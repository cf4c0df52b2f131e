/** Settings of CFA: what is refused, with what words, and what follows from them. */
import { describe, expect, test } from "vitest";
import { type CfaConfig, centresOf, channelsOf, shorterSide } from "../../src/cfa/config.ts";
import { cfaConfig, cfaDefaults } from "../../src/cfa/index.ts";

const refused = (given: object) => () => cfaConfig(given as Partial<CfaConfig>);

test("nothing given is the authors' setting", () => {
  expect(cfaConfig()).toEqual(cfaDefaults);
  expect(cfaConfig({ gammaC: undefined } as unknown as Partial<CfaConfig>)).toEqual(cfaDefaults);
  expect(cfaDefaults).toMatchObject({ backbone: "wide_resnet50_2", imageSize: 224, epochs: 30 });
  expect(JSON.parse(JSON.stringify(cfaConfig()))).toEqual(cfaConfig());
});

test("what a config gives is what it was given", () => {
  const given = cfaConfig({ backbone: "resnet18", neighbours: 5, bank: "paper", wild: 10 });
  expect(cfaConfig(given)).toEqual(given);
  expect(given).toMatchObject({ neighbours: 5, bank: "paper", wild: 10 });
});

describe("the transforms", () => {
  test("r+c leaves an eighth at the border, r nothing", () => {
    expect(shorterSide(cfaConfig())).toBe(256);
    expect(shorterSide(cfaConfig({ imageSize: 256 }))).toBe(293);
    expect(shorterSide(cfaConfig({ imageSize: 32 }))).toBe(37);
    expect(cfaConfig({ transform: "r" }).imageSize).toBe(256);
    expect(shorterSide(cfaConfig({ transform: "r" }))).toBe(256);
    expect(shorterSide(cfaConfig({ transform: "r", imageSize: 100 }))).toBe(100);
  });
});

describe("refused is", () => {
  const cases: readonly [object, string][] = [
    [{ gamaC: 2 }, 'cfa: there is no setting "gamaC"; did you mean "gammaC"?'],
    [{ imageSize: 0 }, "cfa: imageSize must be a whole number from 1 to 8192, got 0"],
    [{ imageSize: 224.5 }, "cfa: imageSize must be a whole number from 1 to 8192, got 224.5"],
    [{ transform: "rc" }, 'cfa: transform must be "r+c" or "r", got "rc"'],
    [{ wild: true }, "cfa: wild must be degrees from 0 (off) to 180, got true"],
    [{ wild: -1 }, "cfa: wild must be degrees from 0 (off) to 180, got -1"],
    [{ gammaC: 0 }, "cfa: gammaC must be a whole number from 1, got 0"],
    [{ gammaD: 1.5 }, "cfa: gammaD must be a whole number from 1, got 1.5"],
    [{ neighbours: 0 }, "cfa: neighbours must be a whole number from 1, got 0"],
    [{ negatives: -1 }, "cfa: negatives must be a whole number from 0, got -1"],
    [{ nu: 0 }, "cfa: nu must be a number above 0, got 0"],
    [{ radius: 0 }, "cfa: radius must be a number above 0, got 0"],
    [{ radius: Number.NaN }, "cfa: radius must be a number above 0, got NaN"],
    [{ alpha: -0.1 }, "cfa: alpha must be 0 or more, got -0.1"],
    [{ bank: "mena" }, 'cfa: bank must be "mean" or "paper", got "mena"'],
    [{ epochs: "30" }, 'cfa: epochs must be a whole number from 0 to 1000000, got "30"'],
    [{ precision: "f64" }, 'cfa: precision must be "f32" or "f16", got "f64"'],
    [{ backbone: "resnet19" }, 'createBackbone: there is no backbone "resnet19"; choose one of'],
    [
      { backbone: "resnet18", gammaD: 449 },
      "cfa: gammaD is 449, but of the descriptor's 448 channels with resnet18 none would be left; give 1 to 448",
    ],
    [{ negatives: 0, alpha: 0.2 }, "cfa: alpha has no effect without negatives; leave it out"],
  ];
  for (const [given, message] of cases) {
    test(JSON.stringify(given), () => expect(refused(given)).toThrow(message));
  }
});

test("the descriptor's channels are those of the maps, of EfficientNet-B5 twice as many, over γ_d", () => {
  const of = (backbone: string, gammaD: number) => channelsOf(cfaConfig({ backbone, gammaD }));
  expect([of("resnet18", 1), of("resnet18", 4), of("resnet18", 448)]).toEqual([448, 112, 1]);
  expect([of("wide_resnet50_2", 3), of("vgg19_bn", 4)]).toEqual([597, 320]);
  expect([of("efficientnet_b5", 1), of("efficientnet_b5", 1136)]).toEqual([1136, 1]);
});

describe("the centres of the memory bank", () => {
  const of = (side: number, given: Partial<CfaConfig>) =>
    centresOf(cfaConfig({ backbone: "resnet18", imageSize: 4 * side, ...given }), side);
  test("are the patches over γ_c", () => {
    expect([of(56, {}), of(56, { gammaC: 9 }), of(5, { gammaC: 4 })]).toEqual([3136, 348, 6]);
  });
  test("can't be none, nor fewer than K + J", () => {
    expect(() => of(8, { gammaC: 65 })).toThrow(
      "cfa: gammaC is 65, so that the memory bank would have no centre (imageSize 32 gives 64 patches with resnet18); give a gammaC from 1 to 64, or a larger imageSize",
    );
    expect(() => of(8, { gammaC: 11 })).toThrow(
      "cfa: neighbours + negatives is 3 + 3 = 6, but the memory bank has 5 centres at gammaC 11 (imageSize 32 gives 64 patches with resnet18); lower them or gammaC, or give a larger imageSize",
    );
    expect(of(8, { gammaC: 11, negatives: 2 })).toBe(5);
    expect(() => of(1, {})).toThrow(
      "cfa: a single patch has no coordinates (imageSize 4 gives 1 patch with resnet18); give a larger imageSize",
    );
  });
});
