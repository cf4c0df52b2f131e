/**
 * Measures plans. Every plan of a case is first checked on random numbers against the plain one (the last of its list), since the
 * fastest kernel is easily one that leaves work out; those that agree are timed in turns, and the least time of each counts.
 */
import { LoupeError } from "../error.ts";
import type { Plan } from "../kernels/index.ts";
import type { Device } from "./device.ts";
import { cast } from "./ops/pointwise.ts";
import type { PlanCase, PlanChoices, Trial } from "./planner.ts";
import { disagreement, type Result, sameBits } from "./planner-check.ts";
import { gpuTimer, type Stopwatch, type Timer } from "./planner-time.ts";
import { Rng } from "./rng.ts";
import type { Tensor } from "./tensor.ts";

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

/** Another plan must be this much faster than the first: less is noise. */
const gain = 0.97;
const mostRounds = 7;

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

/** The plan to use for each case, as planners take it. */
export function choicesOf(results: readonly TunedCase[]): PlanChoices {
  return Object.fromEntries(results.map(({ op, key, plan }) => [`${op} ${key}`, plan]));
}

/** The device measured on, which may have to be replaced. */
class Bench {
  readonly #options: TuneOptions;
  readonly #first: Device;
  #device: Device;

  constructor(device: Device, options: TuneOptions) {
    this.#device = device;
    this.#first = device;
    this.#options = options;
  }

  end(): void {
    if (this.#device !== this.#first) this.#device.close();
  }

  /** Undefined when stopped before the end. */
  async measure({ op, key, plans }: PlanCase, trial: Trial): Promise<TunedCase | undefined> {
    const wrong: WrongPlan[] = [];
    const refuse = (plan: Plan, reason: string) => wrong.push({ plan: plan.name, reason });
    const first = plans[0]?.name ?? "";
    for (;;) {
      const rest = plans.filter((p) => !wrong.some((w) => w.plan === p.name));
      const attempt = await this.#attempt(`${op} ${key}`, rest, trial, refuse);
      if (attempt === "again") continue;
      if (attempt === "stopped") return undefined;
      const plan = fastest(attempt, first);
      return { op, key, plan, first, flops: trial.flops, times: attempt, wrong };
    }
  }

  /** Checks and times the plans. `again`: one of them broke the device, and there is a new one. */
  async #attempt(
    id: string,
    plans: readonly Plan[],
    trial: Trial,
    refuse: (plan: Plan, reason: string) => void,
  ): Promise<Readonly<Record<string, number>> | "again" | "stopped"> {
    const device = this.#device;
    const inputs = randomInputs(device, trial, this.#options.seed ?? 1);
    let current = plans.at(-1) as Plan;
    try {
      const expected = await compute(device, trial, inputs, current);
      const right: Plan[] = [];
      for (const plan of plans.slice(0, -1)) {
        if (this.#options.signal?.aborted) return "stopped";
        current = plan;
        const verdict = await this.#check(trial, inputs, plan, expected);
        if (verdict) refuse(plan, verdict);
        else right.push(plan);
      }
      right.push(plans.at(-1) as Plan);
      return await this.#time(trial, inputs, right, (plan) => {
        current = plan;
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const isLast = current === plans.at(-1);
      if (isLast || !this.#options.reopen) {
        throw new LoupeError("device", `tune: ${id}, plan ${current.name}: ${reason}`, {
          cause: error,
        });
      }
      refuse(current, reason);
      this.end();
      this.#device = await this.#options.reopen();
      return "again";
    } finally {
      for (const input of inputs) input.dispose();
    }
  }

  /** What is wrong with a plan; undefined: nothing. */
  async #check(
    trial: Trial,
    inputs: readonly Tensor[],
    plan: Plan,
    expected: Result,
  ): Promise<string | undefined> {
    const device = this.#device;
    try {
      const got = await compute(device, trial, inputs, plan);
      const off = disagreement(got, expected, trial.depth);
      if (off) return off;
      const again = await compute(device, trial, inputs, plan);
      return sameBits(got, again) ? undefined : "gives other bits the second time";
    } catch (error) {
      if (device.queue.failure || !(error instanceof LoupeError)) throw error;
      return error.message; // it refused the shape, or memory was short
    }
  }

  async #time(
    trial: Trial,
    inputs: readonly Tensor[],
    plans: readonly Plan[],
    onPlan: (plan: Plan) => void,
  ): Promise<Record<string, number>> {
    const device = this.#device;
    const { timer = gpuTimer, budget = 200, signal } = this.#options;
    const times: Record<string, number> = {};
    const watches: Stopwatch[] = [];
    const lap = async (plan: Plan, watch: Stopwatch) => {
      onPlan(plan);
      const best = times[plan.name];
      if (best && best > 2 * Math.min(...Object.values(times))) return; // out of the race
      times[plan.name] = Math.min(best ?? Number.POSITIVE_INFINITY, await watch.lap());
    };
    try {
      for (const plan of plans) {
        onPlan(plan);
        watches.push(await timer(device, () => void trial.run(inputs, plan)));
      }
      const start = performance.now();
      for (let round = 0; round < mostRounds && !signal?.aborted; round++) {
        for (const [i, plan] of plans.entries()) await lap(plan, watches[i] as Stopwatch);
        if (round > 0 && performance.now() - start > budget) break;
      }
    } finally {
      for (const watch of watches) watch[Symbol.dispose]();
    }
    return times;
  }
}

function fastest(times: Readonly<Record<string, number>>, first: string): string {
  const [best] = Object.entries(times).sort(([, a], [, b]) => a - b);
  const ofFirst = times[first] ?? Number.POSITIVE_INFINITY;
  return best && best[1] < ofFirst * gain ? best[0] : first;
}

async function compute(
  device: Device,
  trial: Trial,
  inputs: readonly Tensor[],
  plan: Plan,
): Promise<Result> {
  let dtype: Tensor["dtype"] = "f32";
  const [values] = await device.read(() => {
    const result = trial.run(inputs, plan);
    dtype = result.dtype;
    return [result];
  });
  return { values: values as Result["values"], dtype };
}

function randomInputs(device: Device, { inputs }: Trial, seed: number): Tensor[] {
  const rng = new Rng(seed);
  return inputs.map(({ shape, dtype }, i) => {
    const draw = () => rng.fork(i).uniform(device, shape, -1, 1);
    return device.scope(() => (dtype === "f32" ? draw() : cast(draw(), dtype))).keep();
  });
}
