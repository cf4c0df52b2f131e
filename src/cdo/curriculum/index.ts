/** Curricula: what changes over a training, as plain configs, and the hooks that do it. */

export { type CompleteCurriculum, type CurriculumConfig, curriculumConfig } from "./config.ts";
export { createCurriculum } from "./create.ts";
export { Curriculum } from "./curriculum.ts";
export type { DifficultyConfig, PathScore } from "./difficulty-config.ts";
export { parseScores } from "./difficulty-scores.ts";
export { createGammaHook } from "./gamma.ts";
export { type GammaConfig, gammaConfig } from "./gamma-config.ts";
export { curriculumOfTokens } from "./grammar.ts";
export type { Surroundings } from "./hook.ts";
export { nameOfCurriculum } from "./name.ts";
export { createOrderHook } from "./order.ts";
export { type OrderConfig, orderConfig, type PacingConfig } from "./order-config.ts";
export { curriculumPresets, type Preset, type PresetName, presetNames } from "./presets.ts";
export { type ScheduleConfig, scheduleConfig, scheduleOf } from "./schedule.ts";
export { createWeightHook } from "./self-paced.ts";
export { type WeightConfig, weightConfig } from "./weights-config.ts";
export { curriculumOfWords } from "./words.ts";
export { wordsOfCurriculum } from "./words-write.ts";
