/** Which normal images an epoch sees, as plain JSON: what is hard, which end comes first, how the rest joins. */
import { fields } from "../../detector/index.ts";
import { LoupeError } from "../../error.ts";
import { type DifficultyConfig, difficultyConfig } from "./difficulty-config.ts";
import { type NamedForm, namedConfig } from "./named-config.ts";
import { asObject, definedOf, type ScheduleConfig } from "./schedule.ts";

export type PacingConfig =
  /** The first share g(t) of the ranking; its schedule starts at 0.2 where nothing else is said. */
  | { readonly name: "continuous"; readonly schedule?: ScheduleConfig }
  /** Buckets of equal size, one more every E/buckets epochs. Spitkovsky et al., N10-1116. Default 5. */
  | { readonly name: "baby-steps"; readonly buckets?: number }
  /** One bucket alone for E/buckets epochs, then the next. Bengio et al. 2009; it forgets, and is meant as a control. Default 5. */
  | { readonly name: "one-pass"; readonly buckets?: number }
  /** All of them, rank r of N with p ∝ exp(−r/(τN)), where τ = tau/(1 − g(t)) goes from `tau` (default 0.2) to ∞. */
  | { readonly name: "soft"; readonly schedule?: ScheduleConfig; readonly tau?: number };

export interface OrderConfig {
  /**
   * What comes first: the easiest images, the hardest, or those of a random ranking that stays. The last is the control every
   * result must be held against: it is often as good (Wu et al., 2012.03107). Default "curriculum".
   */
  readonly ordering?: "curriculum" | "anti" | "random";
  /** Default teacher-knn. None with ordering "random". */
  readonly difficulty?: DifficultyConfig;
  /** Default continuous. */
  readonly pacing?: PacingConfig;
}

/** `OrderConfig` with everything filled in. */
export interface CompleteOrder {
  readonly ordering: "curriculum" | "anti" | "random";
  readonly difficulty?: DifficultyConfig;
  readonly pacing: PacingConfig;
}

const buckets: NamedForm = {
  rules: { buckets: fields.whole(2, 10_000) },
  defaults: { buckets: 5 },
};
const paces: Readonly<Record<PacingConfig["name"], NamedForm>> = {
  continuous: { rules: {}, schedule: { b: 0.2 } },
  "baby-steps": buckets,
  "one-pass": buckets,
  soft: {
    rules: { tau: fields.number("a number above 0, at most 100", (v) => v > 0 && v <= 100) },
    defaults: { tau: 0.2 },
    schedule: {},
  },
};

export const pacingNames = Object.keys(paces) as readonly PacingConfig["name"][];
/** Names of what each takes besides a schedule. */
export const pacingSettings = (name: PacingConfig["name"]): readonly string[] =>
  Object.keys(paces[name].rules);

/** @throws LoupeError `config` naming the field and its rule */
export function pacingConfig(given: unknown, where: string): PacingConfig {
  const config = namedConfig(given, where, paces) as PacingConfig;
  if (!("schedule" in config && config.schedule.reversed)) return config;
  const rule = "images come in, they don't leave";
  const next = 'leave reversed out; for the hardest first take the ordering "anti"';
  throw new LoupeError("config", `${where}.schedule: ${rule}, got reversed; ${next}`);
}

const rules = {
  ordering: fields.oneOf("curriculum", "anti", "random"),
  difficulty: fields.object,
  pacing: fields.object,
};

/**
 * Complete and checked.
 * @param where the place it stands in, such as `curriculum.order`
 * @throws LoupeError `config` naming the field and its rule
 */
export function orderConfig(given: unknown, where: string): CompleteOrder {
  const config = definedOf(asObject(given, where));
  fields.refuseUnknown("config", where, config, rules);
  const { ordering = "curriculum", difficulty, pacing = { name: "continuous" } } = config;
  fields.checkFields("config", where, { ordering }, { ordering: rules.ordering });
  if (ordering === "random" && difficulty !== undefined) {
    const next = 'leave it out, or take another ordering than "random"';
    throw new LoupeError("config", `${where}: difficulty has no effect on a random order; ${next}`);
  }
  const hard = difficulty === undefined ? { name: "teacher-knn" } : difficulty;
  return {
    ordering: ordering as CompleteOrder["ordering"],
    ...(ordering === "random" ? {} : { difficulty: difficultyConfig(hard, `${where}.difficulty`) }),
    pacing: pacingConfig(pacing, `${where}.pacing`),
  };
}
