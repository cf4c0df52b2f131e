/**
 * Mastery gate, after automatic domain randomisation (Akkaya et al., 1910.07113): one strength for all axes, harder once the network
 * finds the anomalies of a fixed batch of training images, easier when it does not.
 */
import type { Strength } from "../../data/index.ts";
import { fields } from "../../detector/index.ts";
import type { GateConfig } from "./adaptive-config.ts";
import { probed } from "./adaptive-probe.ts";
import { readState } from "./adaptive-state.ts";
import { axisScalars, synthesisOf } from "./axes.ts";
import type { SynthesisHook } from "./hook.ts";

interface State {
  readonly s: number;
  /** Epochs in a row with an AUROC over `above`. */
  readonly streak: number;
  /** After the last epoch; null before the first, and where there was nothing to find. */
  readonly auroc: number | null;
}

const share = fields.number("a number from 0 to 1", (v) => v >= 0 && v <= 1);
const rules = { s: share, streak: fields.whole(0), auroc: { ...share, holds: isShareOrNull } };

/** @param side of the image where it is painted, pixels */
export function createGateHook(config: Required<GateConfig>, side: number): SynthesisHook {
  let state: State = { s: config.start, streak: 0, auroc: null };
  const strength = (): Strength => ({ kind: "fixed", s: state.s });
  const synthesis = () => synthesisOf(config.axes, strength);
  return {
    synthesis,
    async endEpoch(_, around) {
      const auroc = await probed(around, synthesis(), config.probe);
      state = { ...moved(state, auroc, config), auroc };
    },
    scalars: () => ({
      s: state.s,
      ...axisScalars(config.axes, strength, side),
      ...(state.auroc === null ? {} : { "probe.pixel_auroc": state.auroc }),
    }),
    state: () => state,
    loadState(given) {
      state = readState<State>("gate", given, rules);
    },
  };
}

/** The next strength. What has no AUROC can't be told from a normal image: too hard. */
export function moved(
  { s, streak }: Pick<State, "s" | "streak">,
  auroc: number | null,
  { above, below, up, down, patience }: Required<GateConfig>,
): { s: number; streak: number } {
  if (auroc === null || auroc < below) return { s: bounded(s - down), streak: 0 };
  if (auroc <= above) return { s, streak: 0 };
  return streak + 1 < patience ? { s, streak: streak + 1 } : { s: bounded(s + up), streak: 0 };
}

/** To 9 digits, so that ten steps of 0.1 make 1. */
function bounded(s: number): number {
  return Math.min(1, Math.max(0, Math.round(s * 1e9) / 1e9));
}

function isShareOrNull(value: unknown): boolean {
  return value === null || share.holds(value);
}
