/**
 * What was measured, as a file that can be kept and passed on: for each op and class of shapes the name of the fastest plan, and the
 * adapter it was measured on. Its text comes from a disk that others write to, so all of it is checked.
 */
import { LoupeError } from "../error.ts";
import { capsOf } from "./caps.ts";
import type { Device } from "./device.ts";
import type { PlanChoices } from "./planner.ts";

const format = "tensorloupe plans";

/** Raised when a plan computes otherwise under the same name, or keys are made otherwise: old times say nothing then. */
export const planGeneration = 1;

/** What measurements depend on. */
export interface PlanAdapter {
  readonly name: string;
  readonly vendor: string;
  readonly architecture: string;
  readonly driver: string;
  /** What kernels could use: `f16`, `subgroups 8…32`, … */
  readonly abilities: string;
}

export interface PlanTable {
  readonly format: typeof format;
  readonly generation: number;
  readonly adapter: PlanAdapter;
  readonly choices: PlanChoices;
}

/** More than any table needs. */
export const mostTableBytes = 2 ** 20;
const mostChoices = 4096;
const namesPattern = /^[\x21-\x7e]{1,80}( [\x21-\x7e]{1,80}){0,63}$/;
const keyPattern = /^[\x20-\x7e]{1,200}$/;

/** What is measured on this device holds for devices of which this says the same. */
export function planAdapter(device: Device): PlanAdapter {
  const { name, vendor, architecture, driver } = device.adapter;
  const abilities = Object.entries(capsOf(device))
    .filter(([, value]) => value !== false && value !== undefined)
    .map(([key, value]) => (value === true ? key : `${key} ${JSON.stringify(value)}`))
    .sort()
    .join(", ");
  return { name, vendor, architecture, driver, abilities };
}

/** A table for this device, its choices in the order of their names. */
export function planTable(device: Device, choices: PlanChoices): PlanTable {
  const sorted = Object.entries(choices).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    format,
    generation: planGeneration,
    adapter: planAdapter(device),
    choices: Object.fromEntries(sorted),
  };
}

/** The same table, the same text. */
export function formatPlanTable(table: PlanTable): string {
  return `${JSON.stringify(table, null, 2)}\n`;
}

/**
 * A table from its text.
 * @param where what it is called in messages
 * @throws LoupeError `config` when it is none
 */
export function parsePlanTable(where: string, text: string): PlanTable {
  const json = parse(where, text);
  const fail = (rule: string) =>
    new LoupeError("config", `${where}: ${rule}; make it again with \`loupe tune\``);
  if (json.format !== format) throw fail(`is no table of plans ("format" must be "${format}")`);
  if (!Number.isSafeInteger(json.generation)) throw fail(`"generation" must be a whole number`);
  const adapter = fieldsOf(json.adapter);
  for (const field of ["name", "vendor", "architecture", "driver", "abilities"]) {
    if (typeof adapter[field] !== "string") throw fail(`"adapter.${field}" must be a text`);
  }
  if (json.choices === undefined) throw fail(`"choices" is missing`);
  if (!isObject(json.choices)) throw fail(`"choices" must be an object, { … }`);
  const choices = Object.entries(json.choices);
  if (choices.length > mostChoices) {
    throw fail(`has ${choices.length} choices, at most ${mostChoices} are read`);
  }
  const wrong = choices.find(
    ([key, names]) =>
      !keyPattern.test(key) || typeof names !== "string" || !namesPattern.test(names),
  );
  if (wrong) throw fail(`choice ${JSON.stringify(wrong[0].slice(0, 80))} names no plan`);
  return json as unknown as PlanTable;
}

function parse(where: string, text: string): Readonly<Record<string, unknown>> {
  if (text.length > mostTableBytes) {
    const size = `${text.length} characters, at most ${mostTableBytes} are read`;
    throw new LoupeError("config", `${where}: is no table of plans: it has ${size}`);
  }
  try {
    return fieldsOf(JSON.parse(text));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LoupeError("config", `${where}: is not JSON: ${reason}`, { cause });
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

const fieldsOf = (value: unknown) => (isObject(value) ? value : {});

/** Why a table's times need not hold for this device; undefined where they do. */
export function whyForeign(table: PlanTable, device: Device): string | undefined {
  if (table.generation !== planGeneration) return "it was measured with other kernels";
  const here = planAdapter(device);
  const differing = (Object.keys(here) as (keyof PlanAdapter)[]).find(
    (field) => here[field] !== table.adapter[field],
  );
  if (!differing) return undefined;
  return `it was measured on ${shown(table.adapter[differing])}, this is ${shown(here[differing])}`;
}

/** A text from a file, for a message on a terminal. */
const shown = (text: string) => JSON.stringify(text.slice(0, 200));

/** Eight hexadecimal digits that tell tables or adapters apart (FNV-1a); no protection against anybody. */
export function shortHash(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}
