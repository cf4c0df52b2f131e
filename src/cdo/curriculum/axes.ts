/**
 * What gets harder: the axes of synthetic anomalies with their parameters, as plain JSON, and the `Synthesis` they make at some
 * strength. At most one axis fills the patches (amp, freq, source); the others go with it and with each other.
 */
import type { Opacity, Strength, Synthesis, Texture } from "../../data/index.ts";
import { fields } from "../../detector/index.ts";
import { LoupeError } from "../../error.ts";
import { asObject, definedOf } from "./schedule.ts";
import { middleOf, type StrengthConfig, strengthConfig } from "./strength.ts";

/** What an axis takes besides its schedule. */
export interface AxisParameters {
  /** Contrast of the white noise, which goes down by the share `most`; 1 ends in flat grey. Default 0.9. */
  readonly amp: { readonly most?: number };
  /** Spatial frequency, down to a cut-off of `lowest` bins. Default 1. */
  readonly freq: { readonly lowest?: number };
  /** From white noise over coarse noise to pieces of the image itself. */
  readonly source: object;
  /** The image shines through with α = most · s^exponent. Default 0.6 and 4. */
  readonly alpha: { readonly exponent?: number; readonly most?: number };
  /** From large patches to the reference's, or `beyond` to half of those. Default false. */
  readonly size: { readonly beyond?: boolean };
  /** From four patches to the reference's 0 to 4, or `beyond` to one. Default false. */
  readonly count: { readonly beyond?: boolean };
  /** From rectangles to blobs and slivers. */
  readonly shape: object;
  /** From free colours to those of what is covered. */
  readonly colour: object;
}

export type AxisName = keyof AxisParameters;

interface Guarded {
  /** Only what changes the image by more than 3/255 counts as abnormal. Default true; the fork does not look. */
  readonly guard?: boolean;
}

/** Axes whose strength comes from elsewhere. */
export type PlainAxes = { readonly [K in AxisName]?: AxisParameters[K] } & Guarded;

/** Axes, each with its own schedule; default `linear`. */
export type AxesConfig = {
  readonly [K in AxisName]?: AxisParameters[K] & { readonly schedule?: StrengthConfig };
} & Guarded;

const share = fields.number("a number above 0, at most 1", (v) => v > 0 && v <= 1);

/** Defaults and rules, in the order in which numbers follow an axis on the command line. */
const parameters: Readonly<
  Record<AxisName, Readonly<Record<string, { by: number | boolean; rule: fields.FieldRule }>>>
> = {
  amp: { most: { by: 0.9, rule: share } },
  freq: {
    lowest: {
      by: 1,
      rule: fields.number("a number of bins from 1 to 4096", (v) => v >= 1 && v <= 4096),
    },
  },
  source: {},
  alpha: {
    exponent: {
      by: 4,
      rule: fields.number("a number from 0.01 to 100", (v) => v >= 0.01 && v <= 100),
    },
    most: { by: 0.6, rule: share },
  },
  size: { beyond: { by: false, rule: fields.flag } },
  count: { beyond: { by: false, rule: fields.flag } },
  shape: {},
  colour: {},
};

export const axisNames = Object.keys(parameters) as readonly AxisName[];
/** The axes that say what patches are filled with. */
export const textureNames = ["amp", "freq", "source"] as const satisfies readonly AxisName[];

/** Names of what an axis takes: numbers in their order, and flags. */
export function axisSettings(axis: AxisName): {
  numbers: readonly string[];
  flags: readonly string[];
} {
  const own = Object.entries(parameters[axis]);
  const of = (kind: string) => own.filter(([, { by }]) => typeof by === kind).map(([name]) => name);
  return { numbers: of("number"), flags: of("boolean") };
}

/**
 * Complete axes from what was given.
 * @param scheduled whether each axis has a schedule of its own
 * @throws LoupeError `config` naming the field and its rule
 */
export function axesConfig(given: unknown, where: string, scheduled: true): AxesConfig;
export function axesConfig(given: unknown, where: string, scheduled: false): PlainAxes;
export function axesConfig(given: unknown, where: string, scheduled: boolean): AxesConfig {
  const config = definedOf(asObject(given, where));
  const known = Object.fromEntries(axisNames.map((axis) => [axis, fields.object]));
  fields.refuseUnknown("config", where, config, { ...known, guard: fields.flag });
  const axes = axisNames.filter((axis) => axis in config);
  const fillers = textureNames.filter((axis) => axis in config);
  if (fillers.length > 1) {
    const what = `${fillers.join(" and ")} both fill the patches`;
    throw new LoupeError("config", `${where}: ${what}; keep one of them`);
  }
  if (axes.length === 0) {
    const next = `name at least one axis: ${axisNames.join(", ")}`;
    throw new LoupeError("config", `${where}: nothing gets harder; ${next}`);
  }
  const { guard = true } = config;
  fields.checkFields("config", where, { guard }, { guard: fields.flag });
  const complete = axes.map((axis) => [
    axis,
    axisConfig(axis, config[axis], `${where}.${axis}`, scheduled),
  ]);
  return { ...Object.fromEntries(complete), guard };
}

function axisConfig(axis: AxisName, given: unknown, where: string, scheduled: boolean): object {
  const config = definedOf(asObject(given, where));
  const own = Object.entries(parameters[axis]);
  const rules = Object.fromEntries(own.map(([name, { rule }]) => [name, rule]));
  const known = scheduled ? { ...rules, schedule: fields.object } : rules;
  if (!scheduled && "schedule" in config) {
    const why = "how hard it is follows from what the network has learned";
    throw new LoupeError("config", `${where}: schedule has no effect here: ${why}; leave it out`);
  }
  fields.refuseUnknown("config", where, config, known);
  const { schedule = { name: "linear" }, ...rest } = config;
  const filled = { ...Object.fromEntries(own.map(([name, { by }]) => [name, by])), ...rest };
  fields.checkFields("config", where, filled, rules);
  return scheduled
    ? { ...filled, schedule: strengthConfig(schedule, `${where}.schedule`) }
    : filled;
}

/** The axes of a config, in their order. */
export function axesOf(axes: PlainAxes | AxesConfig): readonly AxisName[] {
  return axisNames.filter((axis) => axes[axis] !== undefined);
}

/** How anomalies are made when each axis has this strength. */
export function synthesisOf(axes: PlainAxes, strength: (axis: AxisName) => Strength): Synthesis {
  const texture = textureOf(axes, strength);
  const free = (["size", "count", "shape", "colour"] as const).filter((axis) => axes[axis]);
  return {
    ...(texture ? { texture } : {}),
    ...(axes.alpha
      ? { opacity: { ...parametersOf(axes, "alpha"), strength: strength("alpha") } as Opacity }
      : {}),
    ...Object.fromEntries(
      free.map((axis) => [axis, { ...strength(axis), ...parametersOf(axes, axis) }]),
    ),
    guard: axes.guard ?? true,
  };
}

function textureOf(axes: PlainAxes, strength: (axis: AxisName) => Strength): Texture | undefined {
  const kind = textureNames.find((axis) => axes[axis] !== undefined);
  return kind && ({ kind, ...parametersOf(axes, kind), strength: strength(kind) } as Texture);
}

/**
 * What a log shows of axes: s of each, and what it is physically: a of amp (noise over [a, 255 − a)), the cut-off radius of freq in
 * bins, the share α of the image.
 * @param side of the image when it is painted, pixels
 */
export function axisScalars(
  axes: PlainAxes,
  strength: (axis: AxisName) => Strength,
  side: number,
): Readonly<Record<string, number>> {
  const told: Record<string, number> = {};
  for (const axis of axesOf(axes)) {
    const s = middleOf(strength(axis));
    const {
      most = 1,
      lowest = 1,
      exponent = 1,
    } = parametersOf(axes, axis) as Record<string, number>;
    told[axis] = s;
    if (axis === "amp") told["amp.a"] = 127 * most * s;
    if (axis === "freq") told["freq.radius"] = Math.max(lowest, side ** (1 - s));
    if (axis === "alpha") told["alpha.share"] = most * s ** exponent;
  }
  return told;
}

function parametersOf(axes: PlainAxes, axis: AxisName): Readonly<Record<string, number | boolean>> {
  const given = axes[axis] as Readonly<Record<string, number | boolean | undefined>>;
  const own = Object.entries(parameters[axis]);
  return Object.fromEntries(own.map(([name, { by }]) => [name, given[name] ?? by]));
}
