/** CFA on the command line. */
import { z } from "zod";
import { type CfaConfig, cfaConfig, createCfa } from "../cfa/index.ts";
import { flag, whole } from "./flags.ts";
import { type Method, ownSettings, refuseDefects } from "./method.ts";
import {
  backbone,
  batchSize,
  epochs,
  imageSize,
  learningRate,
  precision,
  scoreRatio,
  sigma,
  weightDecay,
} from "./options.ts";

/** Every key of the config is here, or this does not compile. */
type CfaFields = Record<keyof CfaConfig, z.ZodType>;

const cfaSettings = z.strictObject({
  backbone,
  imageSize,
  transform: flag(
    z.enum(["r+c", "r"]),
    "r+c (default): the shorter side becomes 8/7 of the image size and the square is cut from the middle; r: all of it",
    { value: "name" },
  ),
  wild: flag(
    z.number().min(0).max(180),
    "RD-MVTec: turn images by up to so many degrees and cut them anywhere, in testing too; 10 in the paper, default 0: off",
    { value: "degrees" },
  ),
  epochs,
  batchSize,
  dropLast: flag(z.boolean(), "also train on the last batch of an epoch if it is not full", {
    on: true,
  }),
  learningRate,
  weightDecay,
  gammaC: flag(whole(1), "one centre of the memory bank for so many patches; default 1", {
    value: "number",
  }),
  gammaD: flag(whole(1), "what the descriptor's channels are divided by; default 1", {
    value: "number",
  }),
  neighbours: flag(whole(1), "K: centres that a patch is pulled to; default 3", {
    value: "number",
  }),
  negatives: flag(whole(0), "J: the next centres, which it is pushed from; default 3", {
    value: "number",
  }),
  nu: flag(z.number().gt(0), "ν, which the loss is divided by; default 0.001", { value: "number" }),
  alpha: flag(z.number().min(0), "α: how near the negatives may come; default 0.1", {
    value: "number",
  }),
  radius: flag(z.number().gt(0), "r at the start; default 0.00001", { value: "number" }),
  bank: flag(
    z.enum(["mean", "paper"]),
    "memory bank: mean of the patches at each place, as the authors' code (default), or the paper's Algorithm 1",
    { value: "name" },
  ),
  sigma,
  scoreRatio,
  precision,
} satisfies CfaFields);

export const cfa: Method = {
  name: "cfa",
  summary: "coupled-hypersphere-based feature adaptation (Lee et al., 2022)",
  settings: cfaSettings,
  config: (settings) => {
    refuseDefects("cfa", settings);
    return { ...cfaConfig(ownSettings(settings, cfaSettings) as Partial<CfaConfig>) };
  },
  title: (config) => {
    const { backbone, transform, wild, gammaC, gammaD, bank } = config as unknown as CfaConfig;
    const parts = [
      transform === "r" && "r",
      wild > 0 && `rd${wild}`,
      gammaC > 1 && `gc${gammaC}`,
      gammaD > 1 && `gd${gammaD}`,
      bank !== "mean" && bank,
    ];
    return ["cfa", backbone, ...parts.filter(Boolean)].join("-");
  },
  keyOf: {},
  settled: (_, value) => value,
  free: [],
  weightsOf: (backbone) => backbone,
  learnsDefects: false,
  create: ({ config, device, teacher, frozen, model, seed }) =>
    createCfa({ config: config as Partial<CfaConfig>, device, teacher, frozen, model, seed }),
};
