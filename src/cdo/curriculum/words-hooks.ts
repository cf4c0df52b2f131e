/** What words about images, weights and γ say; their pieces may stand in any order. Checks are those of the configs. */
import { difficultyNames, difficultySettings } from "./difficulty-config.ts";
import { pacingNames, pacingSettings } from "./order-config.ts";
import { scheduleNames, scheduleParameters } from "./schedule.ts";
import { weightNames, weightSettings } from "./weights-config.ts";
import type { Word } from "./word.ts";
import { type Given, scheduled, taking } from "./words-schedule.ts";

/** `order` and, in any order, `difficulty[:settings]`, `pacing[:settings]`, `schedule[:settings]`, `curriculum|anti|random`. */
function orderWord(word: Word): Given {
  const orderings = ["curriculum", "anti", "random"] as const;
  const measures = difficultyNames.filter((name) => name !== "random" && name !== "scores");
  const kinds: readonly Kind[] = [
    {
      what: "a measure of difficulty",
      names: measures,
      read: (name) => ({ name, ...ownSettings(word, difficultySettings(name as Measure)) }),
    },
    {
      what: "a pacing",
      names: pacingNames,
      read: (name) => ({ name, ...ownSettings(word, pacingSettings(name as Pace)) }),
    },
    { what: "a schedule", names: scheduleNames, read: (name) => scheduled(word, name).own },
    { what: "an ordering", names: orderings, read: (name) => ({ name }) },
  ];
  const [difficulty, pacing, schedule, ordering] = inAnyOrder(word, "part of an order", kinds);
  const paced = schedule ? { ...(pacing ?? { name: "continuous" }), schedule } : pacing;
  return {
    ...(difficulty ? { difficulty } : {}),
    ...(paced ? { pacing: paced } : {}),
    ...(ordering ? { ordering: ordering.name } : {}),
  };
}

type Measure = (typeof difficultyNames)[number];
type Pace = (typeof pacingNames)[number];

/** Pieces of which a word may have one. */
interface Kind {
  /** With its article. */
  readonly what: string;
  readonly names: readonly string[];
  /** Reads what follows the name. */
  readonly read: (name: string) => Given;
}

/** What there is of each kind, whichever comes first. A name of two kinds is of the first of them that is still missing. */
function inAnyOrder(word: Word, whole: string, kinds: readonly Kind[]): (Given | undefined)[] {
  const found = kinds.map((): Given | undefined => undefined);
  const before = kinds.map(() => "");
  while (word.ahead !== undefined) {
    const name = word.ahead;
    const fitting = [...kinds.keys()].filter((i) => kinds[i]?.names.includes(name));
    const at = fitting.find((i) => !found[i]) ?? fitting[0];
    const kind = at === undefined ? undefined : kinds[at];
    if (at === undefined || !kind) {
      const all = kinds.flatMap(({ names }) => names);
      throw word.unknown(whole, all);
    }
    if (found[at]) throw word.fail(twice(name, kind.what, before[at]));
    word.take();
    before[at] = name;
    found[at] = kind.read(name);
  }
  return found;
}

function twice(name: string, what: string, before: unknown): string {
  if (name === before) return `"${name}" is there twice`;
  return `"${name}" is ${what}, and so is "${before}"; keep one of them`;
}

/** Settings of these names, none of which is a flag. */
function ownSettings(word: Word, names: readonly string[]): Given {
  return word.settings(taking(...names), (name) => {
    const isTiming = scheduleNames.some((known) => scheduleParameters(known).includes(name));
    return isTiming ? `those of a schedule follow its name, as in linear:${name}=0.5` : "";
  });
}

/** `weights:RULE[:settings]` and, before or behind it, `schedule[:settings]`. */
function weightWord(word: Word): Given {
  const rule = ruleAhead(word);
  const kinds: readonly Kind[] = [
    {
      what: "a rule of weights",
      names: weightNames.filter((name) => name === rule || !isSchedule(name)),
      read: (name) => ({ name, ...ownSettings(word, weightSettings(name as Rule)) }),
    },
    { what: "a schedule", names: scheduleNames, read: (name) => scheduled(word, name).own },
  ];
  const [own, schedule] = inAnyOrder(word, "schedule", kinds);
  return { ...own, ...(schedule ? { schedule } : {}) };
}

type Rule = (typeof weightNames)[number];
const isSchedule = (name: string) => scheduleNames.some((known) => known === name);

/** "linear" is a rule and a schedule: the first piece is the rule, unless another can be nothing else. */
function ruleAhead(word: Word): Rule {
  const rules = word.rest.flatMap((piece) => weightNames.filter((name) => name === piece));
  const rule = rules.find((name) => !isSchedule(name)) ?? rules[0];
  if (rule === undefined) throw word.unknown("rule of weights", weightNames);
  return rule;
}

const gammaEnds = ["from", "to", "abnormal"] as const;

/** `gamma:from=0,to=2` and, before or behind it, `schedule[:settings]`; all settings may stand together. `abnormal=from/to`. */
function gammaWord(word: Word): Given {
  const found: { ends: Given; schedule?: Given } = { ends: {} };
  if (word.ahead === undefined) {
    throw word.fail("it lacks where γ begins and ends, as in gamma:linear:from=0,to=2");
  }
  while (word.ahead !== undefined) {
    const name = word.ahead;
    const own = isSchedule(name) ? timed(word, found.schedule) : undefined;
    if (own) found.schedule = own.own;
    else if (!name.includes("=")) throw word.unknown("schedule", scheduleNames);
    const told = own?.extra ?? ownSettings(word, gammaEnds);
    const again = Object.keys(told).find((key) => key in found.ends);
    if (again) throw word.fail(`"${again}" is given twice`);
    Object.assign(found.ends, told);
  }
  const { abnormal, ...settings } = found.ends;
  const { schedule } = found;
  return { ...settings, ...(schedule ? { schedule } : {}), ...ends(word, abnormal) };
}

function timed(word: Word, before: Given | undefined) {
  const name = word.take() as string;
  if (before) throw word.fail(twice(name, "a schedule", before.name));
  return scheduled(word, name, gammaEnds);
}

function ends(word: Word, abnormal: unknown): Given {
  if (abnormal === undefined) return {};
  const values = Array.isArray(abnormal) ? abnormal : [];
  if (values.length !== 2) throw word.fail("abnormal must be two numbers, as in abnormal=0/2");
  return { abnormal: { from: values[0], to: values[1] } };
}

export const hookWords = { order: orderWord, weights: weightWord, gamma: gammaWord } as const;
