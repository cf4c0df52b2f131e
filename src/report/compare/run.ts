/**
 * One training run as a comparison sees it, read from the text of its files. A log may end in the middle of a line, lack
 * events or be written by hand: what is there is taken, what is not is missing.
 */
import { LoupeError } from "../../error.ts";
import { type Logged, readLog } from "./log.ts";

/** The files of a run folder. */
export interface RunText {
  /** How the folder is called in messages. */
  readonly path: string;
  /** Names of the folders that lead to it, and its own. */
  readonly folders: readonly string[];
  /** run.json */
  readonly record: string;
  /** log.jsonl, where there is one. */
  readonly log?: string;
  /** metrics.json, where there is one. */
  readonly metrics?: string;
}

/** What must be equal for results to be laid side by side; undefined where a run does not say. */
export interface Facts {
  readonly "training images": string | undefined;
  readonly "test images": string | undefined;
  readonly "test data": string | undefined;
  readonly mode: string | undefined;
  readonly "image size": string | undefined;
  readonly epochs: string | undefined;
  readonly "batch size": string | undefined;
  readonly "metric protocol": string | undefined;
  readonly "mask threshold": string | undefined;
}

export interface Run extends Logged {
  readonly path: string;
  readonly folders: readonly string[];
  /** The experiment. */
  readonly name: string;
  readonly method: string;
  readonly className: string;
  readonly dataset: string;
  readonly seed: number;
  readonly role: string | undefined;
  readonly adapter: string | undefined;
  readonly started: string;
  readonly facts: Facts;
  /** undefined: finished; else how far it came. */
  readonly unfinished: string | undefined;
}

type Json = Readonly<Record<string, unknown>>;

/**
 * A run; of a model that is tested on several classes one for each of them.
 * @throws LoupeError `data` when run.json is not what a run writes
 */
export function readRuns(text: RunText): Run[] {
  const run = readRun(text);
  if (run.classes.size === 0) return [run];
  return [...run.classes].map(([className, evaluations]) => ({ ...run, className, evaluations }));
}

function readRun(text: RunText): Run {
  const record = jsonObject(text.record);
  const { method } = record ?? {};
  if (!record || typeof method !== "string") {
    const rule = record ? "has no `method`" : "is not a JSON object";
    throw new LoupeError("data", `${text.path}: run.json ${rule}; the run is left out`);
  }
  const [config, data] = [object(record.config), object(record.data)];
  const metrics = text.metrics === undefined ? undefined : jsonObject(text.metrics);
  const images = wholeOf(data.train);
  const logged = readLog(text.log ?? "", metrics, images);
  const epochs = wholeOf(config.epochs);
  const root = textOf(data.root) ?? "";
  return {
    ...logged,
    path: text.path,
    folders: text.folders,
    name: textOf(record.name) ?? defaultName(method, config),
    method,
    className: textOf(data.class) ?? text.folders.at(-1) ?? "",
    dataset: textOf(data.dataset) ?? root.split(/[\\/]/).filter(Boolean).at(-1) ?? "",
    seed: wholeOf(record.seed) ?? 0,
    role: textOf(record.role),
    adapter: textOf(object(object(record.environment).adapter).name),
    started: textOf(object(record.environment).started) ?? "",
    facts: factsOf(record, config, data),
    unfinished: unfinishedOf(logged, epochs, metrics !== undefined),
  };
}

function defaultName(method: string, { backbone }: Json): string {
  return typeof backbone === "string" ? `${method}-${backbone}` : method;
}

function factsOf(record: Json, config: Json, data: Json): Facts {
  const options = object(record.options);
  const print = textOf(data.fingerprint)?.slice(0, 8);
  const train = wholeOf(data.train);
  return {
    "training images": print && (train === undefined ? print : `${train} (${print})`),
    "test images": shown(data.test),
    "test data": testData(data),
    mode: shown(data.mode),
    "image size": imageSize(object(record.framing), config),
    epochs: shown(config.epochs),
    "batch size": shown(config.batchSize),
    "metric protocol": shown(options.protocol),
    "mask threshold": options.maskThreshold === null ? "0" : shown(options.maskThreshold),
  };
}

/** The square that maps are of, and what it was cut from: runs that saw other parts are measured on other pixels. */
function imageSize({ shorter, wild }: Json, { imageSize: size }: Json): string | undefined {
  const side = shown(size);
  const cut = wholeOf(shorter) === undefined ? side : `${side} cut from ${wholeOf(shorter)}`;
  const { degrees } = object(wild);
  return degrees === undefined ? cut : `${cut}, turned by up to ${shown(degrees)} degrees`;
}

/** Which classes and folders are tested on; a run of its own class on its own data says null. */
function testData({ testRoot, testClasses }: Json): string | undefined {
  if (testRoot === undefined) return undefined;
  const classes = Array.isArray(testClasses) ? testClasses.map(String) : ["the same class"];
  return `${classes.join(", ")} of ${textOf(testRoot) ?? "the same data"}`;
}

function unfinishedOf(
  { state, evaluations, losses }: Logged,
  epochs: number | undefined,
  hasMetrics: boolean,
): string | undefined {
  const last = Math.max(0, losses.at(-1)?.epoch ?? 0, evaluations.at(-1)?.epoch ?? 0);
  const far = epochs === undefined ? `epoch ${last}` : `epoch ${last} of ${epochs}`;
  if (state === "end") return undefined;
  if (state === "error") return `failed after ${far}`;
  if (state === "interrupted") return `stopped after ${far}`;
  if (state === "running") return `not at its end: ${far}`;
  const complete = hasMetrics || epochs === undefined ? last > 0 : last >= epochs;
  return complete ? undefined : far;
}

function jsonObject(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Json)
      : undefined;
  } catch {
    return undefined;
  }
}

const object = (value: unknown): Json =>
  typeof value === "object" && value !== null ? (value as Json) : {};

const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

const wholeOf = (value: unknown): number | undefined =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;

const shown = (value: unknown): string | undefined =>
  typeof value === "string" || typeof value === "number" ? String(value) : undefined;
