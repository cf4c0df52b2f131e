/** Protocols of methods whose references measure after each epoch: what a run records, measures and shows. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { FinishedRun } from "../../src/cli/train-finish.ts";
import { describeRuns } from "../../src/cli/train-report.ts";
import {
  optionsOf,
  resumedOptions,
  type TrainRecord,
  type TrainSettings,
  type TrainTold,
} from "../../src/cli/train-settings.ts";
import { folder, loupe, prepareLoupe, smallData } from "./loupe.ts";

prepareLoupe();

const settings = (given: Partial<TrainSettings>) => given as TrainSettings;

test("cfa and fod measure after each epoch unless told otherwise; the others only at the end", () => {
  const every = (given: Partial<TrainSettings>) => optionsOf(settings(given)).evaluateEvery;
  expect([every({}), every({ protocol: "cdo2023" })]).toEqual([null, null]);
  expect([every({ protocol: "cfa" }), every({ protocol: "fod" })]).toEqual([1, 1]);
  expect(every({ protocol: "cfa", evaluateEvery: 5 })).toBe(5);
});

test("a run that goes on under another protocol measures as that one does, if it said nothing before", () => {
  const resumed = (before: Partial<TrainSettings>, now: Partial<TrainSettings>) => {
    const record = { options: optionsOf(settings(before)) } as TrainRecord;
    return resumedOptions(record, { given: now, settings: settings(now) } as unknown as TrainTold);
  };
  expect(resumed({}, { protocol: "cfa" })).toMatchObject({ protocol: "cfa", evaluateEvery: 1 });
  expect(resumed({ evaluateEvery: 3 }, { protocol: "fod" }).evaluateEvery).toBe(3);
  expect(resumed({}, {}).evaluateEvery).toBe(null);
  expect(resumed({ protocol: "cfa" }, {})).toMatchObject({ protocol: "cfa", evaluateEvery: 1 });
});

test("of several classes the best on test stands in a table of its own, with its mean and a note", () => {
  const run = (className: string, last: number, best: number) => ({
    className,
    path: `runs/${className}`,
    result: {
      evaluation: { metrics: { i_roc: last } },
      best: { i_roc: { value: best, epoch: 2 } },
      losses: [],
    },
  });
  const runs = [run("bottle", 0.5, 0.7), run("cable", 0.6, 0.9)] as unknown as FinishedRun[];
  const { text } = describeRuns(runs, [], 0);
  expect(text).toMatch(
    /^last epoch, % +image AUROC +run\n─+\nbottle +50\.00.*\ncable +60\.00.*\naverage +55\.00 *\n\nbest on test, % +image AUROC +run\n─+\nbottle +70\.00.*\ncable +90\.00.*\naverage +80\.00 *\n\nbest on test is chosen on the test images: not a result$/,
  );
});

test("a training under cfa is measured after each epoch, and the best on test is told apart from the last", async () => {
  const data = await smallData("data");
  const small = ["--backbone", "resnet10_half", "--weights", "random", "--image-size", "32"];
  const short = ["--epochs", "3", "--batch-size", "6", "--no-images", "--no-maps", "--no-detour"];
  const args = ["--data", data, ...small, ...short, "--protocol", "cfa", "--output", "run"];
  const run = await loupe("train", "cdo", ...args);
  expect(run.code).toBe(0);
  expect(run.stdout).toMatch(
    /cfa, % +last epoch +best on test +at epoch\n─+\nimage AUROC .*\npixel AUROC .*\nPRO .*\n\nbest on test is chosen on the test images: not a result/,
  );
  const json = (name: string) => JSON.parse(readFileSync(join(folder, "run", name), "utf8"));
  expect(json("run.json").options).toMatchObject({ protocol: "cfa", evaluateEvery: 1 });
  const events = readFileSync(join(folder, "run/log.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const measured = events.filter(({ event }) => event === "evaluation");
  expect(measured.map(({ epoch, protocol }) => [epoch, protocol])).toEqual([
    [1, "cfa"],
    [2, "cfa"],
    [3, "cfa"],
  ]);
  const { metrics, best_on_test: best } = json("metrics.json");
  expect(Object.keys(metrics)).toEqual(["i_roc", "p_roc", "p_pro"]);
  // p_pro may be undefined so early
  for (const name of ["i_roc", "p_roc"]) {
    const values = measured.map((e) => e.metrics[name]);
    expect(best[name].value).toBe(Math.max(...values));
    expect(metrics[name]).toBe(values[2]);
  }
  expect(json("thresholds.json").pixel).toBe(json("metrics.json").thresholds.pixel);

  // a method without maps before smoothing: told, not hidden
  const again = await loupe("test", "run", "--protocol", "fod", "--output", "fod", "--no-images");
  expect(again.code).toBe(0);
  expect(again.stderr).toMatch(/p_roc: measured on the maps after smoothing, for those before/);
  const fod = JSON.parse(readFileSync(join(folder, "fod/metrics.json"), "utf8"));
  expect(fod.metrics).toEqual({
    i_roc: metrics.i_roc,
    p_roc: metrics.p_roc,
    p_roc_smoothed: metrics.p_roc,
  });
}, 120_000);
