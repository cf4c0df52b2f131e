/** The small parts between training and files: names, thresholds, the best on test, tensors in files. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { defined } from "../../src/cli/defined.ts";
import { namesOf } from "../../src/cli/pictures.ts";
import { bestOnTest, metricCsv, metricTable } from "../../src/cli/results.ts";
import { toNCHW, toNHWC } from "../../src/cli/tensor-order.ts";
import { planThreshold } from "../../src/cli/threshold-plan.ts";
import { placesOf } from "../../src/cli/train-folder.ts";
import type { Sample } from "../../src/data/index.ts";

const folder = mkdtempSync(join(tmpdir(), "loupe-results-"));
afterAll(() => rmSync(folder, { recursive: true }));

const sample = (path: string, label: 0 | 1 = 0): Sample => {
  return { path, label, defect: "x", className: "bottle" };
};

test("the best on test is per metric, first reached first, and skips what is undefined", () => {
  const best = bestOnTest(
    [
      { epoch: 1, metrics: { a: 0.5, b: null, c: Number.NaN } },
      { epoch: 2, metrics: { a: 0.9, b: 0.1 } },
      { epoch: 3, metrics: { a: 0.9, b: 0.05 } },
    ],
    "exact",
  );
  expect(best).toEqual({ a: { value: 0.9, epoch: 2 }, b: { value: 0.1, epoch: 2 } });
});

test("an evaluation under another protocol is no candidate for the best on test: its p_pro is another quantity", () => {
  const history = [
    { epoch: 1, metrics: { p_pro: 0.99 }, protocol: "cdo2023" },
    { epoch: 2, metrics: { p_pro: 0.7 }, protocol: "cfa" },
    { epoch: 3, metrics: { p_pro: 0.6 } }, // from before it was told
  ] as const;
  expect(bestOnTest(history, "cfa")).toEqual({ p_pro: { value: 0.7, epoch: 2 } });
  expect(bestOnTest(history, "cdo2023").p_pro?.value).toBe(0.99);
});

test("the best on test stands only in columns that say so", () => {
  const evaluation = { protocol: "exact", metrics: { mAUROC_px: 0.5 } } as const;
  const best = { mAUROC_px: { value: 0.75, epoch: 2 } };
  expect(metricCsv("bottle", evaluation, best)).toBe(
    ",mAUROC_px,mAUROC_px_best_on_test\nbottle,50.00,75.00\n",
  );
  expect(metricCsv("bottle", evaluation)).toBe(",mAUROC_px\nbottle,50.00\n");
  expect(metricTable(evaluation, "last epoch", best)).toMatch(
    /last epoch +best on test +at epoch\n─+\npixel AUROC +50\.00 +75\.00 +2$/,
  );
});

test("images get the names that masks have, so that maps and masks pair", () => {
  const samples = ["test/good/000.png", "test/crack/000.png", "test/crack/1.a.png"];
  const names = namesOf(
    "/data",
    samples.map((path) => sample(`/data/bottle/${path}`)),
  );
  expect(names).toEqual(["good/000", "crack/000", "crack/1.a"]);
});

test("two images that differ only in their ending keep it", () => {
  const names = namesOf("/data/bottle", [
    sample("/data/bottle/good/a.png"),
    sample("/data/bottle/good/a.jpg"),
    sample("/data/bottle/good/b.jpg"),
  ]);
  expect(names).toEqual(["good/a.png", "good/a.jpg", "good/b"]);
});

const good = sample("g", 0);
const bad = sample("b", 1);

test("a threshold policy that the images can't support is refused or replaced in words", () => {
  expect(planThreshold(undefined, { test: [good, bad] })).toEqual({
    options: { policy: "max-f1" },
    from: "test",
  });
  expect(() => planThreshold("max-f1", { test: [good] })).toThrow(
    /max-f1: needs good and defective test images.*quantile=0\.99/,
  );
  const fallback = planThreshold(undefined, { test: [good] });
  expect(fallback).toMatchObject({ options: { policy: "quantile", quantile: 0.99 }, from: "test" });
  expect(fallback.warning).toMatch(/0\.99 quantile of good test images/);
  expect(planThreshold("quantile=0.5", { test: [bad] })).toMatchObject({ from: "train" });
  expect(planThreshold("manual=0.5,-1e-3", { test: [] }).options).toEqual({
    policy: "manual",
    image: 0.5,
    pixel: -1e-3,
  });
});

test("runs are numbered on, several classes share an output folder, and only runs are resumed", () => {
  const before = process.cwd();
  process.chdir(folder);
  try {
    const prefix = "cdo-resnet18";
    const path = (names: string[], output?: string) =>
      placesOf(names, prefix, output, false).map((p) => p.path);
    expect(path(["bottle"])).toEqual(["runs/cdo-bottle-resnet18-1"]);
    mkdirSync("runs/cdo-bottle-resnet18-1", { recursive: true });
    expect(path(["bottle", "a/b c"])).toEqual([
      "runs/cdo-bottle-resnet18-2",
      "runs/cdo-a_b_c-resnet18-1",
    ]);
    expect(path(["bottle"], "out")).toEqual(["out"]);
    expect(path(["bottle", "../up"], "out")).toEqual(["out/bottle", "out/__up"]);
    mkdirSync("out/bottle", { recursive: true });
    writeFileSync("out/bottle/run.json", "{}");
    expect(placesOf(["bottle", "cable"], prefix, "out", true).map((p) => p.resume)).toEqual([
      true,
      false,
    ]);
    expect(() => placesOf(["bottle"], prefix, undefined, true)).toThrow(/--resume: which run\?/);
  } finally {
    process.chdir(before);
  }
});

test("tensors in files are NCHW and ours are NHWC, there and back", () => {
  // two images of 1 x 2 pixels and three channels; the value names image, channel and column
  const nchw = Float32Array.from([0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121]);
  const ours = toNHWC(nchw, [2, 3, 1, 2]);
  expect(ours.shape).toEqual([2, 1, 2, 3]);
  expect([...ours.data]).toEqual([0, 10, 20, 1, 11, 21, 100, 110, 120, 101, 111, 121]);
  expect(toNCHW(ours.data, ours.shape)).toEqual({ shape: [2, 3, 1, 2], data: nchw });
});

test("undefined settings are left out", () => {
  expect(defined({ a: 1, b: undefined, c: null, d: false })).toEqual({ a: 1, c: null, d: false });
});
