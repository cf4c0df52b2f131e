/** How the engine runs the stored cases of normalisation, pooling, resizing, padding and what folds a row: for Node and browser. */

import type { Tensor } from "../../src/core/index.ts";
import * as core from "../../src/core/index.ts";
import type { Apply } from "./check-case.ts";

type Along = { axis: number; eps: number };
type Widths = readonly [number, number, number, number];

const batchNorm: Apply = (inputs, options) => {
  const [x, runningMean, runningVar, weight, bias] = inputs as Tensor[];
  const o = options as unknown as core.BatchNormOptions;
  const statistics = { runningMean: runningMean!, runningVar: runningVar! };
  const y = core.batchNorm(x!, { ...o, ...statistics, weight, bias });
  return [y, runningMean!.view(), runningVar!.view()];
};

const layerNorm: Apply = (inputs, o) => {
  const [x, weight, bias] = inputs as Tensor[];
  return core.layerNorm(x!, o.normalizedShape as number[], weight, bias, o.eps as number);
};

/** A stored scale factor stands for a size. */
const interpolate: Apply = ([x], o) => {
  const t = x as Tensor;
  const factor = o.scaleFactor as [number, number] | undefined;
  const size = factor?.map((s, i) => s * t.shape[i + 1]!) ?? o.size;
  return core.interpolate(t, { ...o, size } as core.InterpolateOptions);
};

const pad: Apply = ([x], { padding, ...rest }) => core.pad(x as Tensor, padding as Widths, rest);

/** Family, then op. */
export const imageOps: Readonly<Record<string, Readonly<Record<string, Apply>>>> = {
  batchNorm: { batchNorm },
  norm: { layerNorm, normalize: ([x], o) => core.normalize(x as Tensor, o as Along) },
  softmax: {
    softmax: ([x], o) => core.softmax(x as Tensor, o.axis as number),
    logSoftmax: ([x], o) => core.logSoftmax(x as Tensor, o.axis as number),
  },
  distance: {
    cosineSimilarity: ([a, b], o) => core.cosineSimilarity(a as Tensor, b as Tensor, o as Along),
  },
  pool: {
    maxPool2d: ([x], o) => core.maxPool2d(x as Tensor, o as unknown as core.MaxPool2dOptions),
    avgPool2d: ([x], o) => core.avgPool2d(x as Tensor, o as unknown as core.AvgPool2dOptions),
    adaptiveAvgPool2d: ([x], o) => core.adaptiveAvgPool2d(x as Tensor, o.outputSize as core.Pair),
    adaptiveMaxPool2d: ([x], o) => core.adaptiveMaxPool2d(x as Tensor, o.outputSize as core.Pair),
  },
  interpolate: { interpolate },
  shape: { pad, gaussianBlur: ([x], o) => core.gaussianBlur(x as Tensor, o.sigma as number, o) },
};
