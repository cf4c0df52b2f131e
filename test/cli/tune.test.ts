/** `loupe tune` and what comes of it: kept plans, tables in files, runs that go on with the plans they were started with. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { methods } from "../../src/cli/methods.ts";
import { casesOf } from "../../src/cli/tune.ts";
import { openDevice } from "../../src/core/index.ts";
import { type Finished, folder, loupe, prepareLoupe, smallData, start } from "./loupe.ts";

prepareLoupe();

const file = (...path: string[]) => join(folder, ...path);
const json = (...path: string[]) => JSON.parse(readFileSync(file(...path), "utf8"));
const kept = (...args: string[]) => start(args, { LOUPE_PLANS_DIR: file("kept") }).done;
const network = ["--backbone", "resnet18", "--image-size", "24", "--batch-size", "2"];
const quick = [...network, "--weights", "random", "--epochs", "1", "--no-detour"];

let data = "";
let tuned: Finished;

beforeAll(async () => {
  data = await smallData("data");
  tuned = await loupe("tune", ...network, "--budget", "1", "--output", "plans.json", "--json");
}, 120_000);

test("tune measures the ops of a training step and of predictions, and writes a table of their plans", () => {
  expect(tuned.code).toBe(0);
  expect(tuned.stderr).not.toMatch(/is not used/);
  const { table, results } = JSON.parse(tuned.stdout);
  expect(table).toBe(file("plans.json"));
  const ops = new Set(results.map((r: { op: string }) => r.op));
  expect([...ops].sort()).toEqual(["conv2d", "conv2d input gradient", "conv2d weight gradient"]);
  const keys = results.filter((r: { op: string }) => r.op === "conv2d");
  const of = (key: string) => keys.filter((r: { key: string }) => r.key === key);
  expect(of("3x3 128-128 @32 f32")).toHaveLength(1); // training: 2 images of 3 × 3
  expect(of("3x3 128-128 @128 f32")).toHaveLength(1); // predict: 8 images
  for (const { plan, times, gain, gflops, wrong } of results) {
    expect(times[plan]).toBeGreaterThan(0);
    expect(gain).toBeGreaterThanOrEqual(1);
    expect(gflops).toBeGreaterThan(0);
    expect(wrong).toEqual([]);
  }
  const { format, adapter, choices } = json("plans.json");
  expect(format).toBe("tensorloupe plans");
  expect(adapter.name).toBeTruthy();
  expect(Object.keys(choices)).toHaveLength(results.length);
  for (const { op, key, plan, times } of results) {
    const names = choices[`${op} ${key}`].split(" ");
    expect(names[0]).toBe(plan);
    expect(names.toSorted()).toEqual(Object.keys(times).sort());
  }
  expect(existsSync(file("kept"))).toBe(false);
});

test("without --output the plans are kept for this GPU, and doctor says so", async () => {
  const before = await kept("doctor");
  expect(before.stdout).toMatch(/^plans +defaults; `loupe tune` measures which are faster here$/m);
  const run = await kept("tune", "cdo", ...network, "--budget", "1");
  expect(run.code).toBe(0);
  expect(run.stdout).toMatch(/^op +shape +plan +GFLOP\/s +default +faster$/m);
  expect(run.stdout).toMatch(/^kept in .*plans-[0-9a-f]{8}\.json; later runs on this GPU use it$/m);
  const [name] = readdirSync(file("kept"));
  const doctor = JSON.parse((await kept("doctor", "--json")).stdout);
  expect(doctor.plans.place).toBe(file("kept", name as string));
  expect(doctor.plans.choices).toEqual(json("kept", name as string).choices);
  rmSync(file("kept"), { recursive: true });
});

test("a run records its plans and goes on with them, whatever was measured since", async () => {
  const own = { ...json("plans.json"), choices: { "conv2d 3x3 64-64 @128 f32": "plain" } };
  writeFileSync(file("own.json"), JSON.stringify(own));
  const train = ["train", "cdo", "--data", data, ...quick];
  const run = await loupe(...train, "--plans", "own.json", "--output", "run");
  expect(run.code).toBe(0);
  expect(json("run/run.json").environment.plans).toEqual(own.choices);
  mkdirSync(file("kept"));
  const other = { ...own, choices: { "conv2d 3x3 64-64 @128 f32": "handed" } };
  const place = JSON.parse((await kept("doctor", "--json")).stdout).plans.place;
  writeFileSync(place, JSON.stringify(other));
  const again = await kept("train", "--resume", "run");
  expect(again.stderr).toMatch(/all 1 epochs are trained; evaluating again/);
  const log = readFileSync(file("run/log.jsonl"), "utf8").trimEnd().split("\n");
  const resumed = log.map((line) => JSON.parse(line)).find((e) => e.event === "resume");
  expect(resumed.environment.plans).toEqual(own.choices);

  const changed = await loupe("train", "--resume", "run", "--plans", "own.json");
  expect(changed.code).toBe(2);
  expect(changed.stderr).toMatch(/--plans: run goes on with the plans it was started with; leave/);
  const record = json("run/run.json");
  record.environment.plans = ["plain"];
  writeFileSync(file("run/run.json"), JSON.stringify(record));
  const damaged = await loupe("train", "--resume", "run");
  expect(damaged.code).toBe(5);
  expect(damaged.stderr).toMatch(
    /run\/run\.json: environment\.plans must name the plans of each op/,
  );
});

test("a table that is missing, damaged, or measured elsewhere is told", async () => {
  const features = (plans: string) => {
    const network = ["--backbone", "resnet18", "--weights", "random", "--image-size", "32"];
    const photo = join(data, "washer/train/good/000.png");
    return loupe(
      "features",
      ...network,
      "--input",
      photo,
      "--output",
      "f.safetensors",
      "--plans",
      plans,
    );
  };
  const missing = await features("nowhere.json");
  expect(missing.code).toBe(5);
  expect(missing.stderr).toMatch(/nowhere\.json: can't be read: there is no such file/);
  writeFileSync(file("bad.json"), "{}");
  const bad = await features("bad.json");
  expect(bad.code).toBe(2);
  expect(bad.stderr).toMatch(/bad\.json: is no table of plans .*make it again with `loupe tune`/);
  const table = json("plans.json");
  table.adapter.name = "RTX 9000";
  writeFileSync(file("foreign.json"), JSON.stringify(table));
  const foreign = await features("foreign.json");
  expect(foreign.code).toBe(0);
  expect(foreign.stderr).toMatch(/may be slow here: it was measured on "RTX 9000", this is /);
  expect((await features("none")).code).toBe(0);
});

test.each(methods)(
  "of $name the training step is measured, and predictions of a batch and of eight images",
  async (method) => {
    using device = await openDevice({ onWarning: () => {} });
    const sizes = { backbone: "resnet10_half", imageSize: 32, batchSize: 2, precision: "f32" };
    const cases = await casesOf(device, method, sizes);
    const keys = cases.map(({ op, key }) => `${op} ${key}`);
    expect(keys.some((key) => /gradient|matmul .* t/.test(key))).toBe(true); // only a training step has any
    for (const n of [2, 8]) {
      const finest = `@${n * 8 * 8} `; // pixels of n images at stride 4
      expect(keys.some((key) => key.includes(finest))).toBe(true);
    }
  },
  60_000,
);
