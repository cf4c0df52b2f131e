/** The loss scale of the next step, decided on the GPU: see `GradScaler`. */
import { type KernelSpec, kernel } from "./spec.ts";
import { wgsl } from "./wgsl.ts";

export interface LossScaleRule {
  readonly growthFactor: number;
  readonly backoffFactor: number;
  readonly growthInterval: number;
}

/** Input: 1 where an infinity was found, u32. Outputs, in place: scale (f32), good steps in a row (u32). */
export function lossScaleKernel(rule: LossScaleRule): KernelSpec {
  return kernel({
    name: "loss scale",
    inputs: [{ name: "found_", type: "u32" }],
    outputs: [
      { name: "scale_", type: "f32" },
      { name: "good_", type: "u32" },
    ],
    params: {
      growth: ["f32", rule.growthFactor],
      backoff: ["f32", rule.backoffFactor],
      interval: ["u32", rule.growthInterval],
      most: ["f32", 2 ** 127],
    },
    workgroup: [1],
    grid: [1, 1, 1],
    body: wgsl`let good = good_[0] + 1u;
if (found_[0] != 0u) {
  scale_[0] *= p.backoff;
  good_[0] = 0u;
} else if (good >= p.interval) {
  if (scale_[0] <= p.most / p.growth) { scale_[0] *= p.growth; }
  good_[0] = 0u;
} else {
  good_[0] = good;
}`,
  });
}
