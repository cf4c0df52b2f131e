/** From a curriculum's config to the curriculum at work. */
import { type CurriculumConfig, curriculumConfig } from "./config.ts";
import { Curriculum } from "./curriculum.ts";
import { createGammaHook } from "./gamma.ts";
import { createOrderHook } from "./order.ts";
import { createWeightHook } from "./self-paced.ts";
import { createSynthesisHook } from "./synthesis-hook.ts";

/** The training it belongs to. */
export interface CurriculumTraining {
  readonly epochs: number;
  readonly seed: number;
  readonly batchSize: number;
  /** Side at which anomalies are painted, pixels. */
  readonly side?: number;
}

/**
 * @throws LoupeError `config` as `curriculumConfig`
 * @example createCurriculum({ gamma: { from: 0, to: 2 } }, { epochs: 10, seed: 1, batchSize: 8 }).plan(9, 200).scalars.gamma // 2
 */
export function createCurriculum(
  given: CurriculumConfig,
  training: CurriculumTraining,
): Curriculum {
  const { order, synthesis, weights, gamma, progress } = curriculumConfig(given);
  const hooks = {
    order: order && createOrderHook(order, training),
    synthesis: synthesis && createSynthesisHook(synthesis, training),
    weights: weights && createWeightHook(weights),
    gamma: gamma && createGammaHook(gamma),
  };
  return new Curriculum(hooks, { epochs: training.epochs, progress });
}
