/** Anomalies that get harder by what the network has learned instead of by the clock, as plain JSON. */
import { fields } from "../../detector/index.ts";
import { LoupeError } from "../../error.ts";
import { axesConfig, type PlainAxes } from "./axes.ts";
import { asObject, definedOf } from "./schedule.ts";

/** One s for all axes. Up when the network finds the anomalies of a fixed batch, down when it doesn't; after 1910.07113. */
export interface GateConfig {
  readonly axes: PlainAxes;
  /** s of the first epoch. Default 0. */
  readonly start?: number;
  /** Added after `patience` epochs (default 2) in a row with a pixel AUROC over `above` (0.95). Default 0.1. */
  readonly up?: number;
  /** Taken off after an epoch under `below` (0.8). Default 0.05. */
  readonly down?: number;
  readonly above?: number;
  readonly below?: number;
  readonly patience?: number;
  /** Normal training images that are looked at after each epoch. Default 16. */
  readonly probe?: number;
}

/** One of k levels of s for all axes. The next one when the loss has stopped falling. */
export interface PlateauConfig {
  readonly axes: PlainAxes;
  /** k. Default 5. */
  readonly levels?: number;
  /** The least share by which the smoothed loss must fall in `patience` epochs (default 3) for the level to stay. Default 0.01. */
  readonly improvement?: number;
  readonly patience?: number;
  /** Share of the old value when a step's loss is mixed in. Default 0.9. */
  readonly smoothing?: number;
}

/**
 * A bandit that chooses each epoch's anomalies by what the network learns from them: arms are texture × opacity × level of s.
 * What the fork's NoiseSelector set out to do.
 */
export interface SelectorConfig {
  /** "exp3" keeps weights (Auer et al.; Graves et al., 1704.03003); "greedy" takes the best of the last epochs, as the fork. Default "exp3". */
  readonly method?: "exp3" | "greedy";
  /** Textures and alpha; white noise and no alpha always belong to it. Default amp, freq and alpha. */
  readonly axes?: PlainAxes;
  /** Levels of s, in their middles. Default 3. 1: s is drawn for each image, as the fork. */
  readonly levels?: number;
  /** Share of epochs in which any arm may come. Default 0.05; of "greedy" 0.5. */
  readonly epsilon?: number;
  /** How fast weights change; exp3 only. Default 0.1. */
  readonly eta?: number;
  /** Epochs that are looked back; greedy only. Default 5. */
  readonly window?: number;
  /** Normal training images that are looked at. Default 16. */
  readonly probe?: number;
}

const share = fields.number("a number from 0 to 1", (v) => v >= 0 && v <= 1);
const step = fields.number("a number above 0, at most 1", (v) => v > 0 && v <= 1);
const probe = fields.whole(1, 4096);
const patience = fields.whole(1, 1_000_000);

/** @throws LoupeError `config` naming the field and its rule */
export function gateConfig(given: unknown, where: string): Required<GateConfig> {
  const rules = {
    ...{ axes: fields.object, start: share, up: step, down: share },
    ...{ above: share, below: share, patience, probe },
  };
  const defaults = {
    start: 0,
    up: 0.1,
    down: 0.05,
    above: 0.95,
    below: 0.8,
    patience: 2,
    probe: 16,
  };
  const config = filled<Required<GateConfig>>(given, where, rules, defaults);
  if (config.below > config.above) {
    const got = `got ${config.below} and ${config.above}`;
    throw new LoupeError("config", `${where}: below must not be over above, ${got}`);
  }
  return { ...config, axes: axesConfig(config.axes, `${where}.axes`, false) };
}

/** @throws LoupeError `config` naming the field and its rule */
export function plateauConfig(given: unknown, where: string): Required<PlateauConfig> {
  const smoothing = fields.number("a number from 0, below 1", (v) => v >= 0 && v < 1);
  const levels = fields.whole(2, 10_000);
  const rules = { axes: fields.object, levels, improvement: share, patience, smoothing };
  const defaults = { levels: 5, improvement: 0.01, patience: 3, smoothing: 0.9 };
  const config = filled<Required<PlateauConfig>>(given, where, rules, defaults);
  return { ...config, axes: axesConfig(config.axes, `${where}.axes`, false) };
}

type Method = "exp3" | "greedy";
const defaultsOfMethod: Readonly<Record<Method, object>> = {
  exp3: { levels: 3, epsilon: 0.05, eta: 0.1 },
  greedy: { levels: 3, epsilon: 0.5, window: 5 },
};
const ofMethod = { eta: "exp3", window: "greedy" } as const;

/** `SelectorConfig` with everything filled in that its method takes. */
export type CompleteSelector = SelectorConfig &
  Required<Pick<SelectorConfig, "axes" | "levels" | "epsilon" | "probe">> & { method: Method };

/** @throws LoupeError `config` naming the field and its rule */
export function selectorConfig(given: unknown, where: string): CompleteSelector {
  const config = definedOf(asObject(given, where));
  const name = { method: fields.oneOf("exp3", "greedy") };
  fields.checkFields("config", where, { method: "exp3", ...config }, name);
  const method = (config.method ?? "exp3") as Method;
  for (const [field, other] of Object.entries(ofMethod)) {
    if (other === method || !(field in config)) continue;
    const what = `${field} has no effect with method "${method}"`;
    throw new LoupeError("config", `${where}: ${what}; leave it out, or take "${other}"`);
  }
  const rules = {
    ...{ ...name, axes: fields.object, levels: fields.whole(1, 100), epsilon: share, probe },
    ...(method === "exp3" ? { eta: step } : { window: fields.whole(1, 1000) }),
  };
  const axes = { amp: {}, freq: {}, alpha: {} };
  const defaults = { method, axes, ...defaultsOfMethod[method], probe: 16 };
  const complete = filled<CompleteSelector>(config, where, rules, defaults);
  return { ...complete, axes: armAxes(complete.axes, `${where}.axes`) };
}

/** Here textures are choices, so that there may be several. */
function armAxes(given: unknown, where: string): PlainAxes {
  const config = definedOf(asObject(given, where));
  const known = { amp: fields.object, freq: fields.object, source: fields.object };
  const all = { ...known, alpha: fields.object, guard: fields.flag };
  fields.refuseUnknown("config", where, config, all);
  const { guard, ...axes } = config;
  const each = Object.entries(axes).map(([axis, own]) =>
    axesConfig({ [axis]: own, ...(guard === undefined ? {} : { guard }) }, where, false),
  );
  if (each.length > 0) return Object.assign({}, ...each);
  throw new LoupeError(
    "config",
    `${where}: there is nothing to choose from; name amp, freq, source or alpha`,
  );
}

function filled<T>(
  given: unknown,
  where: string,
  rules: Readonly<Record<string, fields.FieldRule>>,
  defaults: object,
): T {
  const config = definedOf(asObject(given, where));
  fields.refuseUnknown("config", where, config, rules);
  const complete = { ...defaults, ...config };
  fields.checkFields("config", where, complete, rules);
  return complete as T;
}
