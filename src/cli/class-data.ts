/**
 * The images of a run: chosen by folder, metadata file and mode, then opened once before work begins, so that a bad file is told
 * at the start and left out.
 */
import { createHash } from "node:crypto";
import { realpath, stat } from "node:fs/promises";
import { relative, resolve } from "node:path";
import {
  checkDataset,
  type Dataset,
  type Mode,
  readMeta,
  type Sample,
  type ScanOptions,
  scanFolder,
  splitMode,
  trainable,
} from "../data/index.ts";
import { LoupeError } from "../error.ts";
import type { RecordedData } from "./data-options.ts";
import { defined } from "./defined.ts";
import { reportFindings } from "./findings.ts";
import type { Terminal } from "./terminal.ts";
import type { TrainSettings } from "./train-settings.ts";

/** Which images a run trains on and is tested on. */
export interface DataChoice {
  readonly root: string;
  /** Undefined: all that there are. */
  readonly classes: readonly string[] | undefined;
  readonly layout?: string | undefined;
  readonly testFraction?: number | undefined;
  readonly mode?: Mode | undefined;
  /** A metadata file instead of layout and mode. */
  readonly meta?: string | undefined;
  readonly splitSeed: number;
  /** Other images to test on. */
  readonly test?: { readonly root: string; readonly classes?: readonly string[] | undefined };
  readonly allowOverlap?: boolean | undefined;
}

/** Test images that do not lie in the folder of the training images have a root of their own. */
export interface RunData extends Dataset {
  readonly testRoot: string;
}

/** What was asked for. Throws `config` for choices that exclude each other. */
export function choiceOf(
  settings: TrainSettings,
  classes: readonly string[] | undefined,
): DataChoice {
  const { data, meta, mode, layout, testFraction, testData, testClass, allowOverlap } = settings;
  const root = resolve(data as string);
  const split = { mode, layout, "test-fraction": testFraction };
  const both = Object.entries(split).find(([, value]) => meta !== undefined && value !== undefined);
  if (both) {
    const rule = "the file says which images are trained on and tested on";
    throw new LoupeError("config", `--meta and --${both[0]}: ${rule}; give one of them`);
  }
  const other = testData !== undefined || testClass !== undefined;
  return {
    ...{ root, classes, layout, testFraction, mode, allowOverlap },
    meta: meta === undefined ? undefined : resolve(meta),
    splitSeed: settings.splitSeed ?? 0,
    ...(other ? { test: { root: resolve(testData ?? root), classes: testClass } } : {}),
  };
}

/** What a run was begun with; `moved`: where its images are now. */
export function recordedChoice(
  record: { readonly data: RecordedData; readonly seed: number },
  moved: Pick<TrainSettings, "data" | "meta" | "testData"> = {},
): DataChoice {
  const { data } = record;
  const now = (path: string | undefined, before: string) =>
    path === undefined ? before : resolve(path);
  const root = now(moved.data, data.root);
  const testRoot = data.testRoot ?? (data.testClasses ? root : undefined);
  const test = testRoot && {
    root: now(moved.testData, testRoot),
    classes: data.testClasses ?? undefined,
  };
  return {
    root,
    classes: data.classes ?? [data.class],
    layout: data.layout ?? undefined,
    testFraction: data.testFraction ?? undefined,
    mode: data.mode ?? undefined,
    meta: data.meta ? now(moved.meta, data.meta) : undefined,
    splitSeed: data.splitSeed ?? record.seed, // runs from before there was one
    ...(test ? { test } : {}),
    allowOverlap: data.allowOverlap ?? undefined,
  };
}

/** The classes to train on, in code-point order. Nothing is opened. */
export async function classesOf(choice: DataChoice): Promise<readonly string[]> {
  return (await listed(choice)).classes;
}

function listed(choice: DataChoice): Promise<Dataset> {
  const { root, classes, meta } = choice;
  if (meta !== undefined) return readMeta(root, meta, defined({ classes }));
  return scanFolder(root, scanOptions(choice));
}

function scanOptions({ classes, layout, testFraction, splitSeed }: DataChoice): ScanOptions {
  return { seed: splitSeed, ...defined({ classes, layout, testFraction }) };
}

/** The choice's usable images; warns of all others. Throws `io` or `data`, `config` when it is tested on what it trains on. */
export async function openData(
  choice: DataChoice,
  { label, maskThreshold }: { readonly label: string; readonly maskThreshold?: number | undefined },
  terminal: Terminal,
): Promise<RunData> {
  const { dataset, testRoot } = await chooseImages(choice);
  if (!choice.allowOverlap) await refuseOverlap(dataset);
  let meter: ReturnType<Terminal["meter"]> | undefined;
  const report = await checkDataset(dataset, {
    ...defined({ maskThreshold }),
    progress: (done, total) => {
      meter ??= terminal.meter({ label: `${label}: opening images`, total, unit: "images" });
      meter.update(done);
    },
  });
  meter?.end();
  // a mask that can't be read is known only now
  const { samples, findings } = trainable(report.dataset.train);
  reportFindings([...report.findings, ...findings], dataset.root, terminal);
  return { ...report.dataset, train: samples, testRoot };
}

async function chooseImages(
  choice: DataChoice,
): Promise<{ readonly dataset: Dataset; readonly testRoot: string }> {
  const { mode, splitSeed, test } = choice;
  const base = await listed(choice);
  const dataset = mode ? splitMode(base, mode, splitSeed) : base;
  if (!test) return { dataset, testRoot: dataset.root };
  const other =
    test.root === choice.root
      ? await sameFolder(choice, dataset)
      : await openTest(choice, dataset.classes, test);
  const findings = [...dataset.findings, ...other.findings];
  return { dataset: { ...dataset, test: other.test, findings }, testRoot: other.root };
}

/** Other classes of the folder; of those trained on what their mode leaves for the test. */
async function sameFolder(choice: DataChoice, dataset: Dataset): Promise<Dataset> {
  const { mode: _, ...rest } = choice;
  const raw = await listed({ ...rest, classes: choice.test?.classes });
  const test = raw.classes.flatMap((name) => {
    const from = dataset.classes.includes(name) ? dataset : raw;
    return from.test.filter(({ className }) => className === name);
  });
  return { ...raw, test };
}

/** Classes of the same names if all are there, else all. */
async function openTest(
  { testFraction, splitSeed }: DataChoice,
  trained: readonly string[],
  { root, classes }: NonNullable<DataChoice["test"]>,
): Promise<Dataset> {
  const options = { seed: splitSeed, ...defined({ testFraction, classes }) };
  const other = await scanFolder(root, options);
  const same = classes ? [] : trained.filter((name) => other.classes.includes(name));
  if (same.length < trained.length || same.length === 0) return other;
  return scanFolder(root, { ...options, classes: same });
}

/** Results on images that were trained on say nothing about others. */
async function refuseOverlap({ train, test, root }: Dataset): Promise<void> {
  const real = async (path: string) => realpath(path).catch(() => path);
  const trained = new Set(await Promise.all(train.map(({ path }) => real(path))));
  const tested = await Promise.all(test.map(({ path }) => real(path)));
  const both = tested.filter((path) => trained.has(path));
  if (both.length === 0) return;
  const what = `${both.length} of ${test.length} test images are trained on, such as ${relative(root, both[0] as string)}`;
  const next = "give others with --test-data (and --test-class), or say --allow-overlap";
  throw new LoupeError("config", `${root}: ${what}; ${next}`);
}

/** Throws `data` when there is nothing to train on. */
export function requireTraining({ root, train, classes }: Dataset): void {
  const empty = classes.find((name) => !train.some(({ className }) => className === name));
  if (empty === undefined && train.length > 0) return;
  const next = "put some into train/good (or good); `loupe data check` says what was found";
  const name = empty ?? "any";
  throw new LoupeError("data", `${root}: class ${name} has no normal images to train on; ${next}`);
}

/** Names and bytes of the training images that a folder has for testing: real anomalies, and of `zero_shot` all. */
export async function takenFromTest(
  { root, train }: Dataset,
  mode: Mode | undefined,
): Promise<Record<string, number>> {
  const taken = train.filter(({ label }) => label === 1 || mode === "zero_shot");
  const entries = taken.map(async ({ path }) => {
    return [relative(root, path).replaceAll("\\", "/"), (await stat(path)).size] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** The data without test images that a run trained on, recognised by name and size wherever the folder lies now. */
export async function withoutTaken(
  data: RunData,
  taken: Readonly<Record<string, number>>,
  terminal: Terminal,
): Promise<RunData> {
  const keep = await Promise.all(
    data.test.map(async ({ path }) => {
      const name = relative(data.testRoot, path).replaceAll("\\", "/");
      return !Object.hasOwn(taken, name) || taken[name] !== (await stat(path)).size;
    }),
  );
  const test = data.test.filter((_, i) => keep[i]);
  const left = data.test.length - test.length;
  if (left === 0) return data;
  terminal.warn(`${left} test images are left out, for the run was trained on them`);
  return { ...data, test };
}

/** SHA-256 over names and sizes of the training images, and of the masks of real anomalies: has the data set changed since? */
export async function fingerprint(root: string, samples: readonly Sample[]): Promise<string> {
  const hash = createHash("sha256");
  const add = async (path: string, mark: string) => {
    const { size } = await stat(path);
    hash.update(`${mark}${relative(root, path)}\0${size}\n`);
  };
  for (const { path, label, maskPath } of samples) {
    await add(path, label === 1 ? "anomaly\0" : "");
    if (label === 1 && maskPath !== undefined) await add(maskPath, "mask\0");
  }
  return hash.digest("hex");
}

/** `20 good, 63 defective`, or `none`. */
export function countLabels(samples: readonly Sample[]): string {
  const defective = samples.filter(({ label }) => label === 1).length;
  return samples.length === 0
    ? "none"
    : `${samples.length - defective} good, ${defective} defective`;
}
