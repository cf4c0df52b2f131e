/**
 * Whether two methods differ, from one difference per class or seed: mean, spread, and the Wilcoxon signed-rank test. With
 * ranks r_i of |d_i| (ties share their mean rank, zeros are dropped) and W = sum of r_i over d_i > 0, each sign has
 * probability 1/2 under the hypothesis of no difference, so the distribution of W is counted exactly.
 */
import { LoupeError } from "../error.ts";

/** NaN for no values. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, v) => sum + v, 0) / values.length;
}

/** With n - 1 in the denominator; NaN for fewer than two values. */
export function standardDeviation(values: readonly number[]): number {
  const centre = mean(values);
  const squares = values.reduce((sum, v) => sum + (v - centre) ** 2, 0);
  return values.length < 2 ? Number.NaN : Math.sqrt(squares / (values.length - 1));
}

export interface SignedRankTest {
  /** Differences that are not zero. */
  readonly n: number;
  /** The smaller of the sums of ranks of positive and of negative differences. */
  readonly statistic: number;
  /** Two-sided; NaN when every difference is zero. */
  readonly pValue: number;
}

/** Up to so many differences the distribution is counted, above it is taken for normal, as in SciPy. */
const mostCounted = 50;

/**
 * Wilcoxon's signed-rank test of paired differences, two-sided. Agrees with `scipy.stats.wilcoxon(d)` where there are neither
 * ties nor zeros, or more than 50 differences.
 *
 * reference: with ties among at most 50 differences SciPy takes another distribution or the normal one (it depends on the
 * version); here all 2^n signs are counted. Differences closer than 1e-12 are ties, so that rounding breaks none.
 *
 * @throws LoupeError `numeric` for a difference that is not finite
 * @example wilcoxon([1, 2, 3, 4, 5, -6]).pValue; // 0.4375
 */
export function wilcoxon(differences: readonly number[]): SignedRankTest {
  const bad = differences.find((d) => !Number.isFinite(d));
  if (bad !== undefined) {
    throw new LoupeError("numeric", `wilcoxon: differences must be finite, got ${bad}`);
  }
  const rounded = differences.map((d) => Math.round(d * 1e12) / 1e12).filter((d) => d !== 0);
  const n = rounded.length;
  const ranks = doubledRanks(rounded.map(Math.abs));
  const total = n * (n + 1);
  const plus = rounded.reduce((sum, d, i) => sum + (d > 0 ? ranks[i]! : 0), 0);
  const statistic = Math.min(plus, total - plus) / 2;
  if (n === 0) return { n, statistic, pValue: Number.NaN };
  const pValue = n <= mostCounted ? exactP(ranks, plus) : normalP(ranks, statistic);
  return { n, statistic, pValue };
}

/** Twice the rank of each value, from 2 on; ties share their mean, which is whole when doubled. */
function doubledRanks(values: readonly number[]): number[] {
  const order = [...values.keys()].sort((a, b) => values[a]! - values[b]!);
  const ranks = new Array<number>(values.length).fill(0);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    for (let i = start; i < end; i++) ranks[order[i]!] = start + 1 + end;
    start = end;
  }
  return ranks;
}

/** Twice the smaller tail. Counts stay below 2^50, so they are exact. */
function exactP(ranks: readonly number[], plus: number): number {
  const total = ranks.reduce((sum, r) => sum + r, 0);
  const counts = new Float64Array(total + 1);
  counts[0] = 1;
  for (const rank of ranks) {
    for (let sum = total; sum >= rank; sum--) counts[sum]! += counts[sum - rank]!;
  }
  let below = 0;
  for (let sum = 0; sum <= plus; sum++) below += counts[sum]!;
  const all = 2 ** ranks.length;
  const above = all - below + counts[plus]!;
  return Math.min(1, (2 * Math.min(below, above)) / all);
}

function normalP(ranks: readonly number[], statistic: number): number {
  const n = ranks.length;
  const tied = new Map<number, number>();
  for (const rank of ranks) tied.set(rank, (tied.get(rank) ?? 0) + 1);
  const correction = [...tied.values()].reduce((sum, t) => sum + t * (t * t - 1), 0) / 2;
  const deviation = Math.sqrt((n * (n + 1) * (2 * n + 1) - correction) / 24);
  const z = Math.abs(statistic - (n * (n + 1)) / 4) / deviation;
  return erfc(z / Math.SQRT2);
}

/** 1 - erf(x) for x >= 0: the series for small x, else the continued fraction (Abramowitz & Stegun 7.1.6, 7.1.14). */
function erfc(x: number): number {
  if (x < 2.5) {
    let term = x;
    let sum = x;
    for (let k = 1; term > sum * 1e-17; k++) {
      term *= (2 * x * x) / (2 * k + 1);
      sum += term;
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
  }
  let fraction = x;
  for (let k = 80; k > 0; k--) fraction = x + k / 2 / fraction;
  return Math.exp(-x * x) / (fraction * Math.sqrt(Math.PI));
}
