/**
 * The images of a run: chosen by folder, metadata file and mode, then opened once before work begins, so that a bad file is told
 * at the start and left out.
 */
import { createHash } from "node:crypto";
import { realpath, stat } from "node:fs/promises";
import { relative } from "node:path";
import {
  checkDataset,
  type Dataset,
  findingsFor,
  type Mode,
  readMeta,
  type Sample,
  type ScanOptions,
  scanFolder,
  splitMode,
  trainable,
} from "../data/index.ts";
import { LoupeError } from "../error.ts";
import type { DataChoice } from "./data-choice.ts";
import { defined } from "./defined.ts";
import { reportFindings } from "./findings.ts";
import type { Method } from "./method.ts";
import type { Terminal } from "./terminal.ts";

/** Test images that do not lie in the folder of the training images have a root of their own. */
export interface RunData extends Dataset {
  readonly testRoot: string;
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
  const { dataset, testRoot, testLayout } = await chooseImages(choice);
  if (!choice.allowOverlap) await refuseOverlap(dataset);
  let meter: ReturnType<Terminal["meter"]> | undefined;
  const report = await checkDataset(dataset, {
    ...defined({ maskThreshold }),
    testLayout,
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

/** The images of a choice, as they are listed: nothing is opened. */
export async function chooseImages(
  choice: DataChoice,
): Promise<{ readonly dataset: Dataset; readonly testRoot: string; readonly testLayout: string }> {
  const { mode, splitSeed, test } = choice;
  const base = await listed(choice);
  const dataset = mode ? splitMode(base, mode, splitSeed) : base;
  if (!test) return { dataset, testRoot: dataset.root, testLayout: dataset.layout };
  const other =
    test.root === choice.root
      ? await sameFolder(choice, dataset)
      : await openTest(choice, dataset.classes, test);
  const all = [...findingsFor("train", dataset.findings), ...findingsFor("test", other.findings)];
  const findings = [...new Map(all.map((f) => [`${f.file}\0${f.message}`, f])).values()];
  const { test: tested, root: testRoot, layout: testLayout } = other;
  return { dataset: { ...dataset, test: tested, findings }, testRoot, testLayout };
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

/** Throws `data` when there is nothing to train on, or less than what a mode drew. */
export function requireTraining(
  { root, train, classes }: Pick<Dataset, "root" | "train" | "classes">,
  mode?: Mode,
): void {
  const empty = classes.find((name) => !train.some(({ className }) => className === name));
  if (empty !== undefined || train.length === 0) {
    const next = "put some into train/good (or good); `loupe data check` says what was found";
    const name = empty ?? "any";
    throw new LoupeError(
      "data",
      `${root}: class ${name} has no normal images to train on; ${next}`,
    );
  }
  const [, kind, drawn] = /^(few_shot|semi)(\d+)$/.exec(mode ?? "") ?? [];
  for (const name of kind ? classes : []) {
    const own = train.filter(({ className }) => className === name);
    const left = kind === "semi" ? own.filter(({ label }) => label === 1) : own;
    if (left.length >= Number(drawn)) continue;
    const rule = `of the ${drawn} images drawn of class ${name} only ${left.length} can be used`;
    const next = "repair them and their masks, or draw others with --split-seed";
    throw new LoupeError("data", `mode ${mode}: ${rule}; ${next}`);
  }
}

/** Throws `data` for defective images where the method would take them for good ones. */
export function refuseDefective(
  { root, train }: Pick<Dataset, "root" | "train">,
  { name, learnsDefects }: Pick<Method, "name" | "learnsDefects">,
): void {
  const defective = train.filter(({ label }) => label === 1);
  const [first] = defective;
  if (learnsDefects || !first) return;
  const count = `${defective.length} of ${train.length} training images are defective`;
  const what = `${count}, such as ${relative(root, first.path)}, but ${name} learns from good images alone`;
  const next = "take them out of the training images (--mode unsupervised does), or train cdo";
  throw new LoupeError("data", `${root}: ${what}; ${next}`);
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
