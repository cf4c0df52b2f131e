/** One case of `tune`: its plans checked, then timed, on a device that has to be replaced when one of them breaks it. */
import { LoupeError } from "../error.ts";
import type { Plan } from "../kernels/index.ts";
import type { Device } from "./device.ts";
import { cast } from "./ops/pointwise.ts";
import type { PlanCase, Trial } from "./planner.ts";
import { disagreement, type Result, sameBits } from "./planner-check.ts";
import { gpuTimer, race, type Stopwatch } from "./planner-time.ts";
import type { TunedCase, TuneOptions, WrongPlan } from "./planner-tune.ts";
import { Rng } from "./rng.ts";
import type { Tensor } from "./tensor.ts";

/** Another plan must be this much faster than the first: less is noise. */
const gain = 0.97;
const mostRounds = 7;
const confirming = 3;

/** The device measured on, which may have to be replaced. */
export class Bench {
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
    const inputs: Tensor[] = [];
    let current = plans.at(-1) as Plan;
    try {
      drawInputs(device, trial, this.#options.seed ?? 1, inputs);
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
      const times = await this.#time(trial, inputs, right, (plan) => {
        current = plan;
      });
      return this.#options.signal?.aborted ? "stopped" : times;
    } catch (error) {
      if (!device.queue.failure) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      if (current === plans.at(-1) || !this.#options.reopen) {
        const where = `tune: ${id}, plan ${current.name}`;
        throw new LoupeError("device", `${where}: ${reason}`, { cause: error });
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
      const off = disagreement(got, expected, trial.depth, plan.rounding);
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
    const watches = new Map<string, Stopwatch>();
    const isOver = () => signal?.aborted === true;
    try {
      for (const plan of plans) {
        onPlan(plan);
        watches.set(plan.name, await timer(device, () => void trial.run(inputs, plan)));
      }
      const onLap = (name: string) => onPlan(plans.find((p) => p.name === name) as Plan);
      const times = await race(watches, { rounds: mostRounds, budget, isOver, onLap });
      // a change must hold when both are timed once more: a burst of other work may have hit the first
      const [first, best] = [plans[0]?.name ?? "", fastest(times, plans[0]?.name ?? "")];
      if (best === first) return times;
      const two = new Map([...watches].filter(([name]) => name === first || name === best));
      const again = await race(two, {
        rounds: confirming,
        budget: Number.POSITIVE_INFINITY,
        isOver,
        onLap,
      });
      for (const [name, ms] of Object.entries(again)) {
        times[name] = Math.min(ms, times[name] ?? ms);
      }
      return times;
    } finally {
      for (const watch of watches.values()) watch[Symbol.dispose]();
    }
  }
}

/** The plan with the least time, if it is worth a change from the first. */
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

/** Random numbers from −1 to 1, kept, into `inputs`. */
function drawInputs(
  device: Device,
  { inputs: types }: Trial,
  seed: number,
  inputs: Tensor[],
): void {
  const rng = new Rng(seed);
  for (const [i, { shape, dtype }] of types.entries()) {
    const draw = () => rng.fork(i).uniform(device, shape, -1, 1);
    inputs.push(device.scope(() => (dtype === "f32" ? draw() : cast(draw(), dtype))).keep());
  }
}
