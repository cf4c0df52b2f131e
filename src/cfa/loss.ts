/**
 * The loss of CFA: of the squared distances t₁ ≤ t₂ ≤ … from a patch to the centres, the first K are pulled inside a sphere of
 * radius r and the next J pushed out of it.
 *
 *   L = 1/ν · ( mean over patches, k ≤ K of max(0, t_k − r²)  +  mean over patches, K < k ≤ K + J of max(0, r² − α − t_k) )
 *
 * Gradients go to the patches and to r; the centres stay.
 */
import { add, map, mean, mul, slice, type Tensor } from "../core/index.ts";
import type { CfaConfig } from "./config.ts";

export type CfaLossOptions = Pick<CfaConfig, "neighbours" | "negatives" | "nu" | "alpha">;

// a hinge by `select`, for `max` would make 0 of NaN, and a training that has diverged would look done
const outside = {
  f: "select(t - r * r, T(0), t <= r * r)",
  d: {
    t: "select(T(0), g, t > r * r)",
    r: "select(T(0), T(-2) * r * g, t > r * r)",
  },
};

const inside = {
  f: "select(r * r - t - T(p.alpha), T(0), r * r - t <= T(p.alpha))",
  d: {
    t: "select(T(0), -g, r * r - t > T(p.alpha))",
    r: "select(T(0), T(2) * r * g, r * r - t > T(p.alpha))",
  },
};

/**
 * @param squares `[…, K + J]` squared distances, ascending
 * @param r `[1]`
 * @returns one element
 */
export function cfaLoss(squares: Tensor, r: Tensor, options: CfaLossOptions): Tensor {
  const { attraction, repulsion } = cfaTerms(squares, r, options);
  return repulsion ? add(attraction, repulsion) : attraction;
}

/** The two terms, each divided by ν. */
export function cfaTerms(
  squares: Tensor,
  r: Tensor,
  { neighbours: k, negatives: j, nu, alpha }: CfaLossOptions,
): { readonly attraction: Tensor; readonly repulsion: Tensor | undefined } {
  const near = map("cfa attraction", outside, { t: slice(squares, -1, 0, k), r });
  const attraction = mul(mean(near), 1 / nu);
  if (j === 0) return { attraction, repulsion: undefined };
  // reference: counts them from J + 1 on; the same while J = K = 3
  const next = slice(squares, -1, k, k + j);
  const far = map("cfa repulsion", inside, { t: next, r }, { alpha });
  return { attraction, repulsion: mul(mean(far), 1 / nu) };
}
