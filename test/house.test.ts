/** Holds the house in shape: imports go down only, methods don't know each other, one door per room. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";

const src = resolve(import.meta.dirname, "../src");
/** Rooms from bottom to top; rooms in one row don't import each other. */
const floors = [
  ["kernels"],
  ["core"],
  ["models"],
  ["data"],
  ["metrics"],
  ["detector"],
  ["cdo", "cfa", "fod"],
  ["report"],
  ["cli", "web"],
];
const floorOf = new Map(floors.flatMap((rooms, i) => rooms.map((room) => [room, i] as const)));

const files = readdirSync(src, { recursive: true, encoding: "utf8" })
  .filter((f) => f.endsWith(".ts") && !f.endsWith(".d.ts"))
  .map((f) => join(src, f));

function importsOf(file: string): string[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((m) => m[1] as string);
}
const roomOf = (file: string) => relative(src, file).split("/")[0] as string;
const shown = (file: string) => relative(src, file);

test("imports go down only, and a method imports no other method", () => {
  const wrong: string[] = [];
  for (const file of files) {
    const from = floorOf.get(roomOf(file));
    for (const path of importsOf(file).filter((p) => p.startsWith("."))) {
      const target = resolve(dirname(file), path);
      const to = floorOf.get(roomOf(target));
      if (from === undefined || to === undefined || roomOf(file) === roomOf(target)) continue;
      if (to >= from) wrong.push(`${shown(file)} -> ${path}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("another room is entered through its index only", () => {
  const wrong: string[] = [];
  for (const file of files) {
    for (const path of importsOf(file).filter((p) => p.startsWith("."))) {
      const target = resolve(dirname(file), path);
      if (!floorOf.has(roomOf(target)) || roomOf(target) === roomOf(file)) continue;
      if (!/^[^/]+\/index\.ts$/.test(shown(target))) wrong.push(`${shown(file)} -> ${path}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("the engine, the models, the metrics and the methods import nothing that runs only in Node", () => {
  const wrong: string[] = [];
  const pure = ["kernels", "core", "models", "metrics", "cdo", "cfa", "fod"];
  for (const file of files.filter((f) => pure.includes(roomOf(f)) && !f.endsWith(".node.ts"))) {
    for (const path of importsOf(file)) {
      if (/^(node:|sharp$|webgpu$|commander$)/.test(path)) wrong.push(`${shown(file)} -> ${path}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("wgsl-preprocessor is imported once, and buffers are mapped in one file", () => {
  const preprocessor = files.filter((f) => importsOf(f).some((p) => p.startsWith("wgsl-pre")));
  expect(preprocessor.map(shown)).toEqual(["kernels/wgsl.ts"]);
  const mapping = files.filter((f) => readFileSync(f, "utf8").includes(".mapAsync("));
  expect(mapping.map(shown)).toEqual(["core/read.ts"]);
});

test("there are no default exports and no utils.ts", () => {
  expect(files.filter((f) => /^export default/m.test(readFileSync(f, "utf8"))).map(shown)).toEqual(
    [],
  );
  expect(files.filter((f) => /\/utils?\.ts$/.test(f)).map(shown)).toEqual([]);
});
