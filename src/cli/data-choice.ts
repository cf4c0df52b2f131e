/** Which images a run trains on and is tested on: from what was asked for, or from what a run recorded. */
import { resolve } from "node:path";
import type { Mode } from "../data/index.ts";
import { LoupeError } from "../error.ts";
import type { RecordedData } from "./data-options.ts";
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
