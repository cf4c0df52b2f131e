/** CDO on the command line. */
import { z } from "zod";
import {
  type CdoConfig,
  type CurriculumConfig,
  cdoConfig,
  createCdo,
  curriculumConfig,
  curriculumOfTokens,
  curriculumOfWords,
  nameOfCurriculum,
} from "../cdo/index.ts";
import { LoupeError } from "../error.ts";
import { defined } from "./defined.ts";
import { withScores } from "./difficulty-scores.ts";
import { flag, whole } from "./flags.ts";
import { type Method, ownSettings } from "./method.ts";
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
type CdoFields = Record<
  Exclude<keyof CdoConfig, "version"> | "methodVersion" | "augmRed",
  z.ZodType
>;

const cdoSettings = z.strictObject({
  methodVersion: flag(
    z.enum(["2025", "2023"]),
    "2025: the authors' refactor (default); 2023: the paper's code",
  ),
  backbone,
  imageSize,
  epochs,
  batchSize,
  loss: flag(
    z.enum(["cdo", "l2", "l1", "cosine", "kl"]),
    "cdo (default), or a distance that looks at all pixels alike",
    { value: "name" },
  ),
  optimiser: flag(
    z.enum(["adam", "adamw", "sgd"]),
    "default: adam in version 2025, adamw in 2023",
    { value: "name" },
  ),
  learningRate,
  betas: flag(z.array(z.number().min(0).lt(1)).length(2), "of adam and adamw", {
    value: "number",
    rule: "two numbers from 0 to below 1",
  }),
  momentum: flag(z.number().min(0).lt(1), "of sgd; default 0.9", { value: "number" }),
  weightDecay,
  lrSchedule: flag(
    z.enum(["step", "exponential", "cosine", "constant"]),
    "how the learning rate falls; default: step in version 2025, exponential in 2023",
    { value: "name" },
  ),
  lrDecay: flag(
    z.number().gt(0).max(1),
    "what a step, or each epoch of exponential, multiplies the learning rate with",
    { value: "factor" },
  ),
  lrDecayAt: flag(z.number().gt(0).max(1), "share of the epochs until a step; default 0.8", {
    value: "share",
  }),
  warmupEpochs: flag(whole(0), "epochs over which the learning rate grows; default 0", {
    value: "number",
  }),
  ema: flag(
    z.number().min(0).lt(1),
    "evaluate and save the average of the weights with this decay, such as 0.999; 0: off",
    { value: "decay" },
  ),
  clipNorm: flag(z.number().min(0), "L2 norm the gradient is clipped to; 0: not at all", {
    value: "norm",
  }),
  checkpointActivations: flag(
    z.boolean(),
    "keep less in memory for the gradients and compute it again: the same results, a third slower",
  ),
  gamma: flag(z.number().min(0), "exponent of OOM's weights", { value: "number" }),
  oom: flag(z.boolean(), "no overlap optimisation: every pixel weighs the same", { on: true }),
  mom: flag(z.boolean(), "no margin optimisation: train without synthetic anomalies", { on: true }),
  detour: flag(z.boolean(), "don't pass training images through 1024 × 1024", { on: true }),
  sigma,
  scoreRatio,
  mapMode: flag(z.enum(["add", "mul", "concat"]), "how the maps of the levels are joined", {
    value: "mode",
  }),
  mapDistance: flag(z.enum(["cosine", "euclidean"]), "distance of two features (2025)", {
    value: "name",
  }),
  levelWeights: flag(
    z.array(z.number().min(0)).length(3),
    "weights of the three levels where maps are added",
    { value: "weight", rule: "three numbers, 0 or more" },
  ),
  mapScale: flag(
    z.enum(["reference", "mean", "none"]),
    "what the sum of the maps is divided by: nine as in the reference, three, one",
    { value: "name" },
  ),
  curriculum: flag(
    z.union([z.array(z.string().min(1)).min(1), z.looseObject({})]),
    "what changes over the training: presets such as freq-step5 oom-warmup, or parts such as freq:step:k=5; `loupe preview` shows it",
    {
      value: "word",
      rule: 'words in a list, such as ["freq-step5", "oom-warmup"], or an object',
    },
  ),
  augmRed: flag(
    z.array(z.string().min(1)).min(1),
    "the same in the words of the curriculum fork, such as freq LinearStepController 5 alpha 4 0.6",
    { value: "token" },
  ),
  precision,
} satisfies CdoFields);

export const cdo: Method = {
  name: "cdo",
  summary: "collaborative discrepancy optimisation (Cao et al., 2023)",
  settings: cdoSettings,
  config: (settings) => {
    const {
      methodVersion: version,
      curriculum,
      augmRed,
      ...rest
    } = ownSettings(settings, cdoSettings);
    const given = {
      ...rest,
      ...defined({ version }),
      ...defined({ curriculum: cdoCurriculum(curriculum, augmRed) }),
    };
    const config = cdoConfig(given as Partial<CdoConfig>);
    if (config.curriculum?.order && (settings.sampler ?? "naive") !== "naive") {
      const rule = "and a curriculum of the images both choose which images come";
      throw new LoupeError(
        "config",
        `--sampler ${settings.sampler} ${rule}; leave one of them out`,
      );
    }
    return { ...config };
  },
  title: ({ version, backbone, loss, mom, oom, ema, curriculum }) =>
    [
      version === "2025" ? "cdo" : `cdo${version}`,
      backbone,
      ...(loss && loss !== "cdo" ? [loss] : []),
      ...(mom === false ? ["no-mom"] : []),
      ...(oom === false ? ["no-oom"] : []),
      ...(ema ? ["ema"] : []),
      ...(curriculum ? [nameOfCurriculum(curriculum as CurriculumConfig)] : []),
    ]
      .filter((part) => part !== "none") // a curriculum that changes nothing
      .join("-"),
  keyOf: { methodVersion: "version", augmRed: "curriculum" },
  settled: (key, value) => {
    if (value === undefined || value === null) return value;
    if (key === "augmRed") return Array.isArray(value) ? cdoCurriculum(undefined, value) : value;
    if (key !== "curriculum") return value;
    const given = cdoCurriculum(value, undefined);
    return given && curriculumConfig(given);
  },
  free: ["checkpointActivations"],
  weightsOf: (backbone) => backbone,
  learnsDefects: true,
  create: ({ config, ...rest }) => createCdo({ config: config as Partial<CdoConfig>, ...rest }),
};

/** From words, the fork's tokens or an object; undefined where nothing was said. */
function cdoCurriculum(given: unknown, tokens: unknown): CurriculumConfig | null | undefined {
  if (given !== undefined && tokens !== undefined) {
    throw new LoupeError("config", "--curriculum and --augm-red: give one of them");
  }
  if (tokens !== undefined) return curriculumOfTokens(tokens as readonly string[]);
  if (!Array.isArray(given)) return given ? withScores(given) : (given as null | undefined);
  return curriculumOfWords(given as readonly string[], "--curriculum") ?? null;
}
