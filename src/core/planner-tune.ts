/**
 * Measures plans. Every plan of a case is first checked on random numbers against the plain one (the last of its list), since the
 * fastest kernel is easily one that leaves work out; those that agree are timed in turns, and the least time of each counts.
 */
import type { Device } from "./device.ts";
import type { PlanCase, PlanChoices, Trial } from "./planner.ts";
import { Bench } from "./planner-bench.ts";
import type { Timer } from "./planner-time.ts";

export interface TuneOptions {
  /** Milliseconds of timing for one case, checks not counted; default 200. */
  readonly budget?: number;
  /** Called before each case. */
  readonly onProgress?: (done: number, total: number, next: PlanCase) => void;
  /** Stops between two plans; what is measured by then is returned. */
  readonly signal?: AbortSignal;
  /** Opens another device when a plan broke this one; without it that is an error. Those opened are closed at the end. */
  readonly reopen?: () => Promise<Device>;
  /** How the time of a plan is taken; default: on the GPU. */
  readonly timer?: Timer;
  /** Of the random numbers; default 1. */
  readonly seed?: number;
}

/** A plan that must not be used here, and why. */
export interface WrongPlan {
  readonly plan: string;
  readonly reason: string;
}

/** What was found about one case. */
export interface TunedCase {
  readonly op: string;
  readonly key: string;
  /** The plan to use. */
  readonly plan: string;
  /** The one used without measuring. */
  readonly first: string;
  readonly flops: number;
  /** Least milliseconds of each plan that is right, in the order of the list. */
  readonly times: Readonly<Record<string, number>>;
  readonly wrong: readonly WrongPlan[];
}

/**
 * Measures every case that has a choice, in the given order.
 * @param cases as `device.planner.seen` has them
 * @returns one result for each case that was finished
 * @throws LoupeError `device` when the device breaks and none is opened instead
 * @example
 *   const results = await tune(device, device.planner.seen);
 *   keepPlans(device, choicesOf(results));
 */
export async function tune(
  device: Device,
  cases: readonly PlanCase[],
  options: TuneOptions = {},
): Promise<TunedCase[]> {
  const open = cases.filter(({ plans, trial }) => trial && plans.length > 1);
  const results: TunedCase[] = [];
  const bench = new Bench(device, options);
  try {
    for (const [i, one] of open.entries()) {
      if (options.signal?.aborted) break;
      options.onProgress?.(i, open.length, one);
      const result = await bench.measure(one, one.trial as Trial);
      if (result) results.push(result);
    }
  } finally {
    bench.end();
  }
  return results;
}

/** The plans to use for each case, as planners take them. */
export function choicesOf(results: readonly TunedCase[]): PlanChoices {
  return Object.fromEntries(
    results.map(({ op, key, plan, times }) => {
      const sorted = Object.keys(times).sort((a, b) => (times[a] ?? 0) - (times[b] ?? 0));
      return [`${op} ${key}`, [plan, ...sorted.filter((name) => name !== plan)].join(" ")];
    }),
  );
}
