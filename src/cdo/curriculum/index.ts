/** Curricula: what changes over a training, as plain configs, and the hooks that do it. */
export { type ScheduleConfig, scheduleConfig, scheduleOf } from "./schedule.ts";
