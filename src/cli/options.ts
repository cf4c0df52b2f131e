/** The flags that mean the same in every command, written down once. A command picks those it can honour. */
import { z } from "zod";
import { protocolNames } from "../metrics/index.ts";
import { flag, whole } from "./flags.ts";

const text = () => z.string().min(1);

export const data = flag(text(), "folder of the data set: <class>/train/good, or a folder `good`", {
  value: "folder",
});
export const classes = flag(
  z.array(text()).min(1),
  "classes to use, one after the other; without it all that the folder has",
  { value: "name" },
);
export const layout = flag(text(), "how the data folder is laid out; default: found out", {
  value: "name",
});
export const testFraction = flag(
  z.number().min(0).max(1),
  "folders without a test split: share of good images held back for testing; default 0.2",
  { value: "share" },
);
export const backbone = flag(
  text(),
  "network that gives the features, such as resnet18 or hrnet_w32",
  { value: "name" },
);
export const weights = flag(
  text(),
  "the frozen network's weights: a file (.safetensors, .pth), a name of `loupe weights list`, or `random` to try things out; default: the published weights of the backbone",
  { value: "file|name" },
);
export const imageSize = flag(whole(1), "side of the square network input, pixels", {
  value: "pixels",
});
export const epochs = flag(whole(0), "epochs of training", { value: "number" });
export const batchSize = flag(whole(1), "images a step; less needs less GPU memory", {
  value: "number",
});
export const learningRate = flag(z.number().gt(0), "learning rate of the first step", {
  value: "rate",
});
export const weightDecay = flag(z.number().min(0), "pull of the weights towards 0", {
  value: "number",
});
export const sigma = flag(z.number().min(0), "blur of the maps, pixels; 0: none", {
  value: "pixels",
});
export const scoreRatio = flag(
  z.number().min(0).max(1),
  "image score: mean of this share of the largest pixels; 0: the maximum",
  { value: "share" },
);
export const seed = flag(whole(0), "seed of everything random; default 1", { value: "number" });
export const adapter = flag(text(), "GPU to use, by part of its name; default: the fastest", {
  value: "name",
});
export const memoryLimit = flag(
  whole(1),
  "most GPU memory to use, MiB; default: what the GPU gives",
  {
    value: "MiB",
  },
);
export const plans = flag(
  text(),
  "table of measured plans from `loupe tune --output`, or `none`; default: what was measured on this GPU",
  { value: "file|none" },
);
export const precision = flag(
  z.enum(["auto", "f32", "f16"]),
  "in which the networks compute; default auto: f16 where the GPU has units for it, else f32",
  { value: "name" },
);
export const profile = flag(
  text(),
  "time every kernel on the GPU: a table on the terminal, and a trace for Perfetto in this file",
  { value: "file.json" },
);
export const maskThreshold = flag(
  z.int().min(0).max(254),
  "mask values above it are defective; default 0, as in the references",
  { value: "0..254" },
);
export const output = (what: string, value = "folder") => flag(text(), what, { value });

const thresholdPattern =
  /^(max-f1|quantile=(0|1|0?\.\d+|1\.0*)|manual=[+-]?[\d.]+(e[+-]?\d+)?,[+-]?[\d.]+(e[+-]?\d+)?)$/i;
export const threshold = flag(
  z.string().regex(thresholdPattern),
  "where defective begins: max-f1 (on the test images), quantile=0.99 (of the good ones), manual=<image>,<pixel>",
  { value: "policy", rule: "max-f1, quantile=<0..1> or manual=<image>,<pixel>" },
);
export const protocol = flag(
  z.enum(protocolNames),
  "how metrics are computed: exact (default), or as that reference does; in training cfa and fod measure after each epoch",
  { value: "name" },
);
export const maps = flag(z.boolean(), "write no anomaly maps (maps/*.npy)", { on: true });
export const images = flag(z.boolean(), "write no overlays (images/*.png)", { on: true });
