/** The exponent of OOM over the training, as plain JSON. */
import { fields } from "../../detector/index.ts";
import { asObject, definedOf, type ScheduleConfig, scheduleConfig } from "./schedule.ts";

/**
 * γ(t) = from + (to − from) · g(t). OOM mines hard pixels where γ > 0, weighs all the same at 0, and prefers easy ones below.
 * The paper's γ is 2 at all times.
 */
export interface GammaConfig {
  readonly from: number;
  readonly to: number;
  /** Default linear. */
  readonly schedule?: ScheduleConfig;
  /** γ of abnormal pixels, by the same schedule; default: that of the normal ones. */
  readonly abnormal?: { readonly from: number; readonly to: number };
}

const exponent = fields.number("a number from -8 to 8", (v) => Math.abs(v) <= 8);
const ends = { from: exponent, to: exponent };
const known = { ...ends, schedule: fields.object, abnormal: fields.object };

/**
 * Complete and checked.
 * @param where the place it stands in, such as `curriculum.gamma`
 * @throws LoupeError `config` naming the field and its rule
 */
export function gammaConfig(
  given: unknown,
  where: string,
): GammaConfig & { readonly schedule: ScheduleConfig } {
  const config = definedOf(asObject(given, where));
  fields.refuseUnknown("config", where, config, known);
  fields.checkFields("config", where, config, ends);
  const { schedule: own = { name: "linear" } } = config;
  const schedule = scheduleConfig(own, `${where}.schedule`);
  const { from, to } = config as unknown as GammaConfig;
  if (config.abnormal === undefined) return { from, to, schedule };
  const place = `${where}.abnormal`;
  const other = definedOf(asObject(config.abnormal, place));
  fields.refuseUnknown("config", place, other, ends);
  fields.checkFields("config", place, other, ends);
  return {
    from,
    to,
    schedule,
    abnormal: other as unknown as typeof ends & { from: number; to: number },
  };
}
