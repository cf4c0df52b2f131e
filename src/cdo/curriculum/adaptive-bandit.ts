/**
 * Which arm to pull, from what arms have paid. EXP3 (Auer et al., 2002): π = (1 − ε) · softmax(w) + ε/K, and w of the arm that was
 * pulled grows by η · reward / (π + η/2). The η/2 (implicit exploration, Neu 2015) keeps one lucky pull of a rare arm from deciding
 * it all. Greedy: the best mean reward of the last epochs, or with probability ε any arm. Pure: state in, state out.
 */
import type { CompleteSelector } from "./adaptive-config.ts";

/** What a pulled arm paid, unscaled and not negative. */
export interface Pull {
  readonly arm: number;
  readonly reward: number;
}

export interface BanditState {
  /** Log weights of EXP3, the largest of them 0; all 0 for greedy. */
  readonly weights: readonly number[];
  /** The last pulls, oldest first. */
  readonly pulls: readonly Pull[];
}

/** Rewards that quantiles are taken from. */
export const remembered = 100;

export function newBandit(arms: number): BanditState {
  return { weights: new Array<number>(arms).fill(0), pulls: [] };
}

/** With which probability each arm is pulled next. */
export function probabilities(
  { weights, pulls }: BanditState,
  { method, epsilon, window = 5 }: CompleteSelector,
): readonly number[] {
  const arms = weights.length;
  if (method === "greedy") {
    const recent = pulls.slice(-window);
    // reference: the first four epochs are drawn there, too
    if (recent.length < window - 1 || recent.length === 0) return weights.map(() => 1 / arms);
    const best = bestArm(recent);
    return weights.map((_, arm) => (arm === best ? 1 - epsilon : 0) + epsilon / arms);
  }
  const powers = weights.map(Math.exp);
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => ((1 - epsilon) * power) / sum + epsilon / arms);
}

/**
 * After a pull.
 * @param chance the probability with which this arm was pulled
 */
export function paid(
  { weights, pulls }: BanditState,
  pull: Pull,
  chance: number,
  { method, eta = 0.1 }: CompleteSelector,
): BanditState {
  const seen = [...pulls, pull].slice(-remembered);
  if (method === "greedy") return { weights, pulls: seen };
  const recent = seen.map(({ reward }) => reward);
  const gain = (eta * scaled(pull.reward, recent)) / (chance + eta / 2);
  const grown = weights.map((weight, arm) => (arm === pull.arm ? weight + gain : weight));
  const top = Math.max(...grown);
  return { weights: grown.map((weight) => weight - top), pulls: seen };
}

/** To [0, 1]: 0 up to the 20 % quantile of recent rewards, 1 from the 80 % quantile on; ½ where these are the same. */
export function scaled(reward: number, recent: readonly number[]): number {
  const sorted = [...recent].sort((a, b) => a - b);
  const [low, high] = [quantile(sorted, 0.2), quantile(sorted, 0.8)];
  return high > low ? Math.min(1, Math.max(0, (reward - low) / (high - low))) : 0.5;
}

/** The arm that a uniform number of [0, 1) falls on; never one with no chance. */
export function drawn(chances: readonly number[], uniform: number): number {
  let rest = uniform;
  for (const [arm, chance] of chances.entries()) {
    if (rest < chance) return arm;
    rest -= chance;
  }
  return chances.findLastIndex((chance) => chance > 0);
}

/** The first of those with the largest mean. // reference: the smallest loss, which is the easiest noise */
function bestArm(pulls: readonly Pull[]): number {
  const arms = [...new Set(pulls.map(({ arm }) => arm))].sort((a, b) => a - b);
  const mean = (arm: number) => {
    const own = pulls.filter((pull) => pull.arm === arm);
    return own.reduce((sum, { reward }) => sum + reward, 0) / own.length;
  };
  return arms.reduce((best, arm) => (mean(arm) > mean(best) ? arm : best));
}

/** Linear between neighbours, as NumPy's. */
function quantile(sorted: readonly number[], q: number): number {
  const at = q * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)] ?? 0, sorted[Math.ceil(at)] ?? 0];
  return low + (high - low) * (at - Math.floor(at));
}
