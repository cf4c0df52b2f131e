/** The settings of both versions, what follows from what, and what is refused. */
import { expect, test } from "vitest";
import { type CdoConfig, cdoConfig, cdoDefaults } from "../../src/cdo/index.ts";

test("2025 has the settings of the authors' refactor", () => {
  expect(cdoConfig()).toEqual({
    version: "2025",
    backbone: "hrnet_w32",
    imageSize: 256,
    epochs: 100,
    batchSize: 32,
    loss: "cdo",
    optimiser: "adam",
    betas: [0.5, 0.999],
    momentum: 0.9,
    weightDecay: 0,
    lrSchedule: "step",
    lrDecay: 0.1,
    lrDecayAt: 0.8,
    warmupEpochs: 0,
    ema: 0,
    learningRate: 0.001,
    clipNorm: 5,
    checkpointActivations: false,
    mom: true,
    oom: true,
    gamma: 2,
    detour: true,
    sigma: 4,
    scoreRatio: 0.01,
    mapMode: "add",
    mapDistance: "cosine",
    levelWeights: [1, 1, 1],
    mapScale: "reference",
    curriculum: null,
    precision: "f32",
  });
  expect(cdoConfig()).toEqual(cdoDefaults["2025"]);
});

test("2023 has the settings of the paper's code", () => {
  expect(cdoConfig({ version: "2023" })).toEqual({
    version: "2023",
    backbone: "hrnet_w32",
    imageSize: 256,
    epochs: 50,
    batchSize: 16,
    loss: "cdo",
    optimiser: "adamw",
    betas: [0.9, 0.999],
    momentum: 0.9,
    weightDecay: 1e-4,
    lrSchedule: "exponential",
    lrDecay: 0.95,
    lrDecayAt: 0.8,
    warmupEpochs: 0,
    ema: 0,
    learningRate: 4e-4,
    clipNorm: 0,
    checkpointActivations: false,
    mom: true,
    oom: true,
    gamma: 2,
    detour: false,
    sigma: 4,
    scoreRatio: 0,
    mapMode: "add",
    mapDistance: "cosine",
    levelWeights: [1, 1, 1],
    mapScale: "none",
    curriculum: null,
    precision: "f32",
  });
});

test("the learning rate of 2025 follows the batch unless it is given; that of 2023 does not", () => {
  expect(cdoConfig({ batchSize: 16 }).learningRate).toBe(0.0005);
  expect(cdoConfig({ batchSize: 8 }).learningRate).toBe(0.00025);
  expect(cdoConfig({ batchSize: 8, learningRate: 0.01 }).learningRate).toBe(0.01);
  expect(cdoConfig({ version: "2023", batchSize: 64 }).learningRate).toBe(4e-4);
});

test("a complete config gives itself, through JSON too", () => {
  for (const version of ["2025", "2023"] as const) {
    const config = cdoConfig({ version, batchSize: 5, backbone: "resnet18" });
    expect(cdoConfig(config)).toEqual(config);
    expect(cdoConfig(JSON.parse(JSON.stringify(config)) as CdoConfig)).toEqual(config);
  }
});

test("what is undefined takes the default", () => {
  const given = { epochs: undefined, version: undefined } as unknown as Partial<CdoConfig>;
  expect(cdoConfig(given)).toEqual(cdoDefaults["2025"]);
});

test("the decay of the learning rate follows its schedule unless it is given", () => {
  const decay = (given: Partial<CdoConfig>) => cdoConfig(given).lrDecay;
  expect([decay({}), decay({ version: "2023" })]).toEqual([0.1, 0.95]);
  expect(decay({ version: "2023", lrSchedule: "step" })).toBe(0.1);
  expect(decay({ lrSchedule: "exponential" })).toBe(0.95);
  expect(decay({ lrSchedule: "exponential", lrDecay: 0.5 })).toBe(0.5);
  const cosine = cdoConfig({ lrSchedule: "cosine" });
  expect(cdoConfig(cosine)).toEqual(cosine);
});

const refused: readonly (readonly [Record<string, unknown>, string])[] = [
  [{ version: "2024" }, 'version must be "2025" or "2023", got "2024"'],
  [{ version: 2025 }, 'version must be "2025" or "2023", got 2025'],
  [{ version: "toString" }, 'version must be "2025" or "2023", got "toString"'],
  [{ backbone: 18 }, "backbone must be a text that is not empty, got 18"],
  [{ backbone: "vgg16" }, 'there is no backbone "vgg16"; choose one of resnet18'],
  [{ imageSize: 0 }, "imageSize must be a whole number from 1 to 8192, got 0"],
  [{ imageSize: 1e9 }, "imageSize must be a whole number from 1 to 8192, got 1000000000"],
  [{ imageSize: "256" }, 'imageSize must be a whole number from 1 to 8192, got "256"'],
  [{ imageSize: 64.5 }, "imageSize must be a whole number from 1 to 8192, got 64.5"],
  [{ epochs: -1 }, "epochs must be a whole number from 0 to 1000000, got -1"],
  [{ batchSize: Number.NaN }, "batchSize must be a whole number from 1 to 4096, got NaN"],
  [{ batchSize: null }, "batchSize must be a whole number from 1 to 4096, got null"],
  [{ learningRate: 0 }, "learningRate must be a number above 0, got 0"],
  [{ learningRate: "0.1" }, 'learningRate must be a number above 0, got "0.1"'],
  [
    { learningRate: Number.POSITIVE_INFINITY },
    "learningRate must be a number above 0, got Infinity",
  ],
  [{ clipNorm: -1 }, "clipNorm must be 0 (off) or more, got -1"],
  [{ mom: "no" }, 'mom must be true or false, got "no"'],
  [{ oom: 0 }, "oom must be true or false, got 0"],
  [{ gamma: -0.5 }, "gamma must be 0 or more, got -0.5"],
  [{ detour: 1 }, "detour must be true or false, got 1"],
  [{ sigma: 1e6 }, "sigma must be 0 (off) or more, at most 256, got 1000000"],
  [{ scoreRatio: 1.01 }, "scoreRatio must be a share from 0 to 1, got 1.01"],
  [{ mapMode: "sum" }, 'mapMode must be "add", "mul" or "concat", got "sum"'],
  [{ mapDistance: "l1" }, 'mapDistance must be "cosine" or "euclidean", got "l1"'],
  [
    { levelWeights: [1, 1] },
    "levelWeights must be three numbers, 0 or more, that are not all 0, got [1,1]",
  ],
  [
    { levelWeights: [0, 0, 0] },
    "levelWeights must be three numbers, 0 or more, that are not all 0",
  ],
  [
    { levelWeights: [1, -1, 1] },
    "levelWeights must be three numbers, 0 or more, that are not all 0",
  ],
  [{ levelWeights: "1,1,1" }, "levelWeights must be three numbers, 0 or more, that are not all 0"],
  [{ loss: "mse" }, 'loss must be "cdo", "l2", "l1", "cosine" or "kl", got "mse"'],
  [{ optimiser: "rmsprop" }, 'optimiser must be "adam", "adamw" or "sgd", got "rmsprop"'],
  [{ betas: [0.9, 1] }, "betas must be two numbers from 0 to below 1, got [0.9,1]"],
  [{ momentum: 1 }, "momentum must be 0 (off) or more, below 1, got 1"],
  [{ weightDecay: -1 }, "weightDecay must be 0 (off) or more, got -1"],
  [{ lrSchedule: "poly" }, 'lrSchedule must be "step", "exponential", "cosine" or "constant"'],
  [{ lrDecay: 0 }, "lrDecay must be above 0, at most 1, got 0"],
  [{ lrDecayAt: 2 }, "lrDecayAt must be a share of the epochs above 0, at most 1, got 2"],
  [{ warmupEpochs: 0.5 }, "warmupEpochs must be a whole number from 0, got 0.5"],
  [{ ema: 1 }, "ema must be 0 (off) or more, below 1, got 1"],
  [{ loss: "l2", gamma: 1 }, 'gamma has no effect with loss "l2"; leave it out'],
  [{ loss: "kl", oom: false }, 'oom has no effect with loss "kl"; leave it out'],
  [{ version: "2023", loss: "l1", oom: false }, 'oom has no effect with loss "l1"'],
  [{ betas: [0.9, 0.9], optimiser: "sgd" }, 'betas has no effect with optimiser "sgd"'],
  [
    { loss: "l2", curriculum: { gamma: { from: 0, to: 2 } } },
    'curriculum.gamma has no effect with loss "l2"; leave out gamma or choose loss "cdo"',
  ],
  [{ mapScale: "nine" }, 'mapScale must be "reference", "mean" or "none", got "nine"'],
];
for (const [given, message] of refused) {
  test(`refused: ${message}`, () => {
    expect(() => cdoConfig(given as Partial<CdoConfig>)).toThrow(message);
  });
}

test("an unknown setting is refused with the one that was probably meant", () => {
  const read = (json: string) => () => cdoConfig(JSON.parse(json) as Partial<CdoConfig>);
  expect(read('{"epoch":5}')).toThrow('cdo: there is no setting "epoch"; did you mean "epochs"?');
  expect(read('{"learning_rate":1}')).toThrow('did you mean "learningRate"?');
  expect(read('{"colour":1}')).toThrow("it knows version, backbone, imageSize");
  expect(read('{"__proto__":{"epochs":1}}')).toThrow('there is no setting "__proto__"');
});

test("a setting that would have no effect is refused, unless it is the default", () => {
  const idle: [Partial<CdoConfig>, string][] = [
    [{ version: "2023", detour: true }, 'detour has no effect in version "2023"; leave it out'],
    [{ version: "2023", mapMode: "mul" }, 'mapMode has no effect in version "2023"'],
    [{ version: "2023", mapDistance: "euclidean" }, "mapDistance has no effect"],
    [{ version: "2023", mapScale: "mean" }, "mapScale has no effect"],
    [{ version: "2023", levelWeights: [1, 2, 3] }, "levelWeights has no effect"],
    [{ mapMode: "mul", levelWeights: [1, 2, 3] }, 'levelWeights has no effect with mapMode "mul"'],
    [{ mapMode: "concat", mapScale: "none" }, 'mapScale has no effect with mapMode "concat"'],
  ];
  for (const [given, message] of idle) expect(() => cdoConfig(given)).toThrow(message);
  expect(() => cdoConfig({ mapMode: "mul", levelWeights: [1, 1, 1] })).not.toThrow();
});
