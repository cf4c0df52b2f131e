/** The settings of `loupe train`, what of them a run records, and which of them a resumed run may not change. */
import { dirname, resolve } from "node:path";
import { z } from "zod";
import type { Framing } from "../data/index.ts";
import type { RunFolder, RunRecord } from "../detector/index.ts";
import { LoupeError } from "../error.ts";
import { protocolNames, protocolNeeds } from "../metrics/index.ts";
import { findBackbone } from "../models/index.ts";
import { dataChoices, type RecordedData, recordedData } from "./data-options.ts";
import { flag, labelled, type Settings, whole } from "./flags.ts";
import type { InputsRecord, Method } from "./method.ts";
import { findMethod, methods } from "./methods.ts";
import {
  adapter,
  classes,
  data,
  images,
  layout,
  maps,
  maskThreshold,
  memoryLimit,
  output,
  plans,
  profile,
  protocol,
  seed,
  testFraction,
  threshold,
  weights,
} from "./options.ts";
import { framingOfConfig, recordedFraming } from "./recorded-framing.ts";
import type { Told } from "./settings.ts";

const common = {
  data,
  class: classes,
  weights,
  seed,
  name: flag(
    z.string().min(1).max(100),
    "name of the experiment, its row in tables; default made of method, backbone and curriculum",
    { value: "name" },
  ),
  role: flag(
    z.enum(["baseline", "treatment", "control"]),
    "what the experiment is in a comparison",
  ),
  adapter,
  memoryLimit,
  plans,
  profile,
  output: output(
    "folder of the run; default runs/<name>-<n>, with the class in it; with several classes one folder each in it",
  ),
  resume: flag(z.string(), "go on with a stopped run: this one, or the one in --output", {
    value: "run",
    optionalValue: true,
  }),
  overwrite: flag(z.boolean(), "replace a run that is in --output"),
  threshold,
  protocol,
  evaluateEvery: flag(
    whole(1),
    "also measure after every so many epochs; results stay those of the last; default under protocols cfa and fod: 1",
    {
      value: "epochs",
    },
  ),
  maps,
  images,
  layout,
  testFraction,
  ...dataChoices,
  maskThreshold,
};

export const commonSettings = z.strictObject(common);

/** What `loupe train <method>` and its config file may say. */
export function trainSettings(method: Method) {
  return z.strictObject({ ...common, ...ownShape(method) }) as typeof commonSettings;
}

/** The method's own settings and files. */
const ownShape = ({ settings, inputs }: Method): Settings["shape"] => {
  return { ...settings.shape, ...inputs?.settings.shape };
};

/** The flags of all methods together; of one that some have, the description says which. */
export const allTrainSettings: Settings = z.strictObject({ ...common, ...shapeOfAll() });

function shapeOfAll(): Settings["shape"] {
  const keys = new Set(methods.flatMap((method) => Object.keys(ownShape(method))));
  const pairs = [...keys].map((key) => {
    const having = methods.filter((method) => key in ownShape(method));
    const field = ownShape(having[0] as Method)[key] as z.ZodType;
    const names = having.map(({ name }) => name).join(", ");
    return [key, having.length === methods.length ? field : labelled(names, field)];
  });
  return Object.fromEntries(pairs);
}

/** What all methods can be told. */
export const sharedTrainSettings = z.strictObject({
  ...common,
  ...Object.fromEntries(
    Object.entries((methods[0] as Method).settings.shape).filter(([key]) =>
      methods.every((method) => key in ownShape(method)),
    ),
  ),
}) as typeof commonSettings;

export type TrainTold = Told<typeof commonSettings>;
export type TrainSettings = z.infer<typeof commonSettings>;

/** What was asked for besides; a later call may say otherwise. */
const recordedOptions = z.looseObject({
  threshold: z.string().nullable(),
  protocol: z.enum(protocolNames),
  maskThreshold: z.number().nullable(),
  evaluateEvery: z.int().min(1).nullable(),
  maps: z.boolean(),
  images: z.boolean(),
});

const recordedName = z.looseObject({
  name: z.string().min(1).optional(),
  role: z.enum(["baseline", "treatment", "control"]).nullish(),
  framing: recordedFraming.optional(),
  inputs: z.record(z.string(), z.looseObject({ path: z.string(), sha256: z.string() })).nullish(),
});

/** The name of an experiment that was given none. */
export function nameOf({ method, config }: Pick<RunRecord, "method" | "config">): string {
  return findMethod(method).title(config);
}

/** run.json as `loupe train` writes it. */
export interface TrainRecord extends RunRecord {
  /** Of the experiment: runs of one name differ in class and seed only. */
  readonly name: string;
  readonly role: "baseline" | "treatment" | "control" | null;
  /** How images became what the network sees and maps are of. */
  readonly framing: Framing;
  /** Files of the method's own that its training read. */
  readonly inputs: InputsRecord | null;
  readonly data: RecordedData;
  readonly options: Readonly<z.infer<typeof recordedOptions>>;
}

/** The record of a run that `loupe train` made. Throws `io` when it was changed into something else. */
export async function trainRecord(run: RunFolder): Promise<TrainRecord> {
  const record = (await run.record()) as RunRecord & Readonly<Record<string, unknown>>;
  const named = recordedName.safeParse(record);
  const data = recordedData.safeParse(record.data);
  const options = recordedOptions.safeParse(record.options);
  if (data.success && options.success && named.success) {
    const { name = nameOf(record), role = null } = named.data;
    const { framing = framingOfConfig(record.config), inputs = null } = named.data;
    return { ...record, name, role, framing, inputs, data: data.data, options: options.data };
  }
  const issues = [data, options, named].flatMap(({ error }) => error?.issues ?? []);
  const part = !data.success ? "data." : !options.success ? "options." : "";
  const where = `${part}${issues[0]?.path.join(".")}`;
  const next = "it was changed, or another program made this run; train again";
  throw new LoupeError("io", `${run.file("run.json")}: ${where}: ${issues[0]?.message}; ${next}`);
}

export function optionsOf(settings: TrainSettings): TrainRecord["options"] {
  const { protocol = "exact" } = settings;
  return {
    threshold: settings.threshold ?? null,
    protocol,
    maskThreshold: settings.maskThreshold ?? null,
    evaluateEvery: settings.evaluateEvery ?? (protocolNeeds(protocol).everyEpoch ? 1 : null),
    maps: settings.maps ?? true,
    images: settings.images ?? true,
  };
}

/** A resumed run's options: its own, except those given now. */
export function resumedOptions(record: TrainRecord, { given, settings }: TrainTold) {
  const now = optionsOf(settings);
  const pairs = Object.entries({ ...optionsOf({}), ...record.options }).map(([key, before]) => [
    key,
    key in given ? now[key as keyof typeof now] : before,
  ]);
  const resumed = Object.fromEntries(pairs) as TrainRecord["options"];
  // another protocol may bring its own
  const evaluateEvery = "protocol" in given ? now.evaluateEvery : null;
  return { ...resumed, evaluateEvery: resumed.evaluateEvery ?? evaluateEvery };
}

/** A resumed run's config: its own, except what may change. */
export function resumedConfig({ config }: TrainRecord, method: Method, { given }: TrainTold) {
  const named: Readonly<Record<string, unknown>> = given;
  const changed = method.free.filter((key) => key in named).map((key) => [key, named[key]]);
  return { ...config, ...Object.fromEntries(changed) };
}

/** Settings that decide the weights. */
const deciding = [
  "class",
  "seed",
  "layout",
  "testFraction",
  "mode",
  "splitSeed",
  "testClass",
  "joint",
  "allowOverlap",
  "sampler",
  "weights",
] as const;

/** Throws `config`, naming each flag that differs from what the run was started with. */
export function refuseConflicts(
  path: string,
  record: TrainRecord,
  method: Method,
  told: TrainTold,
): void {
  const { given, written } = told;
  const before: Record<string, unknown> = {
    class: record.data.classes ?? [record.data.class],
    seed: record.seed,
    layout: record.data.layout,
    testFraction: record.data.testFraction,
    mode: record.data.mode ?? (record.data.meta ? undefined : "unsupervised"),
    splitSeed: record.data.splitSeed ?? record.seed,
    testClass: record.data.testClasses,
    joint: (record.data.classes ?? null) !== null,
    allowOverlap: record.data.allowOverlap ?? false,
    sampler: record.data.sampler ?? "naive",
    weights: record.weights.source,
  };
  // real anomalies are trained on with their masks
  const masks = Object.keys(record.data.taken ?? {}).length > 0 ? ["maskThreshold"] : [];
  before.maskThreshold = record.options.maskThreshold;
  // what moved may be said anew, what was not there may not
  const absent = (["meta", "testData"] as const).filter((key) => !hadPath(key, record));
  const own = Object.keys(method.settings.shape).filter((key) => !method.free.includes(key));
  for (const key of own) {
    before[key] = record.config[method.keyOf[key] ?? key];
  }
  if ("precision" in before) {
    before.precision ??= "f32"; // runs from before there was a choice
  }
  const files = Object.keys(method.inputs?.settings.shape ?? {});
  for (const key of files) before[key] = record.inputs?.[key]?.path;
  const wrong = [...deciding, ...masks, ...absent, ...own, ...files].flatMap((key) => {
    if (!(key in given)) return [];
    const now = method.settled(key, given[key]);
    const then = method.settled(key, before[key]);
    if (files.includes(key) ? isFileOf(now, then) : same(key, now, then)) return [];
    return [`${written(key)}: the run was started with ${show(then)}, not ${show(now)}`];
  });
  if (wrong.length === 0) return;
  const next = "leave these out to go on with it, or start another run in another --output";
  throw new LoupeError(
    "config",
    `${path}: can't go on with other settings; ${next}\n  ${wrong.join("\n  ")}`,
  );
}

function hadPath(key: "meta" | "testData", { data }: TrainRecord): boolean {
  return (key === "meta" ? data.meta : data.testRoot) != null;
}

function same(key: string, now: unknown, before: unknown): boolean {
  if (key === "weights") return now === before || resolve(String(now)) === resolve(String(before));
  if (key === "precision" && now === "auto") return true;
  if (key === "backbone") return networkOf(now) === networkOf(before);
  if (key === "class" || key === "testClass") {
    const named = now as readonly unknown[];
    return ((before ?? []) as readonly unknown[]).every((name) => named.includes(name));
  }
  return JSON.stringify(now) === JSON.stringify(before);
}

/** A network may have several names. */
const networkOf = (name: unknown) => findBackbone(String(name)).name;

/** The file, or the folder that it lies in. */
const isFileOf = (now: unknown, path: unknown) =>
  typeof path === "string" && [path, dirname(path)].includes(resolve(String(now)));

const show = (value: unknown) =>
  value === null || value === undefined ? "none given" : JSON.stringify(value);
