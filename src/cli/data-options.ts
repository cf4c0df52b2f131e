/** The flags that say which images a run trains on and which it is tested on, and what of them a run records. */
import { z } from "zod";
import { type Mode, modes, type SamplerName, samplerNames } from "../data/index.ts";
import { flag, whole } from "./flags.ts";

const text = () => z.string().min(1);

export const mode = flag(
  z.enum(modes as readonly [Mode, ...Mode[]]),
  "what is trained on: few_shot<k> k normal images, semi<k> also k real anomalies, zero_shot the test images; default unsupervised",
  { value: "mode" },
);
export const meta = flag(
  text(),
  "metadata file (JSON) that names the images, made by `loupe data index` or by CDO; paths below --data",
  { value: "file.json" },
);
export const splitSeed = flag(
  whole(0),
  "seed of what --mode draws and of the good images held back for testing; default 0, whatever --seed is",
  { value: "number" },
);
export const testData = flag(text(), "test on this data set instead of --data", {
  value: "folder",
});
export const testClass = flag(
  z.array(text()).min(1),
  "classes to test on; default: those trained on, or all if the test data have others",
  { value: "name" },
);
export const joint = flag(
  z.boolean(),
  "one model for all classes, in one run: metrics by class and their mean, one threshold for all",
);
export const sampler = flag(
  z.enum(samplerNames as readonly [SamplerName, ...SamplerName[]]),
  "order of images: naive, each once (default); balanced, half of each batch real anomalies",
  { value: "name" },
);
export const allowOverlap = flag(
  z.boolean(),
  "test on images that were trained on, which says little",
);

/** In the order of help. */
export const dataChoices = {
  mode,
  meta,
  splitSeed,
  testData,
  testClass,
  joint,
  sampler,
  allowOverlap,
};

/** run.json's `data`. What older runs don't have is optional. */
export const recordedData = z.looseObject({
  root: z.string(),
  /** Name of the run's column in tables; with `classes` a name for all of them. */
  class: z.string(),
  /** The classes of a joint training. */
  classes: z.array(z.string()).min(1).nullish(),
  layout: z.string().nullable(),
  testFraction: z.number().nullable(),
  mode: z.enum(modes as readonly [Mode, ...Mode[]]).nullish(),
  meta: z.string().nullish(),
  splitSeed: z.int().min(0).nullish(),
  /** Where the test images lie if not below `root`. */
  testRoot: z.string().nullish(),
  /** The classes tested on if not those trained on. */
  testClasses: z.array(z.string()).min(1).nullish(),
  allowOverlap: z.boolean().nullish(),
  sampler: z.enum(samplerNames as readonly [SamplerName, ...SamplerName[]]).nullish(),
  /** Bytes of each training image that is a test image of its folder, so that no later test counts it. */
  taken: z.record(z.string(), z.int()).nullish(),
  train: z.int(),
  test: z.int(),
  /** Of names and sizes of the training images, and of the masks of real anomalies. */
  fingerprint: z.string(),
});

export type RecordedData = Readonly<z.infer<typeof recordedData>>;
