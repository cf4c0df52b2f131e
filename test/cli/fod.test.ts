/** FOD through the command line: reference features, training with and without them, what does not fit. On a GPU, with small pictures. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { readNpy } from "../../src/data/index.ts";
import { readSafetensors } from "../../src/models/index.ts";
import { folder, loupe, prepareLoupe, smallData } from "./loupe.ts";

prepareLoupe();

const network = ["--backbone", "resnet10_half"];
const small = [...network, "--widths", "16", "32", "--layers", "1", "--heads", "2"];
const file = (...path: string[]) => join(folder, ...path);
const json = (...path: string[]) => JSON.parse(readFileSync(file(...path), "utf8"));
const model = (run: string) => readFileSync(file(run, "model.safetensors"));

let data = "";
const trainOn = (root: string, size: string, ...args: string[]) => {
  const ways = ["--epochs", "1", "--no-images", "--no-maps"];
  return loupe("train", "fod", "--data", root, ...small, "--image-size", size, ...ways, ...args);
};
const train = (...args: string[]) => trainOn(data, "32", ...args);
const given = ["--reference-features", "references"];

beforeAll(async () => {
  data = await smallData("data");
  const args = ["--data", data, ...network, "--image-size", "32", "--output", "references"];
  const made = await loupe("fod", "reference-features", ...args, "--json");
  expect(made.code).toBe(0);
  expect(JSON.parse(made.stdout).files).toMatchObject([{ class: "washer", images: 6 }]);
  const run = await train(...given, "--protocol", "fod", "--output", "with");
  expect(run.stderr).toMatch(/epoch 1\/1: loss .*, rec1 /);
  expect(run.code).toBe(0);
}, 60_000);

test("reference features hold all levels and what they are of", () => {
  const bytes = readFileSync(file("references/washer.safetensors"));
  const { tensors, metadata } = readSafetensors(bytes);
  expect([...tensors].map(([name, { shape }]) => [name, [...shape]])).toEqual([
    ["layer0", [32, 64]],
    ["layer1", [64, 16]],
    ["layer2", [128, 4]],
  ]);
  expect(Object.fromEntries(metadata)).toMatchObject({
    class: "washer",
    backbone: "resnet10_half",
    imageSize: "32",
    images: "6",
    weights: json("with/run.json").weights.sha256,
  });
});

test("trained with the file or without it is the same to the bit, and the run names the file", async () => {
  expect((await train("--output", "without")).code).toBe(0);
  expect(model("without").equals(model("with"))).toBe(true);
  expect(json("without/run.json").inputs).toBeNull();
  const { inputs, name } = json("with/run.json");
  expect(name).toBe("fod-resnet10_half");
  expect(inputs.referenceFeatures.path).toMatch(/references[\\/]washer\.safetensors$/);
  expect(inputs.referenceFeatures.sha256).toMatch(/^[0-9a-f]{64}$/);
  const { metrics } = json("with/metrics.json");
  expect(Object.keys(metrics)).toEqual(expect.arrayContaining(["i_roc", "p_roc"]));
}, 60_000);

test("a trained run is tested and goes on without the file, but not with another one", async () => {
  renameSync(file("references"), file("away"));
  try {
    const tested = await loupe("test", "with", "--no-images", "--json");
    expect(JSON.parse(tested.stdout).metrics).toEqual(json("with/metrics.json").metrics);
    expect((await loupe("train", "--resume", "with")).code).toBe(0);
  } finally {
    renameSync(file("away"), file("references"));
  }
  const same = await loupe("train", "--resume", "with", ...given);
  expect(same.code).toBe(0);
  const other = await loupe("train", "--resume", "with", "--reference-features", "other");
  expect(other.code).toBe(2);
  expect(other.stderr).toMatch(/--reference-features: the run was started with .*not "other"/);
}, 60_000);

test("stopped before its first checkpoint, a run needs the very file that it was begun with", async () => {
  for (const name of ["checkpoint", "model"]) {
    rmSync(file(`with/${name}.safetensors`), { force: true });
  }
  const path = file("references/washer.safetensors");
  const before = readFileSync(path);
  const changed = Buffer.from(before);
  changed.writeFloatLE(123, before.length - 4);
  writeFileSync(path, changed);
  const other = await loupe("train", "--resume", "with");
  expect(other.stderr).toMatch(
    /washer\.safetensors: is not the file that the run was started with/,
  );
  expect(other.code).toBe(5);
  writeFileSync(path, before);
  expect((await loupe("train", "--resume", "with")).code).toBe(0);
  expect(model("with").equals(model("without"))).toBe(true);
}, 60_000);

test("reference features of another size, backbone or class are refused with both values", async () => {
  const size = await trainOn(data, "48", ...given, "--output", "x");
  expect(size.stderr).toMatch(
    /these reference features are of image size 32 instead of 48; make them with/,
  );
  expect(size.code).toBe(5);
  const backbone = ["--backbone", "resnet18", "--weights", "random"];
  const network = await train(...backbone, ...given, "--output", "x");
  expect(network.stderr).toMatch(/of backbone "resnet10_half" instead of "resnet18", of weights "/);
  const tiles = await smallData("tiles", "tile");
  const one = ["--reference-features", "references/washer.safetensors"];
  const name = await trainOn(tiles, "32", ...one, "--output", "x");
  expect(name.stderr).toMatch(/these reference features are of class "washer" instead of "tile"/);
  const missing = await trainOn(tiles, "32", ...given, "--output", "x");
  expect(missing.stderr).toMatch(
    /references.tile\.safetensors: .*there is no such file; make it with/,
  );
  mkdirSync(file("odd"));
  writeFileSync(file("odd/washer.safetensors"), "hello");
  const damaged = await train("--reference-features", "odd", "--output", "x");
  expect(damaged.stderr).toMatch(/odd.washer\.safetensors: .*make them with/);
  expect(existsSync(file("x"))).toBe(false);
}, 60_000);

test("an image size that leaves one token, and defective images, are refused", async () => {
  const size = await trainOn(data, "16", "--output", "x");
  expect(size.stderr).toMatch(
    /imageSize is 16: .*a single one at stride 16; set imageSize above 16/,
  );
  expect(size.code).toBe(2);
  const mode = await train("--mode", "zero_shot", "--output", "x");
  expect(mode.stderr).toMatch(/--mode zero_shot: brings defective images, but fod learns/);
  expect(mode.code).toBe(2);
  expect(existsSync(file("x"))).toBe(false);
});

test("distance maps have the reference's names and values, and odd sizes are refused", async () => {
  const run = await loupe(
    "fod",
    "distance-maps",
    "--sizes",
    "16",
    "--output",
    "distances",
    "--json",
  );
  expect(JSON.parse(run.stdout).files).toHaveLength(2);
  const { shape, data: x } = readNpy(readFileSync(file("distances/distances_x_16.npy")));
  const { data: y } = readNpy(readFileSync(file("distances/distances_y_16.npy")));
  expect(shape).toEqual([16, 16]);
  expect([x[3], y[3], x[4], y[4]]).toEqual([9, 0, 0, 1]); // 4 cells a row: cell 3 ends the first, cell 4 begins the next
  const odd = await loupe("fod", "distance-maps", "--sizes", "16", "15", "--output", "none");
  expect(odd.code).toBe(2);
  expect(odd.stderr).toMatch(/--sizes: must be square numbers up to 8192/);
  expect(existsSync(file("none"))).toBe(false);
});

test("one file can't hold the reference features of several classes", async () => {
  const both = await smallData("both");
  await smallData("both", "tile");
  const args = ["--data", both, ...network, "--image-size", "32", "--output", "all.safetensors"];
  const run = await loupe("fod", "reference-features", ...args);
  expect(run.stderr).toMatch(
    /is one file, but there are 2 classes \(tile, washer\); name a folder/,
  );
  expect(run.code).toBe(2);
});
