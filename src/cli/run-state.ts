/** What a run folder says: how far its training is, what it measured, and whether it is the run of a job. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { RunFolder } from "../detector/index.ts";
import { LoupeError } from "../error.ts";
import { findWeights } from "../models/index.ts";
import { choiceOf, type DataChoice, recordedChoice } from "./data-choice.ts";
import { weightsFor } from "./method.ts";
import type { EpochMetrics } from "./results.ts";
import type { Job } from "./run-jobs.ts";
import { isRun } from "./train-folder.ts";
import { optionsOf, type TrainRecord, trainRecord } from "./train-settings.ts";

export interface SeenRun {
  readonly record: TrainRecord;
  /** Trained, evaluated and written to the end. */
  readonly ended: boolean;
  /** There is nothing to go on with: it was stopped before its frozen network was saved. */
  readonly empty: boolean;
  /** By epoch, each once. */
  readonly evaluations: readonly EpochMetrics[];
}

const mostLogBytes = 2 ** 28;

/** undefined: there is no run. Throws `io` for a record that was damaged. */
export async function seeRun(path: string): Promise<SeenRun | undefined> {
  if (!isRun(path)) return undefined;
  const record = await trainRecord(await RunFolder.open(path));
  const { ended, evaluations } = await readLog(join(path, "log.jsonl"));
  const measured = record.data.test === 0 || existsSync(join(path, "metrics.json"));
  const empty = !existsSync(join(path, "frozen.safetensors"));
  return { record, ended: ended && measured, empty, evaluations };
}

async function readLog(path: string): Promise<Pick<SeenRun, "ended" | "evaluations">> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size > mostLogBytes) {
    throw new LoupeError("io", `${path}: has ${size} bytes, at most ${mostLogBytes} are read`);
  }
  const text = size > 0 ? await readFile(path, "utf8") : "";
  let ended = false;
  const evaluations = new Map<number, EpochMetrics>();
  for (const line of text.split("\n")) {
    if (line === "" || line.includes('"event":"step"')) continue;
    const event = parse(line);
    if (event.event === "end") ended = true;
    if (event.event === "start" || event.event === "resume") ended = false;
    if (event.event === "evaluation" && isMetrics(event)) {
      evaluations.set(event.epoch, event); // one that is told again replaces the first
    }
  }
  const inOrder = [...evaluations.values()].sort((a, b) => a.epoch - b.epoch);
  return { ended, evaluations: inOrder };
}

/** A line that a crash cut off says nothing. */
function parse(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return value !== null && typeof value === "object" ? { ...value } : {};
  } catch {
    return {};
  }
}

function isMetrics(
  event: Readonly<Record<string, unknown>>,
): event is Readonly<Record<string, unknown>> & EpochMetrics {
  const { epoch, metrics } = event;
  return Number.isSafeInteger(epoch) && metrics !== null && typeof metrics === "object";
}

/** In what a run is not the run of this job; empty: it is. */
export async function differences(job: Job, record: TrainRecord): Promise<string[]> {
  const { settings, method } = job;
  const wrong: string[] = [];
  const compare: Compare = (name, there, here) => {
    if (!isSame(there, here))
      wrong.push(`${name}: ${show(there)} there, ${show(here)} in the plan`);
  };
  compare("name", record.name, settings.name);
  compare("role", record.role, settings.role ?? null);
  compare("method", record.method, method.name);
  compare("seed", record.seed, job.seed);
  compare("class", record.data.classes ?? [record.data.class], job.classes);
  compareChoices(job, record, compare);
  const { maps: _, images: __, ...options } = optionsOf(settings);
  for (const [key, value] of Object.entries(options)) {
    compare(key, record.options[key] ?? null, value);
  }
  if (!(await isSameWeights(job, record))) {
    compare("weights", record.weights.source, weightsFor(method, settings, job.config));
  }
  for (const key of Object.keys(method.inputs?.settings.shape ?? {})) {
    const there = record.inputs?.[key]?.path;
    const here = (settings as Readonly<Record<string, unknown>>)[key];
    if (!isNamed(there, here)) compare(key, there, here);
  }
  if (record.method === method.name) compareConfigs(job, record, compare);
  return wrong;
}

/** A file, or a folder that it lies in; where that is may differ from machine to machine. */
const isNamed = (there: string | undefined, here: unknown) =>
  there !== undefined &&
  typeof here === "string" &&
  [basename(there), basename(dirname(there))].includes(basename(here));

/** How the data are chosen and divided; where they lie may differ from machine to machine. */
function compareChoices({ settings, classes }: Job, record: TrainRecord, compare: Compare): void {
  const there = recordedChoice(record);
  const here = choiceOf(settings, classes);
  const keys = ["layout", "testFraction", "mode", "splitSeed"] as const;
  for (const key of keys) compare(key, there[key], here[key]);
  compare("meta", there.meta && basename(there.meta), here.meta && basename(here.meta));
  compare("sampler", record.data.sampler ?? "naive", settings.sampler ?? "naive");
  const own = (choice: DataChoice) => (choice.test ? "other images" : "those of data");
  compare("testData", own(there), own(here));
  const wanted = settings.testClass; // without it all that there were are recorded
  if (wanted && there.test) compare("testClass", sorted(there.test.classes), sorted(wanted));
}

const sorted = (names: readonly string[] | undefined) => [...(names ?? [])].sort();

type Compare = (name: string, there: unknown, here: unknown) => void;

function compareConfigs(
  { config, method, settings }: Job,
  record: TrainRecord,
  compare: Compare,
): void {
  const defaults = method.config({});
  const { precision } = settings as { readonly precision?: string };
  const isFree = (key: string) =>
    method.free.includes(key) || (key === "precision" && (precision ?? "auto") === "auto");
  for (const key of new Set([...Object.keys(config), ...Object.keys(record.config)])) {
    if (isFree(key)) continue;
    // a setting that is newer than the run had its default
    const there = key in record.config ? record.config[key] : defaults[key];
    compare(key, there, key in config ? config[key] : undefined);
  }
}

async function isSameWeights(
  { method, settings, config }: Job,
  { weights }: TrainRecord,
): Promise<boolean> {
  const wanted = weightsFor(method, settings, config);
  const name = findWeights(wanted)?.name ?? wanted;
  const { source, sha256 } = weights;
  if (source === name) return true;
  if (findWeights(wanted) || wanted === "random" || typeof source !== "string") return false;
  if (existsSync(wanted)) return (await hashOf(wanted)) === sha256;
  return basename(source) === basename(wanted); // trained on another machine
}

const hashes = new Map<string, Promise<string>>();

function hashOf(path: string): Promise<string> {
  const known = hashes.get(path);
  if (known) return known;
  const hash = readFile(path).then((bytes) => createHash("sha256").update(bytes).digest("hex"));
  hashes.set(path, hash);
  return hash;
}

/** Equal as JSON, whatever the order of keys. */
function isSame(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_, v: unknown) =>
      v !== null && typeof v === "object" && !Array.isArray(v)
        ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
        : v,
    ) ?? "undefined"
  );
}

const show = (value: unknown) =>
  value === null || value === undefined ? "none" : JSON.stringify(value);
