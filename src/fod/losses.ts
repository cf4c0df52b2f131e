/**
 * What one level learns from. Two losses are descended on at once, on the same forward pass; with T̂ the target of the correlations P,
 * D(T̂, P) both Kullback–Leibler divergences, sg what no gradient passes, H the entropy:
 *
 *   L₁ = rec + λ₁ D(T̂, sg P)_intra − λ₁ D(T̂, sg P)_inter
 *   L₂ = rec − λ₁ D(sg T̂, P)_intra − λ₂ H_intra + λ₁ D(sg T̂, P)_inter + λ₂ H_inter
 *
 * so that the gradient is that of their sum. rec = mean (x − o)² + mean (1 − cos(x, o)).
 */
import {
  add,
  concat,
  cosineSimilarity,
  mean,
  mseLoss,
  mul,
  noGrad,
  reshape,
  sub,
  type Tensor,
} from "../core/index.ts";
import type { Correlation } from "./correlation.ts";
import type { Branches } from "./encoder.ts";
import type { Reconstruction } from "./model.ts";

export interface LossWeights {
  readonly lambda1: number;
  readonly lambda2: number;
}

export interface LevelLoss {
  /** L₁ + L₂, one element. */
  readonly total: Tensor;
  /** What `toldNames` lists, `[n]`, without a graph. */
  readonly told: Tensor;
}

/** Divergence and entropy of one branch, each the mean of all layers, heads and tokens. */
interface BranchMeans {
  /** Its gradient reaches P only. */
  readonly map: Tensor;
  /** The same number; its gradient reaches T̂ only. */
  readonly prior: Tensor;
  readonly entropy: Tensor;
}

/** The numbers that `levelLoss` tells of a level. */
export function toldNames({ intra, inter }: Branches): readonly string[] {
  const of = (branch: string) => [`${branch}Divergence`, `${branch}Entropy`];
  return ["rec", ...(intra ? of("intra") : []), ...(inter ? of("inter") : [])];
}

/** @param tokens `[N, L, C]`, what `made.out` should be */
export function levelLoss(
  tokens: Tensor,
  made: Reconstruction,
  { lambda1, lambda2 }: LossWeights,
): LevelLoss {
  const rec = add(mseLoss(made.out, tokens), mean(sub(1, cosineSimilarity(made.out, tokens))));
  const [intra, inter] = [meansOf(made.intra), meansOf(made.inter)];
  let total = intra || inter ? mul(rec, 2) : rec;
  for (const [means, sign] of [
    [intra, 1],
    [inter, -1],
  ] as const) {
    if (!means) continue;
    total = add(total, mul(sub(means.prior, means.map), sign * lambda1));
    total = sub(total, mul(means.entropy, sign * lambda2));
  }
  const numbers = [rec, ...[intra, inter].flatMap((m) => (m ? [m.prior, m.entropy] : []))];
  const told = noGrad(() =>
    concat(
      numbers.map((t) => reshape(t, [1])),
      0,
    ),
  );
  return { total, told };
}

function meansOf(layers: readonly Correlation[]): BranchMeans | undefined {
  if (layers.length === 0) return undefined;
  const average = (which: keyof Correlation) => {
    const means = layers.map((layer) => mean(layer[which]));
    return mul(
      means.reduce((a, b) => add(a, b)),
      1 / layers.length,
    );
  };
  return {
    map: average("mapDivergence"),
    prior: average("priorDivergence"),
    entropy: average("entropy"),
  };
}
