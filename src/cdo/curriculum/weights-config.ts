/** How much the parts of images weigh in the loss, as plain JSON. Formulas: `weights.ts`. */
import { fields } from "../../detector/index.ts";
import { type NamedForm, namedConfig } from "./named-config.ts";
import type { ScheduleConfig } from "./schedule.ts";

/**
 * Self-paced rules (hard to polynomial) take the easy ones first: the age λ is the g(t)-quantile of ℓ in the epoch before, by
 * default from the median (b = 0.5) on, and from g = 1 on all weigh the same. In the first epoch, too. ℓ is in units of its mean over
 * the batch, with every rule.
 */
export type WeightConfig =
  /** 1 where ℓ < λ. Kumar, Packer & Koller 2010, with λ as a quantile. `linear`: 1 − ℓ/λ. */
  | { readonly name: "hard" | "linear"; readonly schedule?: ScheduleConfig }
  /** ln(x + ζ)/ln ζ, ζ = 1 − lambda, x = lambda · ℓ/λ. `lambda`: steepness, above 0 and below 1, default 0.5. */
  | { readonly name: "log"; readonly schedule?: ScheduleConfig; readonly lambda?: number }
  /** 1 up to ratio · λ, 0 from λ on, falling like 1/ℓ between. Default 0.5. */
  | { readonly name: "mixture"; readonly schedule?: ScheduleConfig; readonly ratio?: number }
  /** (1 + e^−λ)/(1 + e^(ℓ−λ)): almost flat, where ℓ is much the same for all. */
  | { readonly name: "logistic"; readonly schedule?: ScheduleConfig }
  /** (1 − ℓ/λ)^(1/(power − 1)), power above 1, default 3. */
  | { readonly name: "polynomial"; readonly schedule?: ScheduleConfig; readonly power?: number }
  /**
   * SuperLoss, Castells et al. 2020: exp(−W(½ max(−2/e, (ℓ − τ)/lambda))), τ the mean of the batch, ℓ in standard deviations of the
   * epoch before. Default 1. // reference: τ is a running mean over steps, and the loss is not normalised
   */
  | { readonly name: "superloss"; readonly lambda?: number }
  /** Only the hardest share of a batch, from `from` to `to`, default 1 to 0.3. Shrivastava et al., 1604.03540. */
  | {
      readonly name: "ohem";
      readonly schedule?: ScheduleConfig;
      readonly from?: number;
      readonly to?: number;
    }
  /** ℓ^x, at most 10, x from `from` to `to`, default 0 to 2. After Lin et al., 1708.02002. */
  | {
      readonly name: "focal";
      readonly schedule?: ScheduleConfig;
      readonly from?: number;
      readonly to?: number;
    };

type Filled<T> = T extends unknown ? Required<T> : never;
/** `WeightConfig` with everything filled in. */
export type CompleteWeights = Filled<WeightConfig>;

const median = { b: 0.5 };
const share = fields.number("a share above 0, at most 1", (v) => v > 0 && v <= 1);
const inside = fields.number("a number above 0 and below 1", (v) => v > 0 && v < 1);
const exponent = fields.number("a number from -8 to 8", (v) => Math.abs(v) <= 8);

const forms: Readonly<Record<WeightConfig["name"], NamedForm>> = {
  hard: { rules: {}, schedule: median },
  linear: { rules: {}, schedule: median },
  log: { rules: { lambda: inside }, defaults: { lambda: 0.5 }, schedule: median },
  mixture: { rules: { ratio: inside }, defaults: { ratio: 0.5 }, schedule: median },
  logistic: { rules: {}, schedule: median },
  polynomial: {
    rules: { power: fields.number("a number above 1, at most 100", (v) => v > 1 && v <= 100) },
    defaults: { power: 3 },
    schedule: median,
  },
  superloss: {
    rules: {
      lambda: fields.number("a number from 0.001 to 1000", (v) => v >= 1e-3 && v <= 1e3),
    },
    defaults: { lambda: 1 },
  },
  ohem: {
    rules: { from: share, to: share },
    defaults: { from: 1, to: 0.3 },
    schedule: {},
  },
  focal: {
    rules: { from: exponent, to: exponent },
    defaults: { from: 0, to: 2 },
    schedule: {},
  },
};

export const weightNames = Object.keys(forms) as readonly WeightConfig["name"][];
/** Names of what each takes besides a schedule. */
export const weightSettings = (name: WeightConfig["name"]): readonly string[] =>
  Object.keys(forms[name].rules);

/**
 * Complete and checked.
 * @param where the place it stands in, such as `curriculum.weights`
 * @throws LoupeError `config` naming the field and its rule
 */
export function weightConfig(given: unknown, where: string): CompleteWeights {
  return namedConfig(given, where, forms) as CompleteWeights;
}
