/** What a method refuses of its settings before any image is read. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findMethod } from "../../src/cli/methods.ts";

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
