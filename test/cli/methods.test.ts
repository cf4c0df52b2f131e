/** What a method refuses of its settings before any image is read. */
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
