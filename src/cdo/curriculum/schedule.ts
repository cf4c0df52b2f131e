/** Schedules as what a file or a command line may hold: which parameters each takes, their rules, what is left out filled in. */
import { fields } from "../../detector/index.ts";
import { LoupeError } from "../../error.ts";
import type { Schedule } from "./hook.ts";
import { type ScheduleConfig, type ScheduleName, scheduleFormula } from "./schedule-formulas.ts";

export type { ScheduleConfig };

const share = fields.number("a number from 0 to 1", (v) => v >= 0 && v <= 1);
const shareAbove0 = fields.number("a number above 0, at most 1", (v) => v > 0 && v <= 1);
const power = fields.number("a number above 0, at most 100", (v) => v > 0 && v <= 100);
const isLength = (v: unknown) => typeof v === "number" && Number.isFinite(v) && v > 0 && v <= 1e3;

const rules = {
  a: fields.number("a share of the training above 0", (v) => v > 0 && v <= 1e3),
  b: share,
  p: power,
  c: fields.number("a number above 0, at most 100", (v) => v > 0 && v <= 100),
  k: fields.whole(2, 10_000),
  inc: fields.number("a number above 1, at most 1000", (v) => v > 1 && v <= 1e3),
  every: fields.number("a share of the training from 0.000001 to 1", (v) => v >= 1e-6 && v <= 1),
  lengths: {
    rule: "a list of 1 to 1000 shares of the training, each above 0",
    holds: (v) => Array.isArray(v) && v.length >= 1 && v.length <= 1000 && v.every(isLength),
  },
  reversed: fields.flag,
} as const satisfies Record<string, fields.FieldRule>;

type Parameter = keyof typeof rules;
type Defaults = Readonly<Partial<Record<Parameter, number | readonly number[]>>>;

interface Form {
  /** Parameters it takes and what they are where left out. */
  readonly takes: Defaults;
  /** Must be given. */
  readonly needs?: readonly Parameter[];
  /** May be given; nothing stands in for them. */
  readonly may?: readonly Parameter[];
  /** Rules that differ from those of all. */
  readonly rules?: Readonly<Partial<Record<Parameter, fields.FieldRule>>>;
}

const ramp = { a: 0.8, b: 0 };
const leaps = { b: 0.2, inc: 1.5 };

const forms: Readonly<Record<ScheduleName, Form>> = {
  linear: { takes: ramp },
  cosine: { takes: ramp },
  quad: { takes: ramp },
  polynomial: { takes: { ...ramp, p: 2 } },
  root: { takes: { ...ramp, p: 2 } },
  exponential: { takes: { ...ramp, c: 10 } },
  logarithmic: { takes: { ...ramp, c: 10 } },
  step: { takes: ramp, may: ["k", "p"] },
  competence: { takes: { a: 0.8, b: 0.01, p: 2 } },
  geometric: { takes: { a: 0.8, b: 0.01 }, rules: { b: shareAbove0 } },
  "fixed-exponential": { takes: { ...leaps, every: 0.1 }, rules: { b: shareAbove0 } },
  "varied-exponential": {
    takes: { ...leaps, lengths: [0.05, 0.1, 0.15, 0.2] },
    rules: { b: shareAbove0 },
  },
  constant: { takes: {}, needs: ["c"], rules: { c: share } },
};

export const scheduleNames = Object.keys(forms) as readonly ScheduleName[];

/** Names of all parameters that a schedule takes. */
export function scheduleParameters(name: ScheduleName): readonly string[] {
  const { takes, needs = [], may = [] } = forms[name];
  return [...Object.keys(takes), ...needs, ...may, "reversed"];
}

/** Defaults of one place, over those of the schedule; `{ b: 0.2 }` for a share of the data. */
export interface ScheduleDefaults {
  readonly b?: number;
}

/**
 * A complete schedule from what was given; its fields may come from a file.
 * @param where the place it stands in, such as `curriculum.synthesis.freq.schedule`
 * @param more what else may stand there, for messages
 * @throws LoupeError `config` naming the field and its rule
 */
export function scheduleConfig(
  given: unknown,
  where: string,
  defaults: ScheduleDefaults = {},
  more: readonly string[] = [],
): ScheduleConfig {
  const config = definedOf(asNamed(given, where));
  const name = scheduleName(config.name, where, more);
  const known = scheduleParameters(name);
  const unknown = Object.keys(config).find((key) => key !== "name" && !known.includes(key));
  if (unknown !== undefined) {
    const what = `${name} has no ${JSON.stringify(unknown.slice(0, 100))}`;
    throw new LoupeError("config", `${where}: ${what}; it takes ${known.join(", ")}`);
  }
  const filled = { ...defaultsOf(name, config, defaults), ...config };
  const present = [...Object.keys(filled), ...(forms[name].needs ?? [])];
  fields.checkFields("config", where, filled, ruled(name, present));
  if (name === "step" && "p" in filled && !("k" in filled)) {
    const next = "give k, or leave p out";
    throw new LoupeError("config", `${where}: p has no effect on a single step; ${next}`);
  }
  const { reversed, ...rest } = filled;
  return { name, ...rest, ...(reversed ? { reversed } : {}) } as unknown as ScheduleConfig;
}

function ruled(name: ScheduleName, names: readonly string[]): Record<string, fields.FieldRule> {
  const own: Partial<Record<string, fields.FieldRule>> = { ...rules, ...forms[name].rules };
  return Object.fromEntries(names.flatMap((key) => (own[key] ? [[key, own[key]]] : [])));
}

function defaultsOf(name: ScheduleName, given: object, { b }: ScheduleDefaults): Defaults {
  const { takes } = forms[name];
  const started = b !== undefined && takes.b === 0 ? { ...takes, b } : takes;
  if (name !== "step" || !("k" in given)) return started;
  return { ...started, a: 1, p: 1 };
}

function scheduleName(name: unknown, where: string, more: readonly string[] = []): ScheduleName {
  if (scheduleNames.includes(name as ScheduleName)) return name as ScheduleName;
  const known = [...scheduleNames, ...more];
  const near = typeof name === "string" ? fields.nearest(name, known) : undefined;
  const next = near ? `did you mean "${near}"?` : "choose one of them";
  fields.checkFields("config", where, { name }, { name: fields.oneOf(...known) }, next);
  return name as ScheduleName;
}

/** The object that stands in a place and begins with a name. */
export function asNamed(given: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof given !== "string") return asObject(given, where);
  const next = `did you mean { "name": ${JSON.stringify(given.slice(0, 60))} }?`;
  throw new LoupeError("config", `${where}: must be ${fields.object.rule}, got a text; ${next}`);
}

/** The object that stands in a place. */
export function asObject(given: unknown, where: string): Readonly<Record<string, unknown>> {
  if (fields.isObject(given)) return given;
  const got = given === undefined ? "it is missing" : `got ${JSON.stringify(given).slice(0, 60)}`;
  throw new LoupeError("config", `${where}: must be ${fields.object.rule}, ${got}`);
}

/** Without the fields that are undefined. */
export function definedOf(given: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/**
 * The function of a schedule. Pure; in [0, 1]; grows unless `reversed`.
 * @throws LoupeError `config`, as `scheduleConfig`
 * @example scheduleOf({ name: "linear", b: 0.2 })(0.4) // 0.6
 */
export function scheduleOf(config: ScheduleConfig, defaults: ScheduleDefaults = {}): Schedule {
  return scheduleFormula(scheduleConfig(config, "schedule", defaults));
}
