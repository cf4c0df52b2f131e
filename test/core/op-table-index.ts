/** How the engine runs the stored cases of ordering, indexing, attention, distances and losses: for Node and browser. */

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

/** The results of attention one after the other, as the stored cases have them. */
const attended =
  (...names: (keyof core.Attended)[]): Apply =>
  ([q, k, v, sigma], { grid, ...options }) => {
    const prior = { sigma, grid } as core.AttentionPrior;
    const o = { ...attentionOptions(options), prior };
    const results = core.attention(q as Tensor, k as Tensor, v as Tensor, o);
    const flat = names.map((name) => core.reshape(results[name], [-1]));
    return names.length === 1 ? results[names[0]!] : core.concat(flat, 0);
  };
/** PyTorch's None is null in JSON and left out here. */
const attentionOptions = ({ heads, scale }: Record<string, unknown>) =>
  ({ heads, ...(scale === null ? {} : { scale }) }) as core.AttentionOptions;

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
  attention: {
    attention: ([q, k, v], o) =>
      core.attention(q as Tensor, k as Tensor, v as Tensor, attentionOptions(o)),
    attentionMaps: attended("out", "mapDivergence", "entropy"),
    attentionPrior: attended("priorDivergence"),
    attentionAll: attended("out", "mapDivergence", "priorDivergence", "entropy"),
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
