/**
 * Weights that follow from how hard the parts of images have been: the hook remembers every ℓ of this epoch and of the last one, and
 * turns the latter into the few numbers that the step reads. They stay the same for a whole epoch, so that a training that goes on in
 * its middle comes to the same bits.
 *
 * What it remembers is x, ℓ divided by its mean over the batch. While a network learns, ℓ falls by more from one epoch to the next than
 * it differs between images, and an age taken from last epoch's ℓ would let everything pass.
 */
import type { Tensor } from "../../core/index.ts";
import { fields } from "../../detector/index.ts";
import { LoupeError } from "../../error.ts";
import type { EpochPosition, Schedule, WeightHook } from "./hook.ts";
import { ascending, quantile } from "./order-statistics.ts";
import { scheduleOf } from "./schedule.ts";
import { weighParts } from "./weights.ts";
import { type CompleteWeights, type WeightConfig, weightConfig } from "./weights-config.ts";

const kinds = ["normal", "abnormal"] as const;
type Kind = (typeof kinds)[number];
/** What k is called in a log; without one it is an age. */
const scalarOf: Readonly<Record<string, string>> = {
  ...{ ohem: "hardest", focal: "exponent", superloss: "spread" },
};

/** x of all parts of each kind in an epoch, in the order in which they were seen. */
type Epoch = Readonly<Record<Kind, number[]>>;

/** What `state` gives: the epoch under way and the one before. */
interface State {
  readonly current: Epoch;
  readonly last: Epoch;
}

const nothing = (): Epoch => ({ normal: [], abnormal: [] });
/** Ages and spreads are no less, so that they can divide. */
const least = 1e-3;
/** k, and 0 under which all weigh the same. */
const off = [1, 0] as const;

/**
 * @example const hook = createWeightHook({ name: "hard" });
 * @throws LoupeError `config` as `weightConfig`
 */
export function createWeightHook(config: WeightConfig): WeightHook {
  return new SelfPaced(weightConfig(config, "weights"));
}

class SelfPaced implements WeightHook {
  readonly #config: CompleteWeights;
  readonly #pace: Schedule;
  #state: State = { current: nothing(), last: nothing() };
  /** x of the last epoch in order; made when it is asked for. */
  #sorted: Partial<Record<Kind, Float64Array>> = {};

  constructor(config: CompleteWeights) {
    this.#config = config;
    this.#pace = "schedule" in config ? scheduleOf(config.schedule) : () => 1;
  }

  /** @param losses ℓ `[2 · N]` as `partLosses` gives them */
  observe(losses: Float32Array): void {
    const half = losses.length / 2;
    kinds.forEach((kind, i) => {
      const own = losses.subarray(i * half, (i + 1) * half).filter((l) => l >= 0);
      if (own.length < 2) return; // alone it is its own mean
      const mean = own.reduce((a, b) => a + b, 0) / own.length;
      for (const l of own) this.#state.current[kind].push(l / Math.max(mean, 1e-6));
    });
  }

  async endEpoch(): Promise<void> {
    this.#state = { current: nothing(), last: this.#state.current };
    this.#sorted = {};
  }

  controls(at: EpochPosition): readonly number[] {
    const pairs = kinds.map((kind) => this.#control(kind, at));
    return [0, 1].flatMap((i) => pairs.map((pair) => pair[i] as number));
  }

  /** k of a kind, and 1; or `off`. */
  #control(kind: Kind, { t }: EpochPosition): readonly [k: number, on: number] {
    const config = this.#config;
    const g = this.#pace(t);
    if ("from" in config) return [config.from + (config.to - config.from) * g, 1];
    const seen = this.#state.last[kind];
    if (seen.length === 0) return off;
    if (config.name === "superloss") return [Math.max(least, deviation(seen)), 1];
    if (g >= 1) return off;
    this.#sorted[kind] ??= ascending(seen);
    return [Math.max(least, quantile(this.#sorted[kind], g)), 1];
  }

  weigh(losses: Tensor, controls: Tensor): Tensor {
    return weighParts(this.#config, losses, controls);
  }

  scalars(at: EpochPosition): Readonly<Record<string, number>> {
    const { name } = this.#config;
    const pairs = kinds.map((kind) => [kind, ...this.#control(kind, at)] as const);
    if ("from" in this.#config) return { [scalarOf[name] ?? name]: pairs[0]?.[1] ?? 0 };
    const rows = pairs.flatMap(([kind, k, on]) =>
      on === 0 ? [] : [[`${scalarOf[name] ?? "age"}_${kind}`, k] as const],
    );
    return Object.fromEntries(rows);
  }

  state(): State {
    return structuredClone(this.#state);
  }

  loadState(state: unknown): void {
    if (!isState(state)) {
      const next = "it is of another curriculum, or damaged";
      throw new LoupeError("checkpoint", `weights: the state must hold ℓ of two epochs; ${next}`);
    }
    this.#state = structuredClone(state);
    this.#sorted = {};
  }
}

function isState(value: unknown): value is State {
  const isShare = (v: unknown) => typeof v === "number" && v >= 0 && Number.isFinite(v);
  const isList = (v: unknown) => Array.isArray(v) && v.every(isShare);
  const isEpoch = (v: unknown) => fields.isObject(v) && kinds.every((kind) => isList(v[kind]));
  return fields.isObject(value) && isEpoch(value.current) && isEpoch(value.last);
}

/** Standard deviation of x, whose mean is 1. */
function deviation(values: readonly number[]): number {
  return Math.sqrt(values.reduce((sum, x) => sum + (x - 1) ** 2, 0) / values.length);
}
