/**
 * The plan of an experiment: settings × data sets × classes × seeds, from one JSON file or from flags. Everything wrong with it is
 * found before the first job begins, and named with the setting it stands in.
 */
import { dirname, isAbsolute, join, resolve } from "node:path";
import { z } from "zod";
import { LoupeError } from "../error.ts";
import { writeWhole } from "./files.ts";
import type { Method } from "./method.ts";
import { findMethod, methods } from "./methods.ts";
import {
  elsewhere,
  type PlanDocument,
  planSettings,
  readDocument,
  settable,
} from "./run-plan-form.ts";
import { checkValues, readObject, refuseUnknown } from "./settings.ts";
import { safeName } from "./train-folder.ts";
import { trainSettings } from "./train-settings.ts";

/** One arm: what it changes, and what it is in a comparison. */
export interface Arm {
  readonly name: string;
  readonly role: "baseline" | "treatment" | "control" | undefined;
  readonly family: string | undefined;
  readonly set: Readonly<Record<string, unknown>>;
}

export interface PlanData {
  readonly name: string;
  /** Absolute. */
  readonly root: string;
  /** undefined: all that the folder has. */
  readonly classes: readonly string[] | undefined;
  readonly set: Readonly<Record<string, unknown>>;
}

export interface Plan {
  /** For messages: the file, or what stands for it. */
  readonly where: string;
  readonly name: string | undefined;
  readonly base: Readonly<Record<string, unknown>>;
  readonly data: readonly PlanData[];
  readonly seeds: readonly number[];
  readonly settings: readonly Arm[];
}

/** Where a data set lies on this machine; without a name: the only one there is. */
export interface NamedFolder {
  readonly name: string | undefined;
  readonly root: string;
}

/** @throws LoupeError `io` or `config`, naming what is wrong in which setting */
export async function readPlan(path: string, roots: readonly NamedFolder[] = []): Promise<Plan> {
  const { $schema: _, ...given } = await readObject(path);
  return checkPlan(given, path, dirname(path), roots);
}

/** @param folder where relative paths begin */
export function checkPlan(
  given: unknown,
  where: string,
  folder: string,
  folders: readonly NamedFolder[],
): Plan {
  const { name, base = {}, seeds = [1], data, settings } = readDocument(given, where);
  const at = (path: string) => resolve(folder, path);
  const roots = rootsByName(folders, data, where);
  const plan: Plan = {
    where,
    name,
    base: withPaths(base, at),
    data: data.map((entry) => ({
      name: entry.name,
      root: rootOf(entry, roots, where, at),
      classes: entry.classes,
      set: withPaths(entry.set ?? {}, at),
    })),
    seeds,
    settings: (settings ?? [arm(defaultName(base, where))]).map((entry) => ({
      name: entry.name,
      role: entry.role,
      family: entry.family,
      set: withPaths(entry.set ?? {}, at),
    })),
  };
  requireDistinct(plan);
  for (const arm of plan.settings) {
    for (const entry of plan.data) settingsOf(plan, arm, entry);
  }
  return plan;
}

function rootsByName(
  folders: readonly NamedFolder[],
  data: PlanDocument["data"],
  where: string,
): ReadonlyMap<string, string> {
  const names = data.map(({ name }) => name);
  const only = folders.length === 1 && names.length === 1 ? names[0] : undefined;
  const pairs = folders.map(({ name = only, root }) => {
    if (name !== undefined && names.includes(name)) return [name, root] as const;
    const shown = name === undefined ? root : `${name}=${root}`;
    const rule = `${where} has the data sets ${names.join(", ")}; give <name>=<folder>`;
    throw new LoupeError("config", `--data ${shown}: ${rule}`);
  });
  return new Map(pairs);
}

function rootOf(
  { name, root }: { readonly name: string; readonly root?: string | undefined },
  roots: ReadonlyMap<string, string>,
  where: string,
  at: (path: string) => string,
): string {
  const told = roots.get(name);
  if (told !== undefined) return resolve(told);
  if (root !== undefined) return at(root);
  const next = `give --data ${name}=<folder>`;
  throw new LoupeError("config", `${where}: data "${name}" has no root; ${next}`);
}

const arm = (name: string): NonNullable<PlanDocument["settings"]>[number] => ({ name });

function defaultName(base: Readonly<Record<string, unknown>>, where: string): string {
  const { method, values } = checkSet([[`${where}: base`, base]]);
  return method.title(method.config(values));
}

/** What the jobs of an arm on a data set are trained with: the base, over it what the data set says, over it the arm. */
export function settingsOf(plan: Plan, arm: Arm, data: PlanData) {
  const { where } = plan;
  const parts = [
    [`${where}: base`, plan.base],
    [`${where}: data "${data.name}"`, data.set],
    [`${where}: settings "${arm.name}"`, arm.set],
  ] as const;
  const checked = checkSet(parts);
  try {
    const config = checked.method.config(checked.values); // what follows from others follows the overrides
    return { ...checked, config };
  } catch (error) {
    if (!(error instanceof LoupeError)) throw error;
    throw new LoupeError("config", `${where}: settings "${arm.name}": ${error.message}`);
  }
}

/** Checks each part by itself, so that what is wrong is named with its place, and puts later parts over earlier ones. */
function checkSet(parts: readonly (readonly [string, Readonly<Record<string, unknown>>])[]) {
  const all: Record<string, unknown> = Object.assign({}, ...parts.map(([, set]) => set));
  const { method: name = methods[0]?.name, ...values } = all;
  for (const [where, set] of parts) {
    for (const key of Object.keys(set)) {
      if (!Object.hasOwn(elsewhere, key)) continue;
      throw new LoupeError("config", `${where}: "${key}" ${elsewhere[key]}`);
    }
    refuseUnknown(where, set, ["method", ...Object.keys(planSettings)]);
    if ("method" in set) methodOf(where, set.method);
  }
  const method = findMethod(name as string);
  const schema = z.strictObject(settable(trainSettings(method).shape));
  for (const [where, { method: _, ...set }] of parts) {
    const foreign = Object.keys(set).find((key) => !(key in schema.shape));
    if (foreign !== undefined) {
      throw new LoupeError("config", `${where}: "${foreign}" is no setting of ${method.name}`);
    }
    checkValues(schema, set, (key) => `${where}: ${key}`);
  }
  return { method, values };
}

function methodOf(where: string, name: unknown): Method {
  const method = methods.find((m) => m.name === name);
  if (method) return method;
  const list = methods.map((m) => m.name).join(", ");
  throw new LoupeError(
    "config",
    `${where}: method: must be one of ${list}, got ${JSON.stringify(name)}`,
  );
}

/** Settings that are paths always, and those that may be names too. */
const files = methods.flatMap(({ inputs }) => Object.keys(inputs?.settings.shape ?? {}));
const paths: readonly string[] = ["meta", "testData", ...files];
const looksLikePath = (text: string) => /[\\/]|\.(safetensors|pth|pt|bin|ckpt)$/i.test(text);

function withPaths(set: Readonly<Record<string, unknown>>, at: (path: string) => string) {
  const pairs = Object.entries(set).map(([key, value]) => {
    if (typeof value !== "string" || isAbsolute(value)) return [key, value];
    const isPath = paths.includes(key) || (key === "weights" && looksLikePath(value));
    return [key, isPath ? at(value) : value];
  });
  return Object.fromEntries(pairs) as Record<string, unknown>;
}

/** Of files that stand beside the settings' folders. */
const taken: readonly string[] = ["plan.json", "summary.csv", "errors.json", "by-metric"];

function requireDistinct({ where, data, seeds, settings }: Plan): void {
  const own = settings.find(({ name }) => taken.includes(safeName(name).toLowerCase()));
  if (own) {
    throw new LoupeError("config", `${where}: settings "${own.name}": is the name of a file there`);
  }
  const refuse = (what: string, names: readonly string[]) => {
    const seen = new Map<string, string>();
    for (const name of names) {
      const key = safeName(name).toLowerCase();
      const before = seen.get(key);
      if (before !== undefined) {
        const rule = before === name ? "is there twice" : `and "${before}" would share a folder`;
        throw new LoupeError("config", `${where}: ${what} "${name}" ${rule}; name them apart`);
      }
      seen.set(key, name);
    }
  };
  refuse(
    "settings",
    settings.map(({ name }) => name),
  );
  refuse(
    "data",
    data.map(({ name }) => name),
  );
  refuse("seeds", seeds.map(String));
  for (const { name, classes = [] } of data) refuse(`data "${name}": class`, classes);
}

/** Where the plan of an experiment lies. */
export const planFile = (folder: string): string => join(folder, "plan.json");

/** Beside the runs lies what they are runs of, with this machine's folders and the classes that were found. */
export async function writePlan(
  folder: string,
  { name, base, data, seeds, settings }: Plan,
  classes: ReadonlyMap<string, readonly string[]>,
): Promise<void> {
  const sets = data.map((entry) => ({ ...entry, classes: classes.get(entry.name) }));
  const plan = { name, base, data: sets, seeds, settings };
  await writeWhole(planFile(folder), `${JSON.stringify(plan, null, 2)}\n`);
}
