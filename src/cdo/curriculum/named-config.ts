/** Settings that begin with a name: which fields each name takes, their rules, what is left out filled in. */
import { fields } from "../../detector/index.ts";
import { asNamed, definedOf, scheduleConfig } from "./schedule.ts";

/** What stands behind one name. */
export interface NamedForm {
  /** A rule for each field but `name` and `schedule`. */
  readonly rules: Readonly<Record<string, fields.FieldRule>>;
  /** What fields are where they are left out; without one they must be given. */
  readonly defaults?: Readonly<Record<string, unknown>>;
  /** Its field `schedule` is a schedule with these defaults, `linear` where it is left out; without this it takes none. */
  readonly schedule?: { readonly b?: number };
}

/**
 * @param where the place it stands in, such as `curriculum.weights`
 * @throws LoupeError `config` naming the field and its rule
 */
export function namedConfig(
  given: unknown,
  where: string,
  forms: Readonly<Record<string, NamedForm>>,
): { readonly name: string } {
  const config = definedOf(asNamed(given, where));
  const name = nameOf(config.name, where, Object.keys(forms));
  const { rules, defaults, schedule } = forms[name] as NamedForm;
  const known: Record<string, fields.FieldRule> = { name: fields.text, ...rules };
  if (schedule) known.schedule = fields.object;
  fields.refuseUnknown("config", `${where} "${name}"`, config, known);
  const filled = { ...defaults, ...config, name };
  fields.checkFields("config", where, filled, rules);
  if (!schedule) return filled;
  const { schedule: own = { name: "linear" } } = config;
  return {
    ...filled,
    schedule: scheduleConfig(own, `${where}.schedule`, schedule),
  } as typeof filled;
}

function nameOf(name: unknown, where: string, names: readonly string[]): string {
  if (typeof name === "string" && names.includes(name)) return name;
  const near = typeof name === "string" ? fields.nearest(name, names) : undefined;
  const next = near ? `did you mean "${near}"?` : "choose one of them";
  fields.checkFields("config", where, { name }, { name: fields.oneOf(...names) }, next);
  return String(name);
}
