/**
 * Weights that follow from how hard the parts of images have been: the hook remembers every ℓ of this epoch and of the last one, and
 * turns the latter into the few numbers that the step reads. They stay the same for a whole epoch, so that a training that goes on in
 * its middle comes to the same bits.
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

/** ℓ of all parts of a kind in an epoch, in the order in which they were seen, and their running mean τ. */
interface Seen {
  readonly losses: number[];
  /** None before the first part of the training. */
  tau?: number;
}
type Epoch = Readonly<Record<Kind, Seen>>;

/** What `state` gives: the epoch under way and the one before. */
interface State {
  readonly current: Epoch;
  readonly last: Epoch;
}

const nothing = (): Epoch => ({ normal: { losses: [] }, abnormal: { losses: [] } });
/** Medians and ages are no less, so that they can divide. */
const least = 1e-6;
/** k and 1/median under which all weigh the same. */
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
  readonly #momentum: number;
  #state: State = { current: nothing(), last: nothing() };
  /** ℓ of the last epoch in order; made when it is asked for. */
  #sorted: Partial<Record<Kind, Float64Array>> = {};

  constructor(config: CompleteWeights) {
    this.#config = config;
    this.#pace = "schedule" in config ? scheduleOf(config.schedule) : () => 1;
    this.#momentum = config.name === "superloss" ? config.momentum : 0;
  }

  /** @param losses ℓ `[2 · N]` as `partLosses` gives them */
  observe(losses: Float32Array): void {
    const half = losses.length / 2;
    kinds.forEach((kind, i) => {
      const own = losses.subarray(i * half, (i + 1) * half).filter((l) => l >= 0);
      if (own.length > 0) this.#add(this.#state.current[kind], own);
    });
  }

  #add(seen: Seen, own: Float32Array): void {
    const mean = own.reduce((a, b) => a + b, 0) / own.length;
    const m = this.#momentum;
    seen.tau = seen.tau === undefined ? mean : m * seen.tau + (1 - m) * mean;
    for (const loss of own) seen.losses.push(loss);
  }

  async endEpoch(): Promise<void> {
    const { current: last } = this.#state;
    const current = nothing();
    for (const kind of kinds) {
      const { tau } = last[kind];
      if (tau !== undefined) current[kind].tau = tau;
    }
    this.#state = { current, last };
    this.#sorted = {};
  }

  controls(at: EpochPosition): readonly number[] {
    const pairs = kinds.map((kind) => this.#control(kind, at));
    return [0, 1].flatMap((i) => pairs.map((pair) => pair[i] as number));
  }

  /** k and 1/median of a kind. */
  #control(kind: Kind, { t }: EpochPosition): readonly [k: number, scale: number] {
    const config = this.#config;
    const g = this.#pace(t);
    if (config.name === "ohem") return [config.from + (config.to - config.from) * g, 1];
    const { losses, tau } = this.#state.last[kind];
    if (losses.length === 0) return off;
    this.#sorted[kind] ??= ascending(losses);
    const sorted = this.#sorted[kind];
    const scale = 1 / Math.max(least, quantile(sorted, 0.5));
    if (config.name === "focal") return [config.from + (config.to - config.from) * g, scale];
    if (config.name === "superloss") return [(tau as number) * scale, scale];
    return g >= 1 ? off : [Math.max(least, quantile(sorted, g) * scale), scale];
  }

  weigh(losses: Tensor, controls: Tensor): Tensor {
    return weighParts(this.#config, losses, controls);
  }

  scalars(at: EpochPosition): Readonly<Record<string, number>> {
    const { name } = this.#config;
    const what = { ohem: "hardest", focal: "exponent", superloss: "tau" }[name as string] ?? "age";
    const rows = kinds.flatMap((kind) => {
      const [k, scale] = this.#control(kind, at);
      return scale === 0 ? [] : [[`${what}_${kind}`, k] as const];
    });
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

const isNumber = (v: unknown) => typeof v === "number" && Number.isFinite(v);

function isSeen(value: unknown): boolean {
  if (!fields.isObject(value) || !Array.isArray(value.losses)) return false;
  const { losses, tau } = value;
  return losses.every((l) => isNumber(l) && l >= 0) && (tau === undefined || isNumber(tau));
}

function isState(value: unknown): value is State {
  const isEpoch = (v: unknown) => fields.isObject(v) && kinds.every((kind) => isSeen(v[kind]));
  return fields.isObject(value) && isEpoch(value.current) && isEpoch(value.last);
}
