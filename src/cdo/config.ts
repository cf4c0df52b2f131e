/**
 * The settings of CDO as plain data: what is saved with a run and what a config file may hold. Two versions are known by name,
 * "2025" (the authors' refactor) and "2023" (the paper's code); a setting left out takes the version's value.
 */
import type { Precision } from "../core/index.ts";
import { fields } from "../detector/index.ts";
import { LoupeError } from "../error.ts";
import { findBackbone } from "../models/index.ts";
import { type CurriculumConfig, curriculumConfig } from "./curriculum/index.ts";
import { type FeatureLoss, featureLosses } from "./losses/index.ts";
import {
  defaultDecay,
  type Optimisation,
  optimisationDefaults,
  optimisationRules,
  refuseIdleOptimisation,
} from "./optimisation.ts";

export type CdoVersion = "2025" | "2023";

export interface CdoConfig extends Optimisation {
  readonly version: CdoVersion;
  /** A backbone with three feature levels, see `backboneNames`. */
  readonly backbone: string;
  /** Side of the square image, pixels. */
  readonly imageSize: number;
  readonly epochs: number;
  readonly batchSize: number;
  /** Learning rate of the first iteration. */
  readonly learningRate: number;
  /**
   * "cdo": the paper's. The others pull all pixels of apprentice and expert together, as unit vectors, also those of synthetic anomalies.
   */
  readonly loss: "cdo" | FeatureLoss;
  /** Total L2 norm the gradient is clipped to; 0 does not clip. */
  readonly clipNorm: number;
  /** Keep less for the gradients and compute it again: the same results in a third more time and a fraction of the memory. */
  readonly checkpointActivations: boolean;
  /** MOM: train on images with white-noise patches, and push their features apart. */
  readonly mom: boolean;
  /** OOM: weight each pixel by (d/μ)^γ or (μ/d)^γ. */
  readonly oom: boolean;
  readonly gamma: number;
  /** Pass training images through 1024 × 1024 as the 2025 code does. */
  readonly detour: boolean;
  /** Standard deviation of the blur of the map, pixels. */
  readonly sigma: number;
  /** The image score is the mean of this share of the largest pixels; 0: the maximum. */
  readonly scoreRatio: number;
  /** How level maps are joined. "concat": the features are, at the size of level 0, and give a single map. */
  readonly mapMode: "add" | "mul" | "concat";
  /** 2025: 1 − cosine, or the Euclidean distance, of the unit vectors. The 2023 map is its squared distance. */
  readonly mapDistance: "cosine" | "euclidean";
  /** Weights of the levels in mode "add". */
  readonly levelWeights: readonly [number, number, number];
  /** reference: the 2025 code divides the sum of three maps by 3 · Σ weights = 9, not by 3. "none" leaves the sum. */
  readonly mapScale: "reference" | "mean" | "none";
  /** What changes over a training; null: nothing. */
  readonly curriculum: CurriculumConfig | null;
  /** In which the networks compute; losses and weights are f32 either way. f16 needs a GPU with `shader-f16`. */
  readonly precision: Precision;
}

const shared = {
  backbone: "hrnet_w32",
  imageSize: 256,
  loss: "cdo",
  checkpointActivations: false,
  mom: true,
  oom: true,
  gamma: 2,
  sigma: 4,
  mapMode: "add",
  mapDistance: "cosine",
  levelWeights: [1, 1, 1],
  curriculum: null,
  precision: "f32",
} as const;

/** Every setting of each version. */
export const cdoDefaults: Readonly<Record<CdoVersion, CdoConfig>> = {
  "2025": {
    ...shared,
    ...optimisationDefaults["2025"],
    version: "2025",
    epochs: 100,
    batchSize: 32,
    learningRate: 1e-3,
    clipNorm: 5,
    detour: true,
    scoreRatio: 0.01,
    mapScale: "reference",
  },
  "2023": {
    ...shared,
    ...optimisationDefaults["2023"],
    version: "2023",
    epochs: 50,
    batchSize: 16,
    learningRate: 4e-4,
    clipNorm: 0,
    detour: false,
    scoreRatio: 0,
    mapScale: "none",
  },
};

/** Sizes beyond these are mistakes, and would be asked of memory before they fail. */
const most = { imageSize: 8192, batchSize: 4096, epochs: 1_000_000 };

const atLeastZero = (value: number) => value >= 0;

const rules: fields.FieldRules<CdoConfig> = {
  version: fields.oneOf("2025", "2023"),
  backbone: fields.text,
  imageSize: fields.whole(1, most.imageSize),
  epochs: fields.whole(0, most.epochs),
  loss: fields.oneOf("cdo", ...Object.keys(featureLosses)),
  ...optimisationRules,
  batchSize: fields.whole(1, most.batchSize),
  learningRate: fields.number("a number above 0", (v) => v > 0),
  clipNorm: fields.number("0 (off) or more", atLeastZero),
  checkpointActivations: fields.flag,
  mom: fields.flag,
  oom: fields.flag,
  gamma: fields.number("0 or more", atLeastZero),
  detour: fields.flag,
  sigma: fields.number("0 (off) or more, at most 256", (v) => v >= 0 && v <= 256),
  scoreRatio: fields.number("a share from 0 to 1", (v) => v >= 0 && v <= 1),
  mapMode: fields.oneOf("add", "mul", "concat"),
  mapDistance: fields.oneOf("cosine", "euclidean"),
  levelWeights: fields.numbers(
    3,
    "three numbers, 0 or more, that are not all 0",
    (values) => values.every(atLeastZero) && values.some((v) => v > 0),
  ),
  mapScale: fields.oneOf("reference", "mean", "none"),
  curriculum: {
    rule: "null or an object, { … }",
    holds: (v) => v === null || fields.isObject(v),
  },
  precision: fields.oneOf("f32", "f16"),
};

/**
 * A complete config from what was given; its fields may come from a file.
 * The 2025 learning rate follows the batch, 0.0005 · batch / 16, unless it is given. // reference: an override of the batch did not
 * @throws LoupeError `config` naming the field that is unknown, breaks its rule, or would have no effect
 */
export function cdoConfig(given: Partial<CdoConfig> = {}): CdoConfig {
  fields.refuseUnknown("config", "cdo", given, rules);
  const version = given.version ?? "2025";
  fields.checkFields("config", "cdo", { version }, { version: rules.version });
  const defaults = cdoDefaults[version];
  const merged: CdoConfig = { ...defaults, ...definedOf(given) };
  fields.checkFields("config", "cdo", { ...merged }, rules);
  const curriculum = merged.curriculum && curriculumConfig(merged.curriculum);
  const lrDecay = given.lrDecay ?? defaultDecay(merged.lrSchedule);
  const backbone = findBackbone(merged.backbone).name;
  const config = { ...merged, backbone, lrDecay, curriculum };
  refuseMeaningless(config);
  refuseIdle(config, defaults);
  const follows = version === "2025" && given.learningRate === undefined;
  return follows ? { ...config, learningRate: (0.0005 * config.batchSize) / 16 } : config;
}

function definedOf<T extends object>(given: T): Partial<T> {
  return Object.fromEntries(Object.entries(given).filter(([, v]) => v !== undefined)) as Partial<T>;
}

/** A curriculum needs something to change. */
function refuseMeaningless({ curriculum, mom, oom, loss }: CdoConfig): void {
  const other = loss !== "cdo" && [`with loss "${loss}"`, 'choose loss "cdo"'];
  const without = {
    synthesis: !mom && ["without mom", "turn mom on"],
    weights: other,
    gamma: other || (!oom && ["without oom", "turn oom on"]),
  };
  for (const [place, why] of Object.entries(without)) {
    if (!why || !curriculum || !(place in curriculum)) continue;
    const [when, next] = why;
    throw new LoupeError(
      "config",
      `cdo: curriculum.${place} has no effect ${when}; leave out ${place} or ${next}`,
    );
  }
}

/** A setting that nothing would come of is a misunderstanding, unless it is the default. */
function refuseIdle(config: CdoConfig, defaults: CdoConfig): void {
  const { version, mapMode, loss } = config;
  refuseIdleOptimisation(config, defaults);
  const of2025: readonly (keyof CdoConfig)[] = [
    "detour",
    "mapMode",
    "mapDistance",
    "levelWeights",
    "mapScale",
  ];
  const ofSum: readonly (keyof CdoConfig)[] = ["levelWeights", "mapScale"];
  const refuse = (names: readonly (keyof CdoConfig)[], why: string) => {
    const field = names.find((name) => String(config[name]) !== String(defaults[name]));
    if (field === undefined) return;
    throw new LoupeError("config", `cdo: ${field} has no effect ${why}; leave it out`);
  };
  if (version === "2023") refuse(of2025, 'in version "2023"');
  else if (mapMode !== "add") refuse(ofSum, `with mapMode "${mapMode}"`);
  if (loss !== "cdo") refuse(["oom", "gamma"], `with loss "${loss}"`);
  if (config.curriculum?.gamma)
    refuse(["gamma"], "beside curriculum.gamma, which gives its values");
}
