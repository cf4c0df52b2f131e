/**
 * Pacing: from progress t to a strength or a share of the data in [0, 1]. Where nothing else is said, x = min(1, t/a) and
 * g = b + (1 − b) · shape(x): it starts at b, grows, and is 1 from t = a on. Symbols as in the papers: a the share of the training
 * after which all is reached, b the start, p a power, c a rate, k a number of steps.
 */
import type { Schedule } from "./hook.ts";

interface Ramp {
  /** Share of the training after which the end is reached; above 1 it isn't. Default 0.8; of k steps 1. */
  readonly a?: number;
  /** The start. Default 0; where a share of the data is scheduled, 0.2. */
  readonly b?: number;
}

interface Leaps {
  /** The start. Default 0.2. */
  readonly b?: number;
  /** What a step multiplies by. Default 1.5. */
  readonly inc?: number;
}

/** When things get harder, as plain JSON. What is left out takes its default. */
export type ScheduleConfig =
  /** linear: x. cosine: (1 − cos πx)/2. quad: x². */
  (
    | (Ramp & { readonly name: "linear" | "cosine" | "quad" })
    /** polynomial: x^p, default p 2. root: x^(1/p), default p 2. */
    | (Ramp & { readonly name: "polynomial" | "root"; readonly p?: number })
    /** exponential, slow first: (e^(cx) − 1)/(e^c − 1). logarithmic, fast first: 1 + ln(x + e^(−c))/c. Default c 10. */
    | (Ramp & { readonly name: "exponential" | "logarithmic"; readonly c?: number })
    /** b until a, then 1. With k: k equal plateaus (⌊xk⌋/(k − 1))^p, default p 1, which the fork calls LinearStep and, p 2, FunctionStep. */
    | (Ramp & { readonly name: "step"; readonly k?: number; readonly p?: number })
    /** Platanios et al., 1903.09848: (t(1 − b^p)/a + b^p)^(1/p), default p 2, b 0.01. // reference: a toolkit has ½ for 1/p */
    | (Ramp & { readonly name: "competence"; readonly p?: number })
    /** b^(1 − t/a), b above 0, default 0.01. */
    | (Ramp & { readonly name: "geometric" })
    /** Hacohen & Weinshall, 1904.03626: b · inc^⌊t/every⌋, default every 0.1 of the training. */
    | (Leaps & { readonly name: "fixed-exponential"; readonly every?: number })
    /** The same with steps of these lengths, shares of the training; the last goes on. Default 0.05, 0.1, 0.15, 0.2. */
    | (Leaps & { readonly name: "varied-exponential"; readonly lengths?: readonly number[] })
    /** c at all times: 0 easy only, 1 hard only. */
    | { readonly name: "constant"; readonly c: number }
  ) & {
    /** g(1 − t), from hard to easy. */
    readonly reversed?: boolean;
  };

export type ScheduleName = ScheduleConfig["name"];

/** What `scheduleConfig` has filled in, as far as the form takes it. */
interface Parameters extends Readonly<Record<"a" | "b" | "p" | "c" | "inc" | "every", number>> {
  readonly k?: number;
  readonly lengths: readonly number[];
}

const within = (value: number) => Math.min(1, Math.max(0, value));

const ramp =
  (shape: (x: number, o: Parameters) => number) =>
  (o: Parameters): Schedule =>
  (t) =>
    o.b + (1 - o.b) * within(shape(Math.min(1, t / o.a), o));

/** Whole steps of this length that are over; 0.3/0.1 is three of them. */
const stepsOver = (t: number, length: number) => Math.floor(t / length + 1e-9);

function stepsOfLengths(t: number, lengths: readonly number[]): number {
  let [rest, over] = [t, 0];
  for (const length of lengths) {
    if (over === lengths.length - 1) break;
    if (rest < length - 1e-9) return over;
    rest -= length;
    over++;
  }
  return over + stepsOver(rest, lengths.at(-1)!);
}

function stairs(x: number, { k = 2, p }: Parameters): number {
  return Math.min(Math.floor(x * k), k - 1) ** p / (k - 1) ** p;
}

const formulas: Readonly<Record<ScheduleName, (o: Parameters) => Schedule>> = {
  linear: ramp((x) => x),
  cosine: ramp((x) => (1 - Math.cos(Math.PI * x)) / 2),
  quad: ramp((x) => x * x),
  polynomial: ramp((x, { p }) => x ** p),
  root: ramp((x, { p }) => x ** (1 / p)),
  exponential: ramp((x, { c }) => Math.expm1(c * x) / Math.expm1(c)),
  logarithmic: ramp((x, { c }) => 1 + Math.log(x + Math.exp(-c)) / c),
  step: (o) => (o.k === undefined ? (t) => (t < o.a ? o.b : 1) : ramp(stairs)(o)),
  competence:
    ({ a, b, p }) =>
    (t) =>
      ((t * (1 - b ** p)) / a + b ** p) ** (1 / p),
  geometric:
    ({ a, b }) =>
    (t) =>
      b ** (1 - t / a),
  "fixed-exponential":
    ({ b, inc, every }) =>
    (t) =>
      b * inc ** stepsOver(t, every),
  "varied-exponential":
    ({ b, inc, lengths }) =>
    (t) =>
      b * inc ** stepsOfLengths(t, lengths),
  constant:
    ({ c }) =>
    () =>
      c,
};

/**
 * The function of a checked and complete config, see `scheduleConfig`. Grows from its start to 1 (`reversed`: falls; `constant`: neither)
 * and stays in [0, 1].
 */
export function scheduleFormula(config: ScheduleConfig): Schedule {
  const g = formulas[config.name](config as unknown as Parameters);
  return config.reversed ? (t) => within(g(1 - t)) : (t) => within(g(t));
}
