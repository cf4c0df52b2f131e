/** Which part of the ranking an epoch draws from, first rank to last, and how much of it that is. */
import type { EpochPosition } from "./hook.ts";
import type { PacingConfig } from "./order-config.ts";
import { scheduleOf } from "./schedule.ts";

/** Ranks [from, to) alike; or all of them, rank r with a weight of exp(−r/decay). */
export type Selection = { readonly from: number; readonly to: number } | { readonly decay: number };

export interface RankingSize {
  /** How many are ranked. */
  readonly count: number;
  /** No fewer are chosen, if there are as many: two batches. */
  readonly least: number;
}

export type Pacing = (at: EpochPosition, size: RankingSize) => Selection;

export function pacingOf(config: PacingConfig): Pacing {
  if (config.name === "continuous") {
    const g = scheduleOf(config.schedule ?? { name: "linear" }, { b: 0.2 });
    return ({ t }, size) => widened(0, roundedUp(g(t) * size.count), size);
  }
  if (config.name === "soft") {
    const { tau = 0.2, schedule = { name: "linear" } } = config;
    const g = scheduleOf(schedule);
    return ({ t }, { count, least }) => {
      const decay = g(t) >= 1 ? Number.POSITIVE_INFINITY : (tau / (1 - g(t))) * count;
      return { decay: Math.max(decay, least / 2) };
    };
  }
  const { name, buckets = 5 } = config;
  return ({ epoch, epochs }, size) => {
    const all = Math.min(buckets, epochs); // every bucket gets an epoch
    const bucket = Math.min(all - 1, Math.floor((epoch * all) / epochs));
    const end = Math.floor(((bucket + 1) * size.count) / all);
    const from = name === "one-pass" ? Math.floor((bucket * size.count) / all) : 0;
    return widened(from, end, size);
  };
}

const roundedUp = (n: number) => Math.ceil(n - 1e-9);

/** At least as many as asked for: first more of those before, then of those behind. */
function widened(from: number, to: number, { count, least }: RankingSize): Selection {
  const size = Math.min(count, Math.max(1, least, to - from));
  const first = Math.max(0, to - size);
  return { from: first, to: first + size };
}

/** How much of the ranking is drawn from; with weights, 1/Σp² as a share of all. */
export function shareOf(selection: Selection, count: number): number {
  if (count === 0) return 1;
  if ("from" in selection) return (selection.to - selection.from) / count;
  const p = softWeights(selection.decay, count);
  const sum = p.reduce((total, v) => total + v, 0);
  const squares = p.reduce((total, v) => total + v * v, 0);
  return (sum * sum) / squares / count;
}

/** exp(−r/decay) for the ranks from 0. */
export function softWeights(decay: number, count: number): number[] {
  return Array.from({ length: count }, (_, r) => Math.exp(-r / decay));
}

/** Whether all are drawn from alike. */
export function isEverything(selection: Selection, count: number): boolean {
  return "from" in selection
    ? selection.from === 0 && selection.to === count
    : selection.decay === Number.POSITIVE_INFINITY;
}
