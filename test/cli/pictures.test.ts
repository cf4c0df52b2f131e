/** Names of maps and overlays: as masks are named, and no two alike. */
import { expect, test } from "vitest";
import { namesOf } from "../../src/cli/pictures.ts";

const named = (...paths: readonly string[]) =>
  namesOf(
    "/data",
    paths.map((path) => ({ path: `/data/${path}`, className: path.slice(0, path.indexOf("/")) })),
  );

test("the name of an image is its path in its class without `test` and ending", () => {
  expect(named("nut/test/crack/000.png", "nut/test/good/000.png")).toEqual([
    "crack/000",
    "good/000",
  ]);
  expect(named()).toEqual([]);
});

test("images of several classes keep their class, so that none overwrites another", () => {
  expect(named("nut/test/good/000.png", "bolt/test/good/000.png")).toEqual([
    "nut/good/000",
    "bolt/good/000",
  ]);
});

test("names that would be alike keep their ending, or the whole path", () => {
  expect(named("nut/test/a/0.png", "nut/test/a/0.jpg")).toEqual(["a/0.png", "a/0.jpg"]);
  expect(named("nut/test/a/0.png", "nut/train/a/0.png")).toEqual([
    "nut/test/a/0.png",
    "nut/train/a/0.png",
  ]);
  const hard = ["nut/a.png.png", "nut/a.png", "nut/a.jpg", "nut/test/a.png"];
  expect(new Set(named(...hard)).size).toBe(4);
});
