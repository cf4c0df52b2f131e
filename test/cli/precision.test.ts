/** `--precision`: what a run records, keeps and refuses, and what commands that use a run make of it. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { readNpy } from "../../src/data/index.ts";
import { readSafetensors } from "../../src/models/index.ts";
import { testDevice } from "../device.ts";
import { type Finished, folder, loupe, prepareLoupe, smallData } from "./loupe.ts";

prepareLoupe();

const device = await testDevice();
const able = device.features.has("shader-f16");
const small = ["--backbone", "resnet18", "--weights", "random", "--image-size", "24"];
const quick = [...small, "--epochs", "1", "--batch-size", "3", "--no-detour", "--no-images"];

const file = (...path: string[]) => join(folder, ...path);
const json = (...path: string[]) => JSON.parse(readFileSync(file(...path), "utf8"));

let data = "";
let half: Finished;
let auto: Finished;
beforeAll(async () => {
  data = await smallData("data");
  const train = ["train", "cdo", "--data", data, ...quick];
  auto = await loupe(...train, "--output", "auto");
  if (able) half = await loupe(...train, "--precision", "f16", "--output", "half");
}, 120_000);

test("without the flag the GPU decides, which is told in one line and recorded", () => {
  expect(auto.code).toBe(0);
  const chosen = json("auto", "run.json").config.precision;
  expect(chosen).toBeOneOf(["f16", "f32"]);
  const why = chosen === "f16" ? "has" : "has no";
  expect(auto.stderr).toContain(`computing in ${chosen}: this GPU ${why} matrix units for f16`);
});

test("a run in f16 is recorded as such, its loss scale is in the checkpoint, and its losses are near", ({
  skip,
}) => {
  if (!able) skip();
  expect(half.code).toBe(0);
  expect(half.stderr).not.toContain("computing in");
  expect(json("half", "run.json").config.precision).toBe("f16");
  const lossOf = (run: string) => {
    const lines = readFileSync(file(run, "log.jsonl"), "utf8").trimEnd().split("\n");
    const epoch = lines.map((line) => JSON.parse(line)).find((e) => e.event === "epoch");
    return epoch.loss as number;
  };
  expect(Math.abs(lossOf("half") / lossOf("auto") - 1)).toBeLessThan(0.01);
});

test("a run goes on in its own precision; another one is refused", async ({ skip }) => {
  if (!able) skip();
  const resume = ["train", "--resume", "half", "--no-maps"];
  const other = await loupe(...resume, "--precision", "f32");
  expect(other.code).toBe(2);
  expect(other.stderr).toContain('--precision: the run was started with "f16", not "f32"');
  const same = await loupe(...resume, "--precision", "auto");
  expect(same.stderr).toContain("all 1 epochs are trained");
  expect(same.code).toBe(0);
});

test("predict computes as the run was trained, or as it is told, with nearly the same maps", async ({
  skip,
}) => {
  if (!able) skip();
  const photo = join(data, "washer/test/chip/000.png");
  const mapOf = async (name: string, ...more: string[]) => {
    const run = await loupe("predict", "half", photo, "--no-images", "--output", name, ...more);
    expect(run.code).toBe(0);
    return readNpy(readFileSync(file(name, "000.npy"))).data as Float32Array;
  };
  const [own, f16, f32] = [
    await mapOf("own"),
    await mapOf("told-f16", "--precision", "f16"),
    await mapOf("told-f32", "--precision", "f32"),
  ];
  expect(f16).toEqual(own);
  expect(f32).not.toEqual(own);
  const most = Math.max(...f32);
  f32.forEach((v, i) => void expect(Math.abs(v - own[i]!) / most).toBeLessThan(0.02));
});

test("test evaluates a run of f32 in f16 as well", async ({ skip }) => {
  if (!able) skip();
  const rest = ["--no-images", "--no-maps", "--json", "--output"];
  const run = await loupe("test", "auto", "--precision", "f16", ...rest, "tested");
  expect(run.code).toBe(0);
  expect(JSON.parse(run.stdout).metrics).toBeTruthy();
});

test("features in f16 are those of f32 to three digits", async ({ skip }) => {
  if (!able) skip();
  const photo = join(data, "washer/train/good/000.png");
  const mapsOf = async (precision: string) => {
    const output = `${precision}.safetensors`;
    const input = [
      "--input",
      photo,
      "--image-size",
      "48",
      "--precision",
      precision,
      "--output",
      output,
    ];
    const run = await loupe("features", ...small.slice(0, 4), ...input);
    expect(run.code).toBe(0);
    return readSafetensors(readFileSync(file(output))).tensors;
  };
  const [half, full] = [await mapsOf("f16"), await mapsOf("f32")];
  for (const [name, { dtype, data: values }] of full) {
    const got = half.get(name)!;
    expect(got.dtype).toBe(dtype);
    const norm = (v: Float32Array) => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));
    const want = values as Float32Array;
    const difference = want.map((v, i) => v - (got.data as Float32Array)[i]!);
    expect(norm(difference) / norm(want)).toBeLessThan(5e-3);
  }
});

test("another word is refused with the three that are known", async () => {
  const run = await loupe("train", "cdo", "--data", data, ...quick, "--precision", "half");
  expect(run.code).toBe(2);
  expect(run.stderr).toContain('--precision: must be one of auto, f32, f16, got "half"');
  expect(existsSync(file("runs"))).toBe(false);
});
