/**
 * From one zod schema to three things: command-line flags with their help, checked values with errors that name the flag, and
 * (through `z.toJSONSchema`) the schema of config files. A setting is written down once.
 */
import type { Command } from "commander";
import { Option } from "commander";
import { z } from "zod";

/** Settings of a command: every key is a flag in kebab-case and a key of a config file. */
export type Settings = z.ZodObject<Readonly<Record<string, z.ZodType>>>;

/** What help says about a flag besides the schema's own description. */
export interface FlagHelp {
  /** What stands for the value, such as `folder`. */
  readonly value?: string;
  /** A switch that is on unless `--no-…` is given. */
  readonly on?: true;
  /** The rule in words where the schema's own would not be readable. */
  readonly rule?: string;
  /** The value may be left out on the command line and is "" then. */
  readonly optionalValue?: true;
  /** One letter, such as `o`. */
  readonly short?: string;
  /** A list of which each value needs the flag anew, so that arguments may follow it. */
  readonly each?: true;
}

const helps = z.registry<FlagHelp>();

/** A setting that need not be given, with its help. */
export function flag<T extends z.ZodType>(
  schema: T,
  description: string,
  help: FlagHelp = {},
): z.ZodOptional<T> {
  const optional = schema.describe(description).optional();
  helps.add(optional, help);
  return optional;
}

/** The same setting with a word before its description. */
export function labelled(label: string, field: z.ZodType): z.ZodType {
  const copy = field.describe(`${label}: ${jsonOf(field).description}`);
  helps.add(copy, helps.get(field) ?? {});
  return copy;
}

/** A whole number from `least` on. */
export const whole = (least: number) => z.int().min(least);

/** `imageSize` to `--image-size`. */
export function flagName(key: string): string {
  return `--${key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
}

interface JsonField {
  readonly anyOf?: readonly JsonField[];
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly description?: string;
  readonly items?: JsonField;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
}

/** Of a field with several forms that of a list, which is what a command line can say. */
function jsonOf(field: z.ZodType): JsonField {
  const json = z.toJSONSchema(field, { io: "input" }) as JsonField;
  const list = json.anyOf?.find(({ type }) => type === "array");
  return { ...json, ...list };
}

/** Adds a flag for every setting. */
export function addFlags(command: Command, settings: Settings): void {
  for (const [key, field] of Object.entries(settings.shape)) {
    if (command.options.some((option) => option.attributeName() === key)) continue;
    command.addOption(toOption(key, field));
  }
}

function toOption(key: string, field: z.ZodType): Option {
  const { type, enum: choices, description = "", items } = jsonOf(field);
  const help = helps.get(field) ?? {};
  const { value = type === "boolean" ? "" : "value", on, optionalValue, short, each } = help;
  const names = choices ?? items?.enum;
  const text = names ? `${description} (${names.join(", ")})` : description;
  if (type === "boolean") {
    return new Option(on ? flagName(key).replace(/^--/, "--no-") : flagName(key), text);
  }
  const isRow = type === "array" && !each;
  const shown = isRow ? `<${value}...>` : optionalValue ? `[${value}]` : `<${value}>`;
  const letter = short === undefined ? "" : `-${short}, `;
  const option = new Option(`${letter}${flagName(key)} ${shown}`, text);
  return each ? option.argParser<string[]>((one, before) => [...(before ?? []), one]) : option;
}

/** The values given on the command line, numbers as numbers; what cannot be converted is left for the check. */
export function givenFlags(command: Command, settings: Settings): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(settings.shape)) {
    if (command.getOptionValueSource(key) !== "cli") continue;
    given[key] = convert(command.getOptionValue(key), jsonOf(field));
  }
  return given;
}

function convert(value: unknown, { type, items }: JsonField): unknown {
  if (type === "array") return (value as unknown[]).map((v) => convert(v, items ?? {}));
  if (type === "string") return value === true ? "" : value;
  const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
  const isNumber = type === "number" || type === "integer";
  return isNumber && number.test(String(value)) ? Number(value) : value;
}

/** The rule that a value has to meet, in words. */
export function ruleOf(field: z.ZodType): string {
  return helps.get(field)?.rule ?? wordsOf(jsonOf(field));
}

function wordsOf({ type, enum: choices, items, ...bounds }: JsonField): string {
  if (choices) return `one of ${choices.join(", ")}`;
  if (type === "array") return `a list, each ${wordsOf(items ?? {})}`;
  if (type === "boolean") return "true or false";
  if (type === "integer") return `a whole number${limits(bounds)}`;
  if (type === "number") return `a number${limits(bounds)}`;
  return "a text that is not empty";
}

function limits({ minimum, maximum, exclusiveMinimum }: JsonField): string {
  const top = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER ? maximum : undefined;
  if (minimum !== undefined && top !== undefined) return ` from ${minimum} to ${top}`;
  if (exclusiveMinimum !== undefined) return ` above ${exclusiveMinimum}`;
  if (minimum !== undefined) return `, ${minimum} or more`;
  return top === undefined ? "" : `, ${top} or less`;
}
