/** FOD on the command line. */
import { z } from "zod";
import { createFod, type FodConfig, fodConfig } from "../fod/index.ts";
import { flag, whole } from "./flags.ts";
import { referenceInputs } from "./fod-inputs.ts";
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
} from "./options.ts";

export const fit = flag(
  z.enum(["stretch", "crop"]),
  "stretch (default): both sides become the image size; crop: the shorter one does, and the square is cut from the middle, as for BTAD and MVTec 3D",
  { value: "name" },
);

/** Every key of the config is here, or this does not compile. */
type FodFields = Record<keyof FodConfig, z.ZodType>;

const fodSettings = z.strictObject({
  backbone,
  imageSize,
  fit,
  levels: flag(
    z.array(whole(0).max(2)).min(1).max(3),
    "levels of the backbone, finest 0; default 1 2",
    { value: "level", rule: "one or more of 0, 1 and 2, finest first, such as [1, 2]" },
  ),
  widths: flag(
    z.array(whole(4)).min(1).max(3),
    "channels inside the network of each level; default 256 at stride 8, 512 at stride 16",
    { value: "channels", rule: "whole numbers from 4, one for each level, such as [256, 512]" },
  ),
  heads: flag(whole(1), "heads of each attention; default 8", { value: "number" }),
  layers: flag(whole(1), "encoder layers of each level; default 3", { value: "number" }),
  epochs,
  batchSize,
  learningRate,
  lambda1: flag(z.number().min(0), "weight of the divergences from the targets; default 0.5", {
    value: "number",
  }),
  lambda2: flag(z.number().min(0), "weight of the entropies; default 0.5", { value: "number" }),
  intra: flag(z.boolean(), "no correlations among the tokens of an image", { on: true }),
  inter: flag(z.boolean(), "no correlations with the reference features", { on: true }),
  optimisers: flag(
    z.enum(["shared", "separate"]),
    "shared (default): a step of one level moves the others along their momentum, as the reference with torch before 2.0; separate: it does not",
    { value: "name" },
  ),
  sigma,
  scoreRatio,
  precision,
} satisfies FodFields);

/** Weights of the reference's timm 0.6.12 where others of the backbone stand first in our table. */
const timmWeights: Readonly<Record<string, string>> = {
  wide_resnet50_2: "wide_resnet50_2.racm_in1k",
};

export const fod: Method = {
  name: "fod",
  summary: "focus the discrepancy, by correlations inside and between images (Yao et al., 2023)",
  settings: fodSettings,
  config: (settings) => {
    refuseDefects("fod", settings);
    return { ...fodConfig(ownSettings(settings, fodSettings) as Partial<FodConfig>) };
  },
  title: (config) => {
    const { backbone, fit, levels, intra, inter, optimisers } = config as unknown as FodConfig;
    const branches = intra && inter ? "" : intra ? "intra" : inter ? "inter" : "rec";
    const parts = [
      fit === "crop" && "crop",
      String(levels) !== "1,2" && `l${levels.join("")}`,
      branches,
      optimisers !== "shared" && optimisers,
    ];
    return ["fod", backbone, ...parts.filter(Boolean)].join("-");
  },
  keyOf: {},
  settled: (_, value) => value,
  free: [],
  weightsOf: (backbone) => timmWeights[backbone] ?? backbone,
  learnsDefects: false,
  inputs: referenceInputs,
  create: ({ config, device, teacher, frozen, model, inputs, seed }) =>
    createFod({
      ...{ config: config as Partial<FodConfig>, device, teacher, frozen, model, seed },
      reference: inputs,
    }),
};
