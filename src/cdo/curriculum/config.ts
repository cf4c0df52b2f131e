/**
 * A curriculum as plain JSON, what is saved with a run and what a config file may hold: at most one strategy in each of its four
 * places. What is left out changes nothing.
 */
import { fields } from "../../detector/index.ts";
import { LoupeError } from "../../error.ts";
import {
  type GateConfig,
  gateConfig,
  type PlateauConfig,
  plateauConfig,
  type SelectorConfig,
  selectorConfig,
} from "./adaptive-config.ts";
import { type AxesConfig, axesConfig } from "./axes.ts";
import { type GammaConfig, gammaConfig } from "./gamma-config.ts";
import { type OrderConfig, orderConfig } from "./order-config.ts";
import { asObject, definedOf } from "./schedule.ts";
import { type WeightConfig, weightConfig } from "./weights-config.ts";

/** How hard synthetic anomalies are: axes by the clock, or one of three that watch what the network has learned. */
export type SynthesisConfig =
  | AxesConfig
  | { readonly selector: SelectorConfig }
  | { readonly gate: GateConfig }
  | { readonly plateau: PlateauConfig };

export interface CurriculumConfig {
  /** The row in tables; default: made of what it does, see `nameOfCurriculum`. */
  readonly name?: string;
  /** "full" (default): t = e/(E − 1), so that the last epoch is the hardest. "fork": t = e/E, which never gets there. */
  readonly progress?: "full" | "fork";
  readonly synthesis?: SynthesisConfig;
  /** Which normal images an epoch sees. */
  readonly order?: OrderConfig;
  /** What each image weighs in the loss. */
  readonly weights?: WeightConfig;
  /** The exponent of OOM. */
  readonly gamma?: GammaConfig;
}

/** With everything filled in. */
export type CompleteCurriculum = CurriculumConfig & Required<Pick<CurriculumConfig, "progress">>;

export const places = ["order", "synthesis", "weights", "gamma"] as const;
export type Place = (typeof places)[number];

const adaptive = { selector: selectorConfig, gate: gateConfig, plateau: plateauConfig } as const;

const checks: Readonly<Record<Place, (given: unknown, where: string) => object>> = {
  order: orderConfig,
  synthesis: synthesisConfig,
  weights: weightConfig,
  gamma: gammaConfig,
};

/** What is a name of a file on every system. */
const safeName = /^[a-z0-9][a-z0-9._+-]{0,79}$/i;
const rules = {
  name: {
    rule: "1 to 80 letters, digits and . _ + -, a letter or digit first",
    holds: (v: unknown) => typeof v === "string" && safeName.test(v),
  },
  progress: fields.oneOf("full", "fork"),
};

/**
 * Complete and checked. The same again for what it gave.
 * @param given JSON of any kind
 * @param where its place, for messages
 * @throws LoupeError `config` naming the field, such as `curriculum.synthesis.freq.schedule: k`, and its rule
 */
export function curriculumConfig(given: unknown, where = "curriculum"): CompleteCurriculum {
  const config = definedOf(asObject(given, where));
  const known = Object.fromEntries(places.map((place) => [place, fields.object]));
  fields.refuseUnknown("config", where, config, { ...rules, ...known });
  const { name, progress = "full" } = config;
  fields.checkFields("config", where, { progress }, { progress: rules.progress });
  if (name !== undefined) fields.checkFields("config", where, { name }, { name: rules.name });
  const own = places.filter((place) => place in config);
  const parts = own.map((place) => [place, checks[place](config[place], `${where}.${place}`)]);
  const named = name === undefined ? {} : { name };
  return { ...named, progress, ...Object.fromEntries(parts) } as CompleteCurriculum;
}

/** The part of a curriculum that stands in one place, complete and checked. */
export function partConfig(place: Place, given: unknown, where: string): object {
  return checks[place](given, where);
}

function synthesisConfig(given: unknown, where: string): SynthesisConfig {
  const config = definedOf(asObject(given, where));
  const kind = (Object.keys(adaptive) as (keyof typeof adaptive)[]).find((key) => key in config);
  if (kind === undefined) return axesConfig(config, where, true);
  const other = Object.keys(config).find((key) => key !== kind);
  if (other === undefined) {
    return {
      [kind]: adaptive[kind](config[kind], `${where}.${kind}`),
    } as unknown as SynthesisConfig;
  }
  const both = `${kind} and ${JSON.stringify(other.slice(0, 100))}`;
  const next = "one strategy makes the anomalies; keep one of them";
  throw new LoupeError("config", `${where}: it has both ${both}; ${next}`);
}
