/** How the engine runs the stored cases of ordering, indexing, distances and losses: for Node and browser. */

import type { Tensor } from "../../src/core/index.ts";
import * as core from "../../src/core/index.ts";
import type { Apply } from "./check-case.ts";

const place =
  (op: typeof core.argmax): Apply =>
  ([x], o) =>
    op(x as Tensor, (o.axis as number | null) ?? undefined, o.keepdim as boolean);
const positions = { argmax: place(core.argmax), argmin: place(core.argmin) };

const crossEntropy: Apply = (inputs, o) => {
  const [logits, target, weight] = inputs as Tensor[];
  const options = { ...o, ...(weight ? { weight } : {}) } as core.CrossEntropyOptions;
  return core.crossEntropy(logits!, target!, options);
};

const nearest = (a: Tensor, b: Tensor, o: Record<string, unknown>) =>
  Object.values(core.nearest(a, b, o.k as number, { ...o, by: "product" })) as Tensor[];

/** Family, then op. */
export const indexOps: Readonly<Record<string, Readonly<Record<string, Apply>>>> = {
  reduction: positions,
  special: positions,
  index: {
    sort: ([x], o) => Object.values(core.sort(x as Tensor, o)),
    topk: ([x], o) => Object.values(core.topk(x as Tensor, o.k as number, o)),
    gather: ([x, index], o) => core.gather(x as Tensor, o.axis as number, index as Tensor),
    scatterAdd: ([x, index, source], o) =>
      core.scatterAdd(x as Tensor, o.axis as number, index as Tensor, source as Tensor),
    indexSelect: ([x, index], o) =>
      core.indexSelect(x as Tensor, o.axis as number, index as Tensor),
    indexAdd: ([x, index, source], o) =>
      core.indexAdd(x as Tensor, o.axis as number, index as Tensor, source as Tensor),
  },
  distance: {
    cdist: ([a, b], o) => core.cdist(a as Tensor, b as Tensor, o),
    nearest: ([a, b], o) => nearest(a as Tensor, b as Tensor, o),
  },
  loss: {
    mse: ([input, target], o) => core.mseLoss(input as Tensor, target as Tensor, o),
    crossEntropy,
  },
};
