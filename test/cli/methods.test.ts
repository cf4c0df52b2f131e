/** The table of methods: settings that are complete, names that tell runs apart, and what is refused before any image is read. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { findMethod, methods } from "../../src/cli/methods.ts";
import { allTrainSettings, sharedTrainSettings } from "../../src/cli/train-settings.ts";
import { findWeights } from "../../src/models/index.ts";

const cdo = findMethod("cdo");

test("a sampler and a curriculum of the images can't both choose the order", () => {
  const curriculum = ["order-random"];
  expect(() => cdo.config({ curriculum, sampler: "balanced" })).toThrow(
    "--sampler balanced and a curriculum of the images both choose which images come; leave one of them out",
  );
  expect(cdo.config({ curriculum, sampler: "naive" }).curriculum).toMatchObject({
    order: { ordering: "random" },
  });
  expect(cdo.config({ curriculum: ["oom-warmup"], sampler: "balanced" })).toBeDefined();
});

test("an order may take its scores from a table, and a run that goes on compares the scores", () => {
  const folder = mkdtempSync(join(tmpdir(), "loupe-scores-"));
  try {
    const file = join(folder, "scores.csv");
    writeFileSync(file, "path,score\ngood/1.png,0.5\ngood/2.png,0.25\n");
    const given = { order: { ordering: "anti", difficulty: { name: "scores", file } } };
    const { curriculum } = cdo.config({ curriculum: given });
    const scores = [
      ["good/1.png", 0.5],
      ["good/2.png", 0.25],
    ];
    expect(curriculum).toMatchObject({
      order: { ordering: "anti", difficulty: { name: "scores", scores } },
    });
    expect(cdo.settled("curriculum", given)).toEqual(curriculum);
    writeFileSync(file, "name,score\n");
    expect(() => cdo.config({ curriculum: given })).toThrow("needs the columns path and score");
    rmSync(file);
    expect(() => cdo.config({ curriculum: given })).toThrow(
      "the scores can't be read: there is no such file; `loupe predict",
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a curriculum that is no object, or has odd parts, is left to its own checks", () => {
  for (const order of [
    null,
    5,
    "x",
    [],
    { difficulty: null },
    { difficulty: { name: "scores" } },
  ]) {
    expect(() => cdo.config({ curriculum: { order } })).toThrow("curriculum.order");
  }
});

describe("every method", () => {
  test.each(methods)(
    "$name: each key of its config is a setting, and the defaults are accepted",
    (m) => {
      const config = m.config({});
      const keys = Object.keys(m.settings.shape).map((key) => m.keyOf[key] ?? key);
      expect([...new Set(keys)].sort()).toEqual(Object.keys(config).sort());
      expect(m.config({ precision: "auto" })).toEqual(config);
      expect(m.config({ precision: "f16" }).precision).toBe("f16");
      expect(m.config({ data: "x", output: "y" })).toEqual(config);
    },
  );

  test("a setting that several have is one and the same", () => {
    for (const key of Object.keys(allTrainSettings.shape)) {
      const fields = methods.flatMap(({ settings }) => settings.shape[key] ?? []);
      expect(new Set(fields).size, key).toBeLessThanOrEqual(1);
    }
    expect(Object.keys(sharedTrainSettings.shape)).toEqual(
      expect.arrayContaining(["backbone", "imageSize", "epochs", "batchSize", "weights", "seed"]),
    );
    expect(Object.keys(sharedTrainSettings.shape)).not.toContain("weightDecay"); // FOD has none
  });

  test("help says of a setting that not all have whose it is", () => {
    const text = (key: string) =>
      z.toJSONSchema(allTrainSettings.shape[key] as z.ZodType, { io: "input" }).description;
    expect(text("gammaC")).toMatch(/^cfa: one centre/);
    expect(text("weightDecay")).toMatch(/^cdo, cfa: pull/);
    expect(text("referenceFeatures")).toMatch(/^fod: reference features/);
    expect(text("backbone")).toMatch(/^network that/);
  });

  test("has weights for its default network, and FOD's are those of its reference's timm", () => {
    const names = methods.map((m) => findWeights(m.weightsOf(String(m.config({}).backbone)))?.name);
    expect(names).toEqual([
      "hrnet_w32.ms_in1k",
      "wide_resnet50_2.tv_in1k",
      "wide_resnet50_2.racm_in1k",
    ]);
    expect(findMethod("fod").weightsOf("resnet18")).toBe("resnet18");
  });

  test("that is not there is refused with those there are", () => {
    expect(() => findMethod("cof")).toThrow(
      'there is no method "cof"; choose one of cdo, cfa, fod',
    );
  });
});

describe("names", () => {
  const titleOf = (name: string, settings: object) => {
    const method = findMethod(name);
    return method.title(method.config({ backbone: "resnet18", ...settings }));
  };
  test.each([
    ["cfa", {}, "cfa-resnet18"],
    ["cfa", { transform: "r" }, "cfa-resnet18-r"],
    ["cfa", { gammaC: 9, gammaD: 4, wild: 10, bank: "paper" }, "cfa-resnet18-rd10-gc9-gd4-paper"],
    ["fod", {}, "fod-resnet18"],
    ["fod", { inter: false }, "fod-resnet18-intra"],
    ["fod", { intra: false, fit: "crop" }, "fod-resnet18-crop-inter"],
    ["fod", { intra: false, inter: false }, "fod-resnet18-rec"],
    ["fod", { levels: [0, 2], optimisers: "separate" }, "fod-resnet18-l02-separate"],
  ])("%s with %j is called %s", (name, settings, title) => {
    expect(titleOf(name, settings)).toBe(title);
  });
});

test("methods that learn from good images refuse ways of training that bring others", () => {
  for (const { name, config, learnsDefects } of methods) {
    for (const settings of [{ mode: "semi10" }, { mode: "zero_shot" }, { sampler: "balanced" }]) {
      const run = () => config({ backbone: "resnet18", ...settings });
      if (learnsDefects) expect(run).not.toThrow();
      else
        expect(run).toThrow(`brings defective images, but ${name} learns from good images alone`);
    }
    expect(() => config({ mode: "few_shot4", sampler: "naive" })).not.toThrow();
  }
});
