/**
 * How hard the anomalies of an epoch are, on one axis: the same s for all images from a schedule, or drawn for each of them, which
 * the controls of a curriculum need: the same range of difficulty without an order.
 */
import type { Strength } from "../../data/index.ts";
import { fields } from "../../detector/index.ts";
import { asNamed, definedOf, type ScheduleConfig, scheduleConfig, scheduleOf } from "./schedule.ts";

export type StrengthConfig =
  | ScheduleConfig
  /** s uniform over [0, 1) for each image. */
  | { readonly name: "random" }
  /** s of each image drawn around g(t), clipped to [0, 1]. Default sigma 0.1 around `linear`. */
  | { readonly name: "gaussian"; readonly sigma?: number; readonly mean?: ScheduleConfig };

const sigma = fields.number("a number above 0, at most 10", (v) => v > 0 && v <= 10);

/**
 * A complete config from what was given.
 * @throws LoupeError `config` naming the field and its rule
 */
export function strengthConfig(given: unknown, where: string): StrengthConfig {
  const config = definedOf(asNamed(given, where));
  if (config.name === "random") {
    fields.refuseUnknown("config", where, config, { name: fields.text });
    return { name: "random" };
  }
  if (config.name !== "gaussian") return scheduleConfig(config, where, {}, drawn);
  const rules = { name: fields.text, sigma, mean: fields.object };
  fields.refuseUnknown("config", where, config, rules);
  const complete = { sigma: 0.1, mean: { name: "linear" }, ...config };
  fields.checkFields("config", where, complete, rules);
  const mean = scheduleConfig(complete.mean, `${where}.mean`);
  return { name: "gaussian", sigma: complete.sigma, mean };
}

/** Names that stand where a schedule may, but draw for each image. */
export const drawn = ["random", "gaussian"] as const;

/** The strength at progress t. */
export function strengthOf(config: StrengthConfig): (t: number) => Strength {
  if (config.name === "random") return () => ({ kind: "uniform" });
  if (config.name === "gaussian") {
    const mean = scheduleOf(config.mean ?? { name: "linear" });
    const { sigma = 0.1 } = config;
    return (t) => ({ kind: "gaussian", mean: mean(t), sigma });
  }
  const g = scheduleOf(config);
  return (t) => ({ kind: "fixed", s: g(t) });
}

/** The s around which the images of an epoch lie. */
export function middleOf(strength: Strength): number {
  if (strength.kind === "fixed") return strength.s;
  return strength.kind === "uniform" ? 0.5 : strength.mean;
}
