/** What each kind of word says: axes with their schedules, the adaptive ones, order, weights and γ. Checks are those of the configs. */

import { type AxisName, axisNames, axisSettings, type PlainAxes } from "./axes.ts";
import { difficultyNames } from "./difficulty-config.ts";
import { pacingNames } from "./order-config.ts";
import { scheduleNames, scheduleParameters } from "./schedule.ts";
import { drawn } from "./strength.ts";
import { weightNames } from "./weights-config.ts";
import type { Word } from "./word.ts";

/** JSON that a check of its own completes. */
type Given = Record<string, unknown>;

const taking = (...names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, name === "reversed"]));

/** `NAME[:settings]`; more settings than the schedule's own may stand among them. */
function schedule(word: Word, extra: readonly string[] = []): { own: Given; extra: Given } {
  const name = word.mustName(scheduleNames, "schedule");
  const all = word.settings(taking(...extra, ...scheduleParameters(name)));
  const split = (mine: boolean) =>
    Object.fromEntries(Object.entries(all).filter(([key]) => extra.includes(key) === mine));
  const { lengths, ...own } = split(false);
  const list = lengths === undefined ? {} : { lengths: [lengths].flat() };
  return { own: { name, ...own, ...list }, extra: split(true) };
}

const hasSchedule = (word: Word) => scheduleNames.some((name) => name === word.ahead);

/** A schedule, `random`, or `gaussian[:sigma=…][:schedule of its mean]`. */
function strength(word: Word): Given {
  const name = word.name(drawn);
  if (name === "random") return { name };
  if (name === "gaussian") {
    const settings = word.settings(taking("sigma"));
    return { name, ...settings, ...(word.ahead === undefined ? {} : { mean: schedule(word).own }) };
  }
  if (!hasSchedule(word)) throw word.unknown("schedule", [...scheduleNames, ...drawn]);
  return schedule(word).own;
}

/** `[numbers|settings]` of an axis, such as `4,0.6`, `most=0.6` or `beyond`. */
function axisParameters(word: Word, axis: AxisName): Given {
  const { numbers: names, flags } = axisSettings(axis);
  const numbers = word.numbers();
  if (numbers.length > names.length) {
    const takes = names.length > 0 ? `at most ${names.join(", ")}` : "no numbers";
    throw word.fail(`${axis} takes ${takes}, got ${numbers.join(", ")}`);
  }
  if (numbers.length > 0) return Object.fromEntries(numbers.map((value, i) => [names[i], value]));
  const all = [...names, ...flags];
  const own = { ...taking(...names), ...Object.fromEntries(flags.map((name) => [name, true])) };
  const parts = word.ahead?.includes("=") ? word.ahead.split(",") : [];
  const stray = parts.find((part) => !all.includes(part.split("=")[0] ?? ""));
  if (stray === undefined) return word.settings(own);
  const takes = all.length > 0 ? `it takes ${all.join(", ")}` : "it takes none";
  const next = `settings of a schedule follow its name, as in ${axis}:step:k=5`;
  throw word.fail(`${axis} has no setting "${stray}"; ${takes}; ${next}`);
}

/** `AXIS[:numbers|settings][:schedule[:settings]]` */
export function axisWord(word: Word, axis: AxisName): Given {
  const own = axisParameters(word, axis);
  return word.ahead === undefined ? own : { ...own, schedule: strength(word) };
}

/** `AXIS[+AXIS…]` */
function axesPiece(word: Word): PlainAxes {
  const piece = word.ahead;
  if (piece === undefined) throw word.fail("it lacks its axes, such as freq or freq+alpha");
  const names = piece.split("+");
  for (const name of names) {
    if (!axisNames.includes(name as AxisName)) {
      throw word.fail(`"${name}" is no axis; there are ${axisNames.join(", ")}`);
    }
  }
  word.take();
  return Object.fromEntries(names.map((name) => [name, {}]));
}

/** `selector[:exp3|greedy][:axes][:settings]`, `gate:axes[:settings]`, `plateau:axes[:settings]` */
export const adaptiveWords = {
  selector(word: Word): Given {
    const method = word.name(["exp3", "greedy"]);
    const isAxes = word.ahead !== undefined && !word.ahead.includes("=");
    const axes = isAxes ? { axes: axesPiece(word) } : {};
    const settings = word.settings(taking("levels", "epsilon", "eta", "window", "probe"));
    return { ...(method ? { method } : {}), ...axes, ...settings };
  },
  gate(word: Word): Given {
    const axes = axesPiece(word);
    const names = ["start", "up", "down", "above", "below", "patience", "probe"];
    return { axes, ...word.settings(taking(...names)) };
  },
  plateau(word: Word): Given {
    const axes = axesPiece(word);
    const names = ["levels", "improvement", "patience", "smoothing"];
    return { axes, ...word.settings(taking(...names)) };
  },
} as const;

/** `order[:difficulty[:settings]][:pacing[:settings]][:schedule[:settings]][:curriculum|anti|random]` */
function orderWord(word: Word): Given {
  const orderings = ["curriculum", "anti", "random"] as const;
  const measures = difficultyNames.filter((name) => name !== "random" && name !== "scores");
  const given: Given = {};
  const difficulty = word.name(measures);
  if (difficulty) {
    given.difficulty = { name: difficulty, ...word.settings(taking("bank", "shrinkage")) };
  }
  const pacing = word.name(pacingNames);
  if (pacing) given.pacing = { name: pacing, ...word.settings(taking("buckets", "tau")) };
  if (hasSchedule(word)) {
    const by = (given.pacing as Given | undefined) ?? { name: "continuous" };
    given.pacing = { ...by, schedule: schedule(word).own };
  }
  const ordering = word.name(orderings);
  if (ordering) given.ordering = ordering;
  if (word.ahead !== undefined) {
    throw word.unknown("part of an order", [
      ...measures,
      ...pacingNames,
      ...scheduleNames,
      ...orderings,
    ]);
  }
  return given;
}

/** `weights:RULE[:settings][:schedule[:settings]]` */
function weightWord(word: Word): Given {
  const name = word.mustName(weightNames, "rule of weights");
  const own = ["lambda", "ratio", "power", "from", "to"];
  const settings = word.settings(taking(...own));
  return { name, ...settings, ...(word.ahead ? { schedule: schedule(word).own } : {}) };
}

/** `gamma:schedule:from=0,to=2[,settings]`; `abnormal=from/to` for the γ of abnormal pixels. */
function gammaWord(word: Word): Given {
  if (word.ahead?.includes("=")) {
    const { abnormal, ...settings } = word.settings(taking("from", "to", "abnormal"));
    return { ...settings, ...ends(word, abnormal) };
  }
  const { own, extra } = schedule(word, ["from", "to", "abnormal"]);
  const { abnormal, ...settings } = extra;
  return { ...settings, schedule: own, ...ends(word, abnormal) };
}

function ends(word: Word, abnormal: unknown): Given {
  if (abnormal === undefined) return {};
  const values = Array.isArray(abnormal) ? abnormal : [];
  if (values.length !== 2) throw word.fail("abnormal must be two numbers, as in abnormal=0/2");
  return { abnormal: { from: values[0], to: values[1] } };
}

export const hookWords = { order: orderWord, weights: weightWord, gamma: gammaWord } as const;
