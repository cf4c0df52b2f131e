/**
 * The fork's `--augm-red`: `KEY [number…] [CONTROLLER [number…]]`, repeated. Numbers before a controller are the axis' own, those
 * after it the controller's. It gives the same curriculum as words or a config file would.
 */
import { fields } from "../../detector/index.ts";
import { LoupeError } from "../../error.ts";
import { type CompleteCurriculum, curriculumConfig } from "./config.ts";
import { curriculumPresets } from "./presets.ts";
import type { StrengthConfig } from "./strength.ts";
import { numberOf } from "./word.ts";

const where = "--augm-red";

/** Own numbers of each key, in their order. */
const keys = {
  amp: [],
  freq: [],
  normal: [],
  alpha: ["exponent", "max"],
  NoiseSelector: [],
} as const satisfies Record<string, readonly string[]>;
type Key = keyof typeof keys;
const keyNames = Object.keys(keys) as readonly Key[];

interface Controller {
  /** Names of its numbers; the first `least` must be there. */
  readonly takes: readonly string[];
  readonly least: number;
  readonly make: (numbers: readonly number[]) => StrengthConfig;
}

const clock = { name: "linear", a: 1 } as const;

const controllers: Readonly<Record<string, Controller>> = {
  LinearStepController: { takes: ["k"], least: 1, make: ([k = 0]) => ({ name: "step", k }) },
  FunctionStepController: {
    takes: ["k"],
    least: 1,
    make: ([k = 0]) => ({ name: "step", k, p: 2 }),
  },
  RandomController: { takes: [], least: 0, make: () => ({ name: "random" }) },
  MeanRandomGaussianController: {
    takes: ["sigma"],
    least: 0,
    make: ([sigma = 0.1]) => ({ name: "gaussian", sigma, mean: clock }),
  },
  /** The fork's is a stub that stays at 0. */
  AdaptiveController: { takes: [], least: 0, make: () => ({ name: "constant", c: 0 }) },
};
const controllerNames = Object.keys(controllers);

interface Token {
  readonly text: string;
  /** From 1. */
  readonly position: number;
}

/** One KEY with what belongs to it. */
interface Clause {
  readonly key: Token & { readonly text: Key };
  readonly numbers: Token[];
  controller?: Token;
  readonly settings: Token[];
}

/**
 * The curriculum of the fork's tokens; progress is counted as the fork does, and there is no guard. `normal` alone changes nothing.
 * @param tokens one by one, or in texts with spaces between
 * @throws LoupeError `config` naming the token, its position, and what could stand there
 * @example curriculumOfTokens(["freq", "LinearStepController", "5", "alpha", "4", "0.6"])
 */
export function curriculumOfTokens(tokens: readonly string[]): CompleteCurriculum {
  const texts = tokens.flatMap((text) => text.split(/\s+/)).filter((text) => text !== "");
  const clauses = clausesOf(texts.map((text, i) => ({ text, position: i + 1 })));
  if (clauses.length === 0) {
    const next = `name one of ${keyNames.join(", ")}`;
    throw new LoupeError("config", `${where}: it has no tokens; ${next}`);
  }
  refuseTogether(clauses);
  const selector = clauses.find(({ key }) => key.text === "NoiseSelector");
  if (selector) {
    refuseController(selector, "it draws how hard its noise is by itself");
    return curriculumConfig(curriculumPresets["selector-fork"].config);
  }
  const axes = Object.fromEntries(clauses.flatMap(axisOf));
  const has = Object.keys(axes).length > 0;
  const synthesis = has ? { synthesis: { ...axes, guard: false } } : {};
  return curriculumConfig({ progress: "fork", ...synthesis }, where);
}

function clausesOf(tokens: readonly Token[]): readonly Clause[] {
  const clauses: Clause[] = [];
  for (const token of tokens) {
    const { text } = token;
    const clause = clauses.at(-1);
    if (Object.hasOwn(keys, text)) {
      clauses.push({ key: { ...token, text: text as Key }, numbers: [], settings: [] });
    } else if (Object.hasOwn(controllers, text)) {
      if (!clause) throw fail(token, `a controller follows a key; begin with ${oneOf(keyNames)}`);
      if (clause.controller) {
        const has = `${clause.key.text} has ${clause.controller.text} already`;
        throw fail(token, `${has}; a number or another key could stand there`);
      }
      clause.controller = token;
    } else if (numberOf(text) === undefined) throw unknown(token);
    else if (!clause) throw fail(token, `a number follows a key; begin with ${oneOf(keyNames)}`);
    else if (clause.controller) clause.settings.push(token);
    else clause.numbers.push(token);
  }
  return clauses;
}

/** At most one generator, each key once, and nothing beside a selector. */
function refuseTogether(clauses: readonly Clause[]): void {
  const shown = ({ key }: Clause) => `${key.text} (token ${key.position})`;
  const generators = clauses.filter(({ key }) => key.text !== "alpha");
  for (const [i, clause] of clauses.entries()) {
    const same = clauses.slice(0, i).find(({ key }) => key.text === clause.key.text);
    if (same) throw fail(clause.key, `it is named already, ${shown(same)}; keep one of them`);
  }
  const selector = generators.find(({ key }) => key.text === "NoiseSelector");
  const other = clauses.find((clause) => clause !== selector);
  if (selector && other) {
    const late = selector.key.position > other.key.position ? selector : other;
    const why = "NoiseSelector chooses among all noises by itself";
    throw fail(late.key, `${why}; leave out ${shown(other)}`);
  }
  const [first, second] = generators;
  if (!first || !second) return;
  // reference: which of two generators is taken is left to chance there
  const next = "keep one of them; alpha may go with it";
  throw fail(second.key, `it makes the noise, and so does ${shown(first)}; ${next}`);
}

function axisOf(clause: Clause): readonly (readonly [axis: string, config: object])[] {
  const { key, numbers } = clause;
  const names = keys[key.text];
  const stray = numbers[names.length];
  if (stray) {
    const takes = names.length > 0 ? `at most ${names.join(" and ")}` : "no numbers of its own";
    const next = `${oneOf(controllerNames)} or another key could stand there`;
    throw fail(stray, `${key.text} takes ${takes}; ${next}`);
  }
  const schedule = scheduleOf(clause);
  if (key.text === "normal") {
    refuseController(clause, "its noise is always as hard");
    return [];
  }
  const [exponent = 4, most = 0.6] = numbers.map(({ text }) => Number(text));
  if (key.text !== "alpha")
    return [[key.text, { ...(key.text === "amp" ? { most: 1 } : {}), schedule }]];
  if (!(exponent >= 0.01 && exponent <= 100)) {
    throw fail(numbers[0] as Token, "the exponent of alpha must be from 0.01 to 100");
  }
  if (!(most > 0 && most <= 1)) {
    throw fail(numbers[1] as Token, "the maximum of alpha must be above 0, at most 1");
  }
  return [["alpha", { exponent, most, schedule }]];
}

function scheduleOf({ key, controller, settings }: Clause): StrengthConfig {
  if (!controller) return clock;
  const { takes, least, make } = controllers[controller.text] as Controller;
  const stray = settings[takes.length];
  const wants = takes.length > 0 ? `one number, ${takes.join(", ")}` : "no number";
  if (stray) {
    const next = `one of the keys ${keyNames.filter((name) => name !== key.text).join(", ")}`;
    throw fail(stray, `${controller.text} takes ${wants}; ${next} could stand there`);
  }
  if (settings.length < least) {
    throw fail(controller, `it takes ${wants}; write it after it, as in ${controller.text} 5`);
  }
  const [token] = settings;
  const value = Number(token?.text);
  if (
    token &&
    takes[0] === "k" &&
    !(Number.isSafeInteger(value) && value >= 2 && value <= 10_000)
  ) {
    throw fail(token, `the number of steps must be a whole number from 2 to 10000`);
  }
  if (token && takes[0] === "sigma" && !(value > 0 && value <= 10)) {
    throw fail(token, "sigma must be above 0, at most 10");
  }
  return make(settings.map(({ text }) => Number(text)));
}

function refuseController({ key, numbers, controller }: Clause, why: string): void {
  const stray = numbers[0] ?? controller;
  if (stray) throw fail(stray, `${key.text} takes nothing after it, ${why}; leave it out`);
}

function unknown(token: Token): LoupeError {
  const near = fields.nearest(token.text, [...keyNames, ...controllerNames]);
  if (near) return fail(token, `it is not known; did you mean "${near}"?`);
  const all = `a number, a key (${keyNames.join(", ")}) or a controller (${controllerNames.join(", ")})`;
  return fail(token, `it is not known; ${all} could stand there`);
}

function fail({ text, position }: Token, problem: string): LoupeError {
  return new LoupeError(
    "config",
    `${where}: token ${position}, "${text.slice(0, 100)}": ${problem}`,
  );
}

function oneOf(names: readonly string[]): string {
  return `one of ${names.join(", ")}`;
}
