/** The settings of FOD as plain data: what is saved with a run and what a config file may hold. Defaults are the reference's. */
import type { Precision } from "../core/index.ts";
import { fields } from "../detector/index.ts";
import { LoupeError } from "../error.ts";
import { findBackbone } from "../models/index.ts";

export interface FodConfig {
  /** A backbone with three feature levels, see `backboneNames`. */
  readonly backbone: string;
  /** Side of the square image, pixels. */
  readonly imageSize: number;
  /** "stretch": both sides become `imageSize`. "crop": the shorter one does, and the square is cut from the middle (BTAD, MVTec 3D). */
  readonly fit: "stretch" | "crop";
  /** Which of the backbone's three levels, finest first; each has a network of its own. */
  readonly levels: readonly number[];
  /** Channels inside the network of each level. Default: 32 for each pixel of the level's stride. */
  readonly widths: readonly number[];
  /** Of each attention. */
  readonly heads: number;
  /** Encoder layers of each level. */
  readonly layers: number;
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  /** Weight of the divergences between correlations and their targets. */
  readonly lambda1: number;
  /** Weight of the entropies of the correlations. */
  readonly lambda2: number;
  /** Correlations among the tokens of an image. */
  readonly intra: boolean;
  /** Correlations between the tokens of an image and the mean features of all training images. */
  readonly inter: boolean;
  /**
   * "shared": each level's step moves all others too that have had one, along their momentum, as the one optimiser of the reference does
   * with torch before 2.0. "separate": a step moves its own level only, as with later versions. With a single level they are the same.
   */
  readonly optimisers: "shared" | "separate";
  /** Standard deviation of the blur of the map, pixels. */
  readonly sigma: number;
  /** The image score is the mean of this share of the largest pixels; 0: the maximum. */
  readonly scoreRatio: number;
  /** In which the networks compute; losses, correlations and weights are f32 either way. f16 needs a GPU with `shader-f16`. */
  readonly precision: Precision;
}

/** Without `widths`, which follow the backbone's strides. */
export const fodDefaults: Readonly<Omit<FodConfig, "widths">> = {
  backbone: "wide_resnet50_2",
  imageSize: 256,
  fit: "stretch",
  levels: [1, 2],
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
};

/** Sizes beyond these are mistakes, and would be asked of memory before they fail. */
const most = { imageSize: 8192, batchSize: 4096, epochs: 1_000_000, layers: 64, width: 8192 };

const atLeastZero = (value: number) => value >= 0;

const isLevels = (v: unknown) =>
  Array.isArray(v) &&
  v.length > 0 &&
  v.every((k, i) => [0, 1, 2].includes(k) && (i === 0 || k > v[i - 1]));

const isWidth = (v: unknown) =>
  Number.isInteger(v) && (v as number) >= 4 && (v as number) <= most.width;

const rules: fields.FieldRules<FodConfig> = {
  backbone: fields.text,
  imageSize: fields.whole(1, most.imageSize),
  fit: fields.oneOf("stretch", "crop"),
  levels: {
    rule: "levels of the backbone, finest first: one or more of 0, 1 and 2, such as [1, 2]",
    holds: isLevels,
  },
  widths: {
    rule: `whole numbers from 4 to ${most.width} in a list, one for each level`,
    holds: (v) => Array.isArray(v) && v.every(isWidth),
  },
  heads: fields.whole(1, most.width),
  layers: fields.whole(1, most.layers),
  epochs: fields.whole(0, most.epochs),
  batchSize: fields.whole(1, most.batchSize),
  learningRate: fields.number("a number above 0", (v) => v > 0),
  lambda1: fields.number("0 (off) or more", atLeastZero),
  lambda2: fields.number("0 (off) or more", atLeastZero),
  intra: fields.flag,
  inter: fields.flag,
  optimisers: fields.oneOf("shared", "separate"),
  sigma: fields.number("0 (off) or more, at most 256", (v) => v >= 0 && v <= 256),
  scoreRatio: fields.number("a share from 0 to 1", (v) => v >= 0 && v <= 1),
  precision: fields.oneOf("f32", "f16"),
};

/**
 * A complete config from what was given; its fields may come from a file.
 * @throws LoupeError `config` naming the field that is unknown, breaks its rule, or would have no effect
 */
export function fodConfig(given: Partial<FodConfig> = {}): FodConfig {
  fields.refuseUnknown("config", "fod", given, rules);
  const known = Object.fromEntries(Object.entries(given).filter(([, v]) => v !== undefined));
  const merged = { ...fodDefaults, widths: [] as readonly number[], ...known };
  fields.checkFields("config", "fod", { ...merged }, rules);
  const { name: backbone, strides } = findBackbone(merged.backbone);
  const widths = given.widths ?? merged.levels.map((k) => 32 * (strides[k] as number));
  const config: FodConfig = {
    ...merged,
    backbone,
    widths: [...widths],
    levels: [...merged.levels],
  };
  checkWidths(config);
  refuseIdle(config);
  return config;
}

function checkWidths({ widths, levels, heads }: FodConfig): void {
  const fail = (text: string) => new LoupeError("config", `fod: ${text}`);
  if (widths.length !== levels.length) {
    const got = `widths has ${widths.length} (${widths.join(", ")})`;
    throw fail(`each of the ${levels.length} levels has a width, but ${got}; give as many`);
  }
  for (const [i, width] of widths.entries()) {
    const where = `the width of level ${levels[i]} is ${width}`;
    if (width % 4 !== 0) {
      const rule = "the sines and cosines of rows and columns need a multiple of 4";
      throw fail(`${where}, but ${rule}; take ${4 * Math.ceil(width / 4)}`);
    }
    if (width % heads !== 0) {
      const rule = `${heads} heads do not divide it`;
      throw fail(`${where}, and ${rule}; change heads, or widths to multiples of ${heads}`);
    }
  }
}

/** A setting that nothing would come of is a misunderstanding, unless it is the default. */
function refuseIdle(config: FodConfig): void {
  const refuse = (names: readonly ("lambda1" | "lambda2" | "optimisers")[], why: string) => {
    const field = names.find((name) => config[name] !== fodDefaults[name]);
    if (field === undefined) return;
    throw new LoupeError("config", `fod: ${field} has no effect ${why}; leave it out`);
  };
  if (!config.intra && !config.inter) refuse(["lambda1", "lambda2"], "without intra and inter");
  if (config.levels.length === 1) refuse(["optimisers"], "with a single level");
}
