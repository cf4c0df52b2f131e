/** The settings of FOD: defaults, what follows from what, and what is refused with which words. */
import { expect, test } from "vitest";
import { type FodConfig, fodConfig } from "../../src/fod/index.ts";

const refused = (given: Record<string, unknown>) =>
  expect(() => fodConfig(given as Partial<FodConfig>));

test("the defaults are the reference's", () => {
  expect(fodConfig()).toEqual({
    backbone: "wide_resnet50_2",
    imageSize: 256,
    fit: "stretch",
    levels: [1, 2],
    widths: [256, 512],
    heads: 8,
    layers: 3,
    epochs: 100,
    batchSize: 1,
    learningRate: 1e-4,
    lambda1: 0.5,
    lambda2: 0.5,
    intra: true,
    inter: true,
    optimisers: "shared",
    sigma: 4,
    scoreRatio: 0,
    precision: "f32",
  });
});

test("widths follow the strides of the levels unless they are given", () => {
  expect(fodConfig({ levels: [0, 1, 2] }).widths).toEqual([128, 256, 512]);
  expect(fodConfig({ levels: [2] }).widths).toEqual([512]);
  expect(fodConfig({ widths: [64, 128] }).widths).toEqual([64, 128]);
  const complete = fodConfig({ levels: [0], widths: [64] });
  expect(fodConfig(JSON.parse(JSON.stringify(complete)))).toEqual(complete);
});

test("levels are some of the backbone's three, finest first", () => {
  for (const levels of [[], [3], [2, 1], [1, 1], [-1], 1, [1.5]]) {
    refused({ levels }).toThrow(
      "fod: levels must be levels of the backbone, finest first: one or more of 0, 1 and 2, such as [1, 2], got ",
    );
  }
});

test("widths fit the table of positions and the heads", () => {
  refused({ widths: [256] }).toThrow(
    "fod: each of the 2 levels has a width, but widths has 1 (256); give as many",
  );
  refused({ widths: [254, 512] }).toThrow(
    "fod: the width of level 1 is 254, but the sines and cosines of rows and columns need a multiple of 4; take 256",
  );
  refused({ widths: [256, 100] }).toThrow(
    "fod: the width of level 2 is 100, and 8 heads do not divide it; change heads, or widths to multiples of 8",
  );
  refused({ heads: 3 }).toThrow("the width of level 1 is 256, and 3 heads do not divide it");
  refused({ widths: [0, 512] }).toThrow("widths must be whole numbers from 4 to 8192 in a list");
});

test("both branches may be off, but then nothing weighs them", () => {
  expect(fodConfig({ intra: false, inter: false })).toMatchObject({ intra: false, inter: false });
  refused({ intra: false, inter: false, lambda2: 1 }).toThrow(
    "fod: lambda2 has no effect without intra and inter; leave it out",
  );
  expect(fodConfig({ intra: false, lambda1: 0 })).toMatchObject({ lambda1: 0 });
  refused({ levels: [1], optimisers: "separate" }).toThrow(
    "fod: optimisers has no effect with a single level; leave it out",
  );
});

test("what is unknown or breaks its rule is refused by name", () => {
  refused({ lambda: 1 }).toThrow('fod: there is no setting "lambda"; did you mean "lambda1"?');
  refused({ lambda1: -1 }).toThrow("fod: lambda1 must be 0 (off) or more, got -1");
  refused({ imageSize: 0 }).toThrow("fod: imageSize must be a whole number from 1 to 8192, got 0");
  refused({ fit: "pad" }).toThrow('fod: fit must be "stretch" or "crop", got "pad"');
  refused({ optimisers: "one" }).toThrow('fod: optimisers must be "shared" or "separate"');
  refused({ layers: 0 }).toThrow("fod: layers must be a whole number from 1 to 64, got 0");
  refused({ learningRate: 0 }).toThrow("fod: learningRate must be a number above 0, got 0");
  refused({ sigma: 300 }).toThrow("fod: sigma must be 0 (off) or more, at most 256, got 300");
  refused({ scoreRatio: 2 }).toThrow("fod: scoreRatio must be a share from 0 to 1, got 2");
  refused({ intra: 1 }).toThrow("fod: intra must be true or false, got 1");
  refused({ backbone: "resnet1" }).toThrow('createBackbone: there is no backbone "resnet1"');
});
