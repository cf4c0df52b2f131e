/** What words say of a schedule: its name and its settings. */
import { scheduleNames, scheduleParameters } from "./schedule.ts";
import type { ScheduleName } from "./schedule-formulas.ts";
import { drawn } from "./strength.ts";
import type { Word } from "./word.ts";

/** JSON that a check of its own completes. */
export type Given = Record<string, unknown>;

export const taking = (...names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, name === "reversed"]));

/** `NAME[:settings]` */
function schedule(word: Word): Given {
  return scheduled(word, word.mustName(scheduleNames, "schedule")).own;
}

/** What follows the name of a schedule; more settings than its own may stand among them. */
export function scheduled(
  word: Word,
  name: string,
  extra: readonly string[] = [],
): { own: Given; extra: Given } {
  const all = word.settings(taking(...extra, ...scheduleParameters(name as ScheduleName)));
  const split = (mine: boolean) =>
    Object.fromEntries(Object.entries(all).filter(([key]) => extra.includes(key) === mine));
  const { lengths, ...own } = split(false);
  const list = lengths === undefined ? {} : { lengths: [lengths].flat() };
  return { own: { name, ...own, ...list }, extra: split(true) };
}

/** A schedule, `random`, or `gaussian[:sigma=…][:schedule of its mean]`. */
export function strength(word: Word): Given {
  const name = word.name(drawn);
  if (name === "random") return { name };
  if (name === "gaussian") {
    const settings = word.settings(taking("sigma"));
    return { name, ...settings, ...(word.ahead === undefined ? {} : { mean: schedule(word) }) };
  }
  if (!scheduleNames.some((known) => known === word.ahead)) {
    throw word.unknown("schedule", [...scheduleNames, ...drawn]);
  }
  return schedule(word);
}
