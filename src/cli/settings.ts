/**
 * What a command is told: flags over the config file over defaults, checked key by key. An unknown key or a value that breaks
 * its rule is named together with where it was written; nothing is guessed.
 */
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import type { z } from "zod";
import { LoupeError } from "../error.ts";
import { flagName, givenFlags, ruleOf, type Settings } from "./flags.ts";
import { nearest } from "./nearest.ts";

/** Settings, and which of them were given rather than left to their defaults. */
export interface Told<S extends Settings> {
  readonly settings: z.infer<S>;
  readonly given: Readonly<Record<string, unknown>>;
  /** How a given key was written: `--epochs`, or `epochs in my.json`. */
  readonly written: (key: string) => string;
}

const mostConfigBytes = 1 << 20;

/**
 * @param refuse what is said of keys that the command has, but not with this schema
 * @throws LoupeError `config` that lists everything wrong with the values; `io` when the config file can't be read
 */
export async function readSettings<S extends Settings>(
  command: Command,
  schema: S,
  refuse: Refuse = notOfMethod,
): Promise<Told<S>> {
  const path = command.opts().config as string | undefined;
  const { $schema: _, ...inFile } = path === undefined ? {} : await readObject(path);
  const onLine = givenFlags(command, schema);
  const others = otherSettings(command, schema);
  const foreign = [
    ...others.filter((key) => command.getOptionValueSource(key) === "cli").map(asFlag),
    ...others.filter((key) => key in inFile).map((key) => ({ key, name: `${key} in ${path}` })),
  ];
  if (foreign.length > 0) {
    throw new LoupeError("config", refuse(foreign));
  }
  if (path !== undefined) refuseUnknown(path, inFile, Object.keys(schema.shape));
  const written = (key: string) =>
    key in onLine ? nameOf(key, onLine[key]) : `${key} in ${path ?? "the config file"}`;
  const given = { ...inFile, ...onLine };
  return { settings: checkValues(schema, given, written), given, written };
}

/** Text for settings that the command has, but not here; `name`: as it was written. */
export type Refuse = (
  foreign: readonly { readonly key: string; readonly name: string }[],
) => string;

const notOfMethod: Refuse = (foreign) =>
  `${foreign.map(({ name }) => name).join(", ")}: not an option of this method`;

const asFlag = (key: string) => ({ key, name: flagName(key) });

const nameOf = (key: string, value: unknown) =>
  value === false ? flagName(key).replace(/^--/, "--no-") : flagName(key);

/** The settings of a config file, without a command line. Throws as `readSettings`. */
export async function readConfigFile<S extends Settings>(
  path: string,
  schema: S,
): Promise<z.infer<S>> {
  return checkValues(schema, await readConfig(path, schema), (key) => `${key} in ${path}`);
}

/** What the command knows that is not among these settings. */
function otherSettings(command: Command, schema: Settings): string[] {
  return command.options
    .map((option) => option.attributeName())
    .filter((key) => !ownFlags.includes(key) && !(key in schema.shape));
}

/** Flags of every command that are no settings. */
const ownFlags: readonly string[] = ["config", "json", "verbose", "help"];

async function readConfig(path: string, schema: Settings): Promise<Record<string, unknown>> {
  const { $schema: _, ...settings } = await readObject(path);
  refuseUnknown(path, settings, Object.keys(schema.shape));
  return settings;
}

/** The JSON object in a config file. Throws `io` or `config`. */
export async function readObject(path: string): Promise<Record<string, unknown>> {
  const value = parseJson(path, await readText(path));
  if (value !== null && typeof value === "object" && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new LoupeError("config", `${path}: a config file holds one JSON object, { … }`);
}

/** Throws `config` for the first key that is not known, with the nearest one that is. */
export function refuseUnknown(where: string, settings: object, known: readonly string[]): void {
  const key = Object.keys(settings).find((name) => !known.includes(name));
  if (key === undefined) return;
  const near = nearest(key, known);
  const next = near ? `did you mean "${near}"?` : `it knows ${known.join(", ")}`;
  throw new LoupeError("config", `${where}: there is no setting "${key}"; ${next}`);
}

async function readText(path: string): Promise<string> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === "ENOENT" ? "there is no such file" : cause.message;
    throw new LoupeError("io", `${path}: the config file can't be read: ${reason}`, { cause });
  });
  if (bytes.length > mostConfigBytes) {
    throw new LoupeError("config", `${path}: ${bytes.length} bytes are too many for a config file`);
  }
  return bytes.toString("utf8").replace(/^\uFEFF/, "");
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new LoupeError("config", `${path}: is not JSON: ${reason}`, { cause });
  }
}

/** The values if all meet their rules. Throws `config` that lists those that don't, as they were `written`. */
export function checkValues<S extends Settings>(
  schema: S,
  given: Readonly<Record<string, unknown>>,
  written: (key: string) => string,
): z.infer<S> {
  const wrong = Object.entries(given).flatMap(([key, value]) => {
    const field = schema.shape[key];
    if (!field || field.safeParse(value).success) return [];
    return [`${written(key)}: must be ${ruleOf(field)}, got ${JSON.stringify(value)}`];
  });
  if (wrong.length > 0) throw new LoupeError("config", wrong.join("\n"));
  return schema.parse(given) as z.infer<S>;
}
