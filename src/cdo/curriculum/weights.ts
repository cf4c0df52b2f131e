/**
 * The formulas of `WeightConfig` on the GPU. Parts of images are weighed among their kind, normal or abnormal: x is ℓ divided by its mean
 * over the parts of the kind in the batch, k the number of the epoch (an age λ in the same unit, a spread, a share, an exponent).
 * SuperLoss has a weight of e at most, the focal rule of 10, all others of 1.
 *
 * A kind that is in a batch stays in it: where no part of it has any weight, the one with the least ℓ gets 1, and weights that
 * add up to less than 1, one whole image, are scaled up to it.
 */
import {
  cast,
  exp,
  gather,
  map,
  min,
  mul,
  reshape,
  slice,
  sort,
  sum,
  type Tensor,
} from "../../core/index.ts";
import { LoupeError } from "../../error.ts";
import { lambertW } from "./lambert-w.ts";
import type { CompleteWeights } from "./weights-config.ts";

/** Numbers of an epoch that the step reads: k of normal and of abnormal parts, then of both 1, or 0 where all weigh the same. */
export const controlCount = 4;

type Formula = (x: Tensor, k: Tensor) => Tensor;
const pointwise =
  (f: string, params: Readonly<Record<string, number>> = {}): Formula =>
  (x, k) =>
    map("weights", { f }, { x, k }, params);

/** v(x, k); x is 0 or more where there is a part. */
function formulaOf(config: CompleteWeights): Formula {
  switch (config.name) {
    case "hard":
      return pointwise("select(T(0), T(1), x < k)");
    case "linear":
      return pointwise("max(T(0), T(1) - x / k)");
    case "log": {
      const { lambda } = config;
      const f = "select(T(0), log(x / k * T(p.lambda) + T(p.zeta)) * T(p.scale), x < k)";
      return pointwise(f, { lambda, zeta: 1 - lambda, scale: 1 / Math.log(1 - lambda) });
    }
    case "mixture": {
      const { ratio } = config;
      const f = "clamp(T(p.zeta) * (k / max(x, T(1e-6) * k) - T(1)), T(0), T(1))";
      return pointwise(f, { zeta: ratio / (1 - ratio) });
    }
    case "logistic":
      return pointwise("(T(1) + exp(-k)) / (T(1) + exp(min(x - k, T(80))))");
    case "polynomial":
      return pointwise("pow_(max(T(0), T(1) - x / k), T(p.power))", {
        power: 1 / (config.power - 1),
      });
    case "superloss":
      return superloss(config.lambda);
    case "ohem":
      return hardest;
    case "focal":
      return pointwise("min(T(10), pow_(max(x, T(1e-6)), k))");
  }
}

function superloss(lambda: number): Formula {
  const f = `T(0.5) * max(T(${-2 / Math.E}), (x - T(1)) / (k * T(p.lambda)))`;
  return (x, k) =>
    exp(map("weights", { f: `-w` }, { w: lambertW(map("weights", { f }, { x, k }, { lambda })) }));
}

/** 1 for the share k of the parts of a kind with the largest x, one at least. */
function hardest(x: Tensor, k: Tensor): Tensor {
  const last = (x.shape[1] as number) - 1;
  const count = sum(map("weights", { f: "select(T(0), T(1), x >= T(0))" }, { x }), 1, true);
  const f = "clamp(ceil(k * c - T(1e-4)) - T(1), T(0), T(p.last))";
  const place = map("weights", { f }, { k, c: count }, { last });
  const least = gather(sort(x, { descending: true }).values, 1, cast(place, "i32"));
  return map("weights", { f: "select(T(0), T(1), x >= least)" }, { x, least });
}

/**
 * Weights of the parts of a batch.
 * @param parts ℓ `[2 · N]`, first the normal parts of all images, then the abnormal ones; negative where there is none
 * @param controls `[4]`
 * @returns `[2 · N]`; 0 where there is no part
 */
export function weighParts(config: CompleteWeights, parts: Tensor, controls: Tensor): Tensor {
  if (parts.shape.length !== 1 || parts.size % 2 || controls.size !== controlCount) {
    const text = `needs parts [2 · N] and controls [${controlCount}], got ${parts} and ${controls}`;
    throw new LoupeError("shape", `weights: ${text}`);
  }
  const l = reshape(parts, [2, parts.size / 2]);
  const rows = reshape(controls, [2, 2]);
  const k = reshape(slice(rows, 0, 0, 1), [2, 1]);
  const on = reshape(slice(rows, 0, 1, 2), [2, 1]);
  const args = { v: formulaOf(config)(relative(l), k), l, on };
  const kept = { f: "select(select(v, T(1), on == T(0)), T(0), l < T(0))" };
  return reshape(floored(map("weights", kept, args), l), [parts.size]);
}

/** x of each part; −1 where there is none. */
function relative(l: Tensor): Tensor {
  const there = map("weights", { f: "select(T(1), T(0), l < T(0))" }, { l });
  const args = { l, s: sum(mul(l, there), 1, true), c: sum(there, 1, true) };
  return map("weights", { f: "select(l / max(s / max(c, T(1)), T(1e-6)), T(-1), l < T(0))" }, args);
}

/** Σv of each kind that is there at least 1. */
function floored(v: Tensor, l: Tensor): Tensor {
  const total = sum(v, 1, true);
  const there = map("weights", { f: "select(l, T(1e30), l < T(0))" }, { l });
  const least = min(there, 1, true);
  const one = "select(T(0), T(1), l == least)";
  const f = `select(v * max(T(1), T(1) / max(total, T(1e-12))), ${one}, total == T(0))`;
  return map("weights", { f }, { v, l, least, total });
}
