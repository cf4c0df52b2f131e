/** Plateau step: one of k levels of strength for all axes; the next one when the smoothed loss has stopped falling. */
import type { Strength } from "../../data/index.ts";
import { fields } from "../../detector/index.ts";
import type { PlateauConfig } from "./adaptive-config.ts";
import { readState } from "./adaptive-state.ts";
import { axisScalars, synthesisOf } from "./axes.ts";
import type { SynthesisHook } from "./hook.ts";

interface State {
  readonly level: number;
  /** Exponential moving average of the loss over the steps on this level; null before the first. */
  readonly ema: number | null;
  /** Its values at the ends of the epochs on this level, the last patience + 1 of them. */
  readonly past: readonly number[];
}

const isNumber = (v: unknown) => Number.isFinite(v);

/** @param side of the image where it is painted, pixels */
export function createPlateauHook(config: Required<PlateauConfig>, side: number): SynthesisHook {
  const { axes, levels, smoothing, patience } = config;
  let state: State = { level: 0, ema: null, past: [] };
  const rules = {
    level: fields.whole(0, levels - 1),
    ema: { rule: "a number or null", holds: (v: unknown) => v === null || isNumber(v) },
    past: {
      rule: `a list of at most ${patience + 1} numbers`,
      holds: (v: unknown) => Array.isArray(v) && v.length <= patience + 1 && v.every(isNumber),
    },
  };
  const strength = (): Strength => ({ kind: "fixed", s: state.level / (levels - 1) });
  return {
    synthesis: () => synthesisOf(axes, strength),
    observe(_, loss) {
      const { ema } = state;
      state = { ...state, ema: ema === null ? loss : smoothing * ema + (1 - smoothing) * loss };
    },
    async endEpoch() {
      state = advanced(state, config);
    },
    scalars: () => ({
      level: state.level,
      ...axisScalars(axes, strength, side),
      ...(state.ema === null ? {} : { "loss.ema": state.ema }),
    }),
    state: () => state,
    loadState(given) {
      state = readState<State>("plateau", given, rules);
    },
  };
}

/** After an epoch. A new level begins with a new average: other anomalies have another loss, which may be negative as well. */
export function advanced(
  { level, ema, past }: State,
  { levels, patience, improvement }: Required<PlateauConfig>,
): State {
  if (ema === null) return { level, ema, past };
  const seen = [...past, ema].slice(-patience - 1);
  const [first] = seen;
  if (first === undefined || seen.length <= patience || level === levels - 1) {
    return { level, ema, past: seen };
  }
  const fell = first - ema >= improvement * Math.abs(first) && ema < first;
  return fell ? { level, ema, past: seen } : { level: level + 1, ema: null, past: [] };
}
