/** How hard the synthetic anomalies of each epoch are: by the clock, or by what the network has learned. */
import type { Strength } from "../../data/index.ts";
import type { CompleteSelector, GateConfig, PlateauConfig } from "./adaptive-config.ts";
import { createGateHook } from "./adaptive-gate.ts";
import { createPlateauHook } from "./adaptive-plateau.ts";
import { createSelectorHook } from "./adaptive-selector.ts";
import { type AxesConfig, type AxisName, axesOf, axisScalars, synthesisOf } from "./axes.ts";
import { partConfig, type SynthesisConfig } from "./config.ts";
import type { SynthesisHook } from "./hook.ts";
import { type StrengthConfig, strengthOf } from "./strength.ts";

export interface SynthesisTraining {
  readonly seed: number;
  /** Side of the images where anomalies are painted, pixels; only told in logs. Default 256. */
  readonly side?: number;
}

/**
 * @throws LoupeError `config` as `curriculumConfig`
 * @example createSynthesisHook({ freq: {} }, { seed: 1 }).synthesis({ epoch: 0, epochs: 10, t: 0 }).texture
 */
export function createSynthesisHook(
  given: SynthesisConfig,
  { seed, side = 256 }: SynthesisTraining,
): SynthesisHook {
  const config = partConfig("synthesis", given, "curriculum.synthesis");
  if ("selector" in config)
    return createSelectorHook(config.selector as CompleteSelector, { seed, side });
  if ("gate" in config) return createGateHook(config.gate as Required<GateConfig>, side);
  if ("plateau" in config)
    return createPlateauHook(config.plateau as Required<PlateauConfig>, side);
  return createAxesHook(config as AxesConfig, side);
}

function createAxesHook(axes: AxesConfig, side: number): SynthesisHook {
  const schedules = new Map(
    axesOf(axes).map((axis) => {
      const { schedule = { name: "linear" } } = axes[axis] as { schedule?: StrengthConfig };
      return [axis, strengthOf(schedule)] as const;
    }),
  );
  const at = (t: number) => (axis: AxisName) => schedules.get(axis)?.(t) as Strength;
  return {
    synthesis: ({ t }) => synthesisOf(axes, at(t)),
    scalars: ({ t }) => axisScalars(axes, at(t), side),
  };
}
