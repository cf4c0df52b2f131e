/**
 * From a reconstruction to scores. A token is abnormal where it is made badly and where its correlations differ from their target:
 *
 *   rec_i = mean_c (x_ic − o_ic)² + 1 − cos(x_i, o_i),   k_i = both divergences, mean of layers and heads,   v = softmax(−k) over tokens
 *   both branches, or inter: rec_i · (max v − v_i);   intra: rec_i · v_i;   neither: rec_i
 */
import {
  add,
  cosineSimilarity,
  interpolate,
  max,
  mean,
  mseLoss,
  mul,
  neg,
  reshape,
  softmax,
  sub,
  type Tensor,
} from "../core/index.ts";
import type { Correlation } from "./correlation.ts";
import type { Grid } from "./embedding.ts";
import type { Branches } from "./encoder.ts";
import type { Reconstruction } from "./model.ts";

/** Whose correlations the score looks at: of two branches only the inter one's. */
export function scoredBranches({ intra, inter }: Branches): Branches {
  return { intra: intra && !inter, inter };
}

/**
 * @param tokens `[N, L, C]`
 * @param made with the correlations of `scoredBranches`
 * @returns `[N, L]`
 */
export function tokenScores(tokens: Tensor, made: Reconstruction): Tensor {
  const { out, intra, inter } = made;
  const squares = mean(mseLoss(out, tokens, { reduction: "none" }), 2);
  const rec = add(squares, sub(1, cosineSimilarity(tokens, out)));
  if (inter.length > 0) {
    const v = likeness(inter);
    return mul(rec, sub(max(v, 1, true), v));
  }
  return intra.length > 0 ? mul(rec, likeness(intra)) : rec;
}

/** v. */
function likeness(layers: readonly Correlation[]): Tensor {
  const sum = layers.map((layer) => mean(layer.mapDivergence, 1)).reduce((a, b) => add(a, b));
  return softmax(neg(mul(sum, 1 / layers.length)), 1);
}

/**
 * The mean of all levels, each resized with its corners in place.
 * @param levels scores `[N, L]` and the grid they lie on
 * @returns `[N, side, side]`
 */
export function scoreMap(
  levels: readonly { readonly scores: Tensor; readonly grid: Grid }[],
  side: number,
): Tensor {
  const maps = levels.map(({ scores, grid }) => {
    const cells = reshape(scores, [scores.shape[0] as number, ...grid, 1]);
    return interpolate(cells, { size: [side, side], mode: "bilinear", alignCorners: true });
  });
  const joined = mul(
    maps.reduce((a, b) => add(a, b)),
    1 / maps.length,
  );
  return reshape(joined, joined.shape.slice(0, 3));
}
