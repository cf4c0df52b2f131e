/** A curriculum as the words that describe it, as short as they can be. What only JSON can say is left out. */
import { axesOf, axisSettings, type PlainAxes } from "./axes.ts";
import { type CurriculumConfig, type Place, places } from "./config.ts";
import { leanCurriculum } from "./lean.ts";

/** JSON that lacks what is as it would be anyway. */
type Lean = Readonly<Record<string, unknown>>;

/** `key=value,…`, in a list that is empty if there are none. */
function settings(config: Lean, ...skipped: readonly string[]): string[] {
  const told = Object.entries(config).flatMap(([key, value]) => {
    if (skipped.includes(key)) return [];
    if (value === true) return [key];
    return [`${key}=${Array.isArray(value) ? value.join("/") : String(value)}`];
  });
  return told.length > 0 ? [told.join(",")] : [];
}

/** `NAME[:settings]` of what begins with a name. */
function named(config: unknown, ...skipped: readonly string[]): string[] {
  if (config === undefined) return [];
  const { name, ...rest } = config as Lean;
  return [String(name), ...settings(rest, ...skipped)];
}

const strength = (config: Lean | undefined) =>
  config ? [...named(config, "mean"), ...named(config.mean)] : [];

function axes(config: PlainAxes): string[] {
  const words = axesOf(config).map((axis) => {
    const { schedule, ...own } = config[axis] as Lean;
    const { numbers } = axisSettings(axis);
    const all = numbers.length > 0 && numbers.every((name) => name in own);
    const told = all ? [numbers.map((name) => own[name]).join(",")] : settings(own);
    return [axis, ...told, ...strength(schedule as Lean)].join(":");
  });
  return config.guard === false ? [...words, "guard:off"] : words;
}

function synthesis(config: Lean): string[] {
  const kind = (["selector", "gate", "plateau"] as const).find((name) => name in config);
  if (kind === undefined) return axes(config);
  const { method, axes: own, ...rest } = config[kind] as Lean;
  const names = own === undefined ? [] : [axesOf(own as PlainAxes).join("+")];
  const head = [kind, ...(method === undefined ? [] : [String(method)]), ...names];
  return [[...head, ...settings(rest)].join(":")];
}

function order({ difficulty, pacing, ordering }: Lean): string[] {
  const { schedule } = (pacing ?? {}) as Lean;
  const pace = [...named(pacing, "schedule"), ...named(schedule)];
  const end = ordering === undefined ? [] : [String(ordering)];
  const measure = (difficulty as Lean | undefined)?.name === "scores" ? undefined : difficulty;
  return [["order", ...named(measure), ...pace, ...end].join(":")];
}

function weights(config: Lean): string[] {
  return [["weights", ...named(config, "schedule"), ...named(config.schedule)].join(":")];
}

function gamma({ schedule, abnormal, ...ends }: Lean): string[] {
  const other = abnormal as Lean | undefined;
  const own = settings({ ...ends, ...(other ? { abnormal: [other.from, other.to] } : {}) });
  const [name, ...timed] = named(schedule);
  return [["gamma", ...(name ? [name] : []), [...own, ...timed].join(",")].join(":")];
}

const writers: Readonly<Record<Place, (config: Lean) => string[]>> = {
  order,
  synthesis,
  weights,
  gamma,
};

/**
 * The words of a curriculum, `none` for one that changes nothing.
 * @example wordsOfCurriculum({ synthesis: { freq: { schedule: { name: "step", k: 5 } } } }) // ["freq:step:k=5"]
 */
export function wordsOfCurriculum(config: CurriculumConfig): readonly string[] {
  const lean = leanCurriculum(config);
  const words = places.flatMap((place) => {
    const part = lean[place];
    return part ? writers[place](part as Lean) : [];
  });
  if (words.length === 0) return ["none"];
  return lean.progress === "fork" ? [...words, "progress:fork"] : words;
}
