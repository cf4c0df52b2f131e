/**
 * The settings of CFA as plain data: what is saved with a run and what a config file may hold; and what sizes follow from them.
 * Defaults are the authors' code's, which holds most of them fixed.
 */
import type { Precision } from "../core/index.ts";
import { fields } from "../detector/index.ts";
import { LoupeError } from "../error.ts";
import { findBackbone } from "../models/index.ts";

export interface CfaConfig {
  /** A backbone with three feature levels, see `backboneNames`. */
  readonly backbone: string;
  /** Side of the square that is looked at, pixels. Default: 224 of "r+c", 256 of "r". */
  readonly imageSize: number;
  /**
   * How an image becomes the square. "r+c": the shorter side is resized to 8/7 of `imageSize` and the square is cut from the middle;
   * "r": the shorter side becomes `imageSize`, so that nothing of a square image is cut off.
   */
  readonly transform: "r+c" | "r";
  /** RD-MVTec: images are turned by up to so many degrees and cut anywhere, in training and in testing; 10 in the paper, 0: off. */
  readonly wild: number;
  readonly epochs: number;
  readonly batchSize: number;
  /** An epoch's last batch is left out when it is not full, unless it is the only one. */
  readonly dropLast: boolean;
  readonly learningRate: number;
  /** AdamW shrinks the weights and r by learningRate · weightDecay. */
  readonly weightDecay: number;
  /** γ_c: the memory bank has ⌊patches / γ_c⌋ centres. */
  readonly gammaC: number;
  /** γ_d: the descriptor has ⌊channels / γ_d⌋ channels. */
  readonly gammaD: number;
  /** K: centres that a patch is pulled to, and that its score is made of. */
  readonly neighbours: number;
  /** J: the centres after those, which it is pushed from. */
  readonly negatives: number;
  /** ν: the loss is divided by it. */
  readonly nu: number;
  /** α: how much farther than r the negatives may not come. */
  readonly alpha: number;
  /** r at the start. */
  readonly radius: number;
  /** "mean": the average of the patches at each position, as the code; "paper": Algorithm 1. See `bank.ts`. */
  readonly bank: "mean" | "paper";
  /** Standard deviation of the blur of the map, pixels. */
  readonly sigma: number;
  /** The image score is the mean of this share of the largest pixels; 0: the maximum. */
  readonly scoreRatio: number;
  /** In which the frozen network computes; descriptor, distances and loss are f32 either way. f16 needs a GPU with `shader-f16`. */
  readonly precision: Precision;
}

/** Every setting; `imageSize` is that of "r+c". */
export const cfaDefaults: CfaConfig = {
  backbone: "wide_resnet50_2",
  imageSize: 224,
  transform: "r+c",
  wild: 0,
  epochs: 30,
  batchSize: 4,
  dropLast: true,
  learningRate: 1e-3,
  weightDecay: 5e-4,
  gammaC: 1,
  gammaD: 1,
  neighbours: 3,
  negatives: 3,
  nu: 1e-3,
  alpha: 0.1,
  radius: 1e-5,
  bank: "mean",
  sigma: 4,
  scoreRatio: 0,
  precision: "f32",
};

/** Sizes beyond these are mistakes, and would be asked of memory before they fail. */
const most = { imageSize: 8192, batchSize: 4096, epochs: 1_000_000 };

const above0 = (value: number) => value > 0;
const atLeastZero = (value: number) => value >= 0;

const rules: fields.FieldRules<CfaConfig> = {
  backbone: fields.text,
  imageSize: fields.whole(1, most.imageSize),
  transform: fields.oneOf("r+c", "r"),
  wild: fields.number("degrees from 0 (off) to 180", (v) => v >= 0 && v <= 180),
  epochs: fields.whole(0, most.epochs),
  batchSize: fields.whole(1, most.batchSize),
  dropLast: fields.flag,
  learningRate: fields.number("a number above 0", above0),
  weightDecay: fields.number("0 (off) or more", atLeastZero),
  gammaC: fields.whole(1),
  gammaD: fields.whole(1),
  neighbours: fields.whole(1),
  negatives: fields.whole(0),
  nu: fields.number("a number above 0", above0),
  alpha: fields.number("0 or more", atLeastZero),
  radius: fields.number("a number above 0", above0), // from 0 no gradient would move it
  bank: fields.oneOf("mean", "paper"),
  sigma: fields.number("0 (off) or more, at most 256", (v) => v >= 0 && v <= 256),
  scoreRatio: fields.number("a share from 0 to 1", (v) => v >= 0 && v <= 1),
  precision: fields.oneOf("f32", "f16"),
};

/**
 * A complete config from what was given; its fields may come from a file.
 * @throws LoupeError `config` naming the field that is unknown, breaks its rule, or would have no effect
 */
export function cfaConfig(given: Partial<CfaConfig> = {}): CfaConfig {
  fields.refuseUnknown("config", "cfa", given, rules);
  const { transform = cfaDefaults.transform } = given;
  fields.checkFields("config", "cfa", { transform }, { transform: rules.transform });
  const imageSize = transform === "r" ? 256 : cfaDefaults.imageSize;
  const defined = Object.entries(given).filter(([, value]) => value !== undefined);
  const merged: CfaConfig = { ...cfaDefaults, imageSize, ...Object.fromEntries(defined) };
  fields.checkFields("config", "cfa", { ...merged }, rules);
  const config = { ...merged, backbone: findBackbone(merged.backbone).name };
  channelsOf(config);
  if (config.negatives === 0 && config.alpha !== cfaDefaults.alpha) {
    throw new LoupeError("config", "cfa: alpha has no effect without negatives; leave it out");
  }
  return config;
}

/** What the shorter side of an image is resized to before the square is cut out. */
export function shorterSide({ transform, imageSize }: CfaConfig): number {
  return transform === "r" ? imageSize : Math.round((imageSize * 8) / 7);
}

/** The one network whose pooled maps are divided by their channels, and whose descriptor has twice as many as they. */
export const scaledBackbone = "efficientnet_b5";

/** D, the channels of the descriptor. */
export function channelsOf({ backbone, gammaD }: CfaConfig): number {
  const { name, channels } = findBackbone(backbone);
  const all = channels.reduce((a, b) => a + b) * (name === scaledBackbone ? 2 : 1);
  if (gammaD <= all) return Math.floor(all / gammaD);
  const rule = `of the descriptor's ${all} channels with ${name} none would be left`;
  throw new LoupeError("config", `cfa: gammaD is ${gammaD}, but ${rule}; give 1 to ${all}`);
}

/**
 * N, the centres of the memory bank.
 * @param side patches along a side of the finest map
 */
export function centresOf(config: CfaConfig, side: number): number {
  const { backbone, imageSize, gammaC, neighbours, negatives } = config;
  const patches = side ** 2;
  const square = `imageSize ${imageSize} gives ${patches} ${patches === 1 ? "patch" : "patches"}`;
  const fail = (what: string, next: string) =>
    new LoupeError("config", `cfa: ${what} (${square} with ${backbone}); ${next}`);
  if (side < 2) {
    throw fail("a single patch has no coordinates", "give a larger imageSize");
  }
  if (gammaC > patches) {
    const next = `give a gammaC from 1 to ${patches}, or a larger imageSize`;
    throw fail(`gammaC is ${gammaC}, so that the memory bank would have no centre`, next);
  }
  const centres = Math.floor(patches / gammaC);
  const wanted = neighbours + negatives;
  if (wanted > centres) {
    const sum = `neighbours + negatives is ${neighbours} + ${negatives} = ${wanted}`;
    const next = "lower them or gammaC, or give a larger imageSize";
    throw fail(`${sum}, but the memory bank has ${centres} centres at gammaC ${gammaC}`, next);
  }
  return centres;
}
