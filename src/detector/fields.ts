/** Checks of JSON that people can edit. What is wrong is told with the place it stands in, its name and its rule. */
import { type ErrorCode, LoupeError } from "../error.ts";
import { nearest } from "./nearest.ts";

export { editDistance, nearest } from "./nearest.ts";

/** What a field must be. */
export interface FieldRule {
  /** In words, to go after "must be". */
  readonly rule: string;
  readonly holds: (value: unknown) => boolean;
}

/** A rule for each field. */
export type FieldRules<T> = { readonly [K in keyof T]-?: FieldRule };

const isNumber = (value: unknown): value is number => Number.isFinite(value);

/** A whole number from `least` to `most`. */
export function whole(least: number, most: number = Number.MAX_SAFE_INTEGER): FieldRule {
  const end = most === Number.MAX_SAFE_INTEGER ? ` from ${least}` : ` from ${least} to ${most}`;
  return {
    rule: `a whole number${end}`,
    holds: (v) => Number.isSafeInteger(v) && (v as number) >= least && (v as number) <= most,
  };
}

/** A finite number; `rule` says which of them. */
export function number(
  rule = "a number",
  fits: (value: number) => boolean = () => true,
): FieldRule {
  return { rule, holds: (v) => isNumber(v) && fits(v) };
}

export function oneOf(...names: readonly string[]): FieldRule {
  const list = names.map((name) => `"${name}"`);
  const last = list.pop();
  return { rule: `${list.join(", ")} or ${last}`, holds: (v) => names.includes(v as string) };
}

/** `length` numbers that fit. */
export function numbers(
  length: number,
  rule: string,
  fits: (values: readonly number[]) => boolean,
): FieldRule {
  const holds = (v: unknown) =>
    Array.isArray(v) && v.length === length && v.every(isNumber) && fits(v);
  return { rule, holds };
}

export const text: FieldRule = {
  rule: "a text that is not empty",
  holds: (v) => typeof v === "string" && v !== "",
};

export const flag: FieldRule = { rule: "true or false", holds: (v) => typeof v === "boolean" };

export const object: FieldRule = { rule: "an object, { … }", holds: isObject };

/** A JSON object, not an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** Throws for the first field that breaks its rule. `next`: what to do about it. */
export function checkFields<T>(
  code: ErrorCode,
  where: string,
  value: Readonly<Record<string, unknown>>,
  rules: FieldRules<T>,
  next = "",
): void {
  for (const [name, { rule, holds }] of Object.entries<FieldRule>(rules)) {
    const found = Object.hasOwn(value, name) ? value[name] : undefined;
    if (holds(found)) continue;
    const got = found === undefined ? "it is missing" : `got ${shown(found)}`;
    throw new LoupeError(code, `${where}: ${name} must be ${rule}, ${got}${next && `; ${next}`}`);
  }
}

/** Throws for the first field without a rule, with the name that was probably meant. */
export function refuseUnknown<T>(
  code: ErrorCode,
  where: string,
  value: object,
  rules: FieldRules<T>,
): void {
  const known = Object.keys(rules);
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const near = nearest(unknown, known);
  const next = near ? `did you mean "${near}"?` : `it knows ${known.join(", ")}`;
  const name = JSON.stringify(unknown.slice(0, 100));
  throw new LoupeError(code, `${where}: there is no setting ${name}; ${next}`);
}

/** A value of any size and kind in a few words. */
function shown(value: unknown): string {
  const isJson = typeof value === "string" || typeof value === "object";
  const words = isJson ? JSON.stringify(value) : String(value);
  return words.length > 60 ? `${words.slice(0, 60)}…` : words;
}
