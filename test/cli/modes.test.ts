/** Which images a run trains on and is tested on: modes, metadata files, other test data, classes together. On a GPU. */
import { createHash } from "node:crypto";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { openData, requireTraining } from "../../src/cli/class-data.ts";
import { choiceOf } from "../../src/cli/data-choice.ts";
import { Terminal } from "../../src/cli/terminal.ts";
import { type Mode, modes, scanFolder, splitMode, writeDemo } from "../../src/data/index.ts";
import { type Finished, folder, loupe, prepareLoupe, start } from "./loupe.ts";

prepareLoupe();

const quick = [
  ...["--backbone", "resnet10_half", "--weights", "random", "--image-size", "24", "--no-detour"],
  ...["--epochs", "1", "--batch-size", "4", "--no-images", "--no-maps"],
];
const file = (...path: string[]) => join(folder, ...path);
const json = (...path: string[]) => JSON.parse(readFileSync(file(...path), "utf8"));
const lines = (...path: string[]) =>
  readFileSync(file(...path), "utf8")
    .trimEnd()
    .split("\n");
const hash = (path: string) =>
  createHash("sha256")
    .update(readFileSync(file(path)))
    .digest("hex");
const scored = (run: string) =>
  lines(run, "scores.csv")
    .slice(1)
    .map((line) => line.split(",")[0]);
const train = (...args: string[]) => loupe("train", "cdo", "--data", "data", ...args);

const steps = (run: string) =>
  existsSync(file(run, "log.jsonl"))
    ? readFileSync(file(run, "log.jsonl"), "utf8").split('"event":"step"').length - 1
    : 0;

/** The rest of what trains each run; the tests look at these runs and go on with them. */
const balanced = ["--mode", "semi5", "--sampler", "balanced", "--epochs", "3", "--seed", "2"];
const cross = ["--class", "washer", "--mode", "zero_shot", "--test-data", "other"];
const trainings = {
  semi: ["--class", "washer", "--mode", "semi1", "--seed", "3"],
  "by-meta": ["--class", "washer", "--meta", "meta/meta_semi1.json", "--seed", "3"],
  shots: ["--class", "tile", "--mode", "few_shot2", "--split-seed", "4", "--epochs", "3"],
  whole: ["--class", "washer", ...balanced],
  cut: ["--class", "washer", ...balanced],
  cross,
  both: ["--joint", "--evaluate-every", "1", "--epochs", "2", "--json"],
};
type Run = keyof typeof trainings;
const ended = new Map<Run, Finished>();
const ending = (run: Run): Finished => ended.get(run)!;

/** Two products with images enough for every mode, one with too few, another one; then all trainings, three at a time. */
beforeAll(async () => {
  const counts = { train: 9, good: 2, defective: 12 };
  await writeDemo(file("data"), { size: 64, counts, products: ["washer", "tile"] });
  const few = { train: 9, good: 2, defective: 4 };
  await writeDemo(file("few"), { size: 64, counts: few, products: ["washer"] });
  const others = { train: 2, good: 3, defective: 3 };
  await writeDemo(file("other"), { size: 48, counts: others, products: ["fabric"] });
  index = await loupe("data", "index", "data", "--output", "meta", "--json");
  const waiting = Object.keys(trainings) as Run[];
  const work = async () => {
    for (let run = waiting.shift(); run; run = waiting.shift()) ended.set(run, await trained(run));
  };
  await Promise.all([work(), work(), work()]);
}, 180_000);

let index: Finished;

/** The run of that name; `cut` is stopped in its second epoch. */
async function trained(run: Run): Promise<Finished> {
  const args = ["train", "cdo", "--data", "data", ...quick, ...trainings[run], "--output", run];
  const { child, done } = start(args);
  if (run !== "cut") return done;
  const timer = setInterval(() => {
    if (steps(run) < 6) return;
    clearInterval(timer);
    child.kill("SIGINT");
  }, 2);
  return done.finally(() => clearInterval(timer));
}

describe("data index", () => {
  test("writes the file of each mode; again with the same seed nothing changes, another seed is refused", async () => {
    expect(index.code).toBe(0);
    const { files, skipped, classes } = JSON.parse(index.stdout);
    expect(skipped).toEqual([]);
    expect(classes).toEqual(["tile", "washer"]);
    expect(files[1]).toEqual({ file: "meta/meta_zero_shot.json", train: 28, test: 28 });
    const names = ["meta.json", ...modes.map((mode) => `meta_${mode}.json`)];
    expect(readdirSync(file("meta")).sort()).toEqual(names.sort());
    const before = names.map((name) => hash(`meta/${name}`));
    const args = ["--seed", "5", "--overwrite", "--class", "tile", "--output", "five"];
    const [again, other, five] = await Promise.all([
      loupe("data", "index", "data", "--output", "meta"),
      loupe("data", "index", "data", "--output", "meta", "--seed", "5"),
      loupe("data", "index", "data", ...args),
    ]);
    expect([again.code, five.code]).toEqual([0, 0]);
    expect(other.code).toBe(5);
    expect(other.stderr).toMatch(
      /meta\/meta_few_shot\d\.json.*: there with other contents; --over/,
    );
    expect(names.map((name) => hash(`meta/${name}`))).toEqual(before);
    expect(Object.keys(json("five/meta.json").train)).toEqual(["tile"]);
  });

  test("what is too small for a mode is told with its numbers, and only that mode is left out", async () => {
    const run = await loupe("data", "index", "few");
    expect(run.code).toBe(0);
    const rule = "class washer has 4 anomalous test images with a mask; more than 10 are needed";
    expect(run.stderr).toContain(`warning: modes semi1, semi5, semi10: ${rule}`);
    expect(run.stdout).toMatch(/meta_few_shot8\.json +8 +6/);
    expect(existsSync(file("few/meta_semi5.json"))).toBe(false);
    const asked = await loupe("data", "index", "few", "--mode", "semi5", "--output", "none");
    expect(asked.code).toBe(3);
    expect(asked.stderr).toContain(`error: mode semi5: ${rule}\n`);
    expect(existsSync(file("none"))).toBe(false);
  });

  test("a folder that is no data set is told with what was looked for", async () => {
    const run = await loupe("data", "index", "meta");
    expect(run.code).toBe(3);
    expect(run.stderr).toMatch(/no known layout.*mvtec: <class>\/train\/good/s);
  });
});

describe("a mode", () => {
  test("is drawn by the rule of data index: the metadata file trains to the same bytes, whatever the seed of training", async () => {
    const run = ending("semi");
    expect(run.stderr).toMatch(
      /washer: 9 good, 1 defective to train on, 2 good, 2 defective to test/,
    );
    expect(run.code).toBe(0);
    const split = splitMode(await scanFolder(file("data"), { classes: ["washer"] }), "semi1", 0);
    const anomaly = split.train.at(-1)!.path.slice(file("data").length + 1);
    const { data } = json("semi/run.json");
    expect(data).toMatchObject({ mode: "semi1", splitSeed: 0, train: 10, test: 4, meta: null });
    expect(Object.keys(data.taken)).toEqual([anomaly]);
    expect(scored("semi")).toEqual(
      split.test.map(({ path }) => path.slice(file("data").length + 1)),
    );
    expect(ending("by-meta").code).toBe(0);
    expect(hash("by-meta/model.safetensors")).toBe(hash("semi/model.safetensors"));
    expect(scored("by-meta")).toEqual(scored("semi"));
    const { fingerprint } = json("by-meta/run.json").data;
    expect(fingerprint).toBe(data.fingerprint);
  });

  test("tests again on its own split, and on a copy of the folder without what it was trained on", async () => {
    cpSync(file("data"), file("copy"), { recursive: true });
    const [own, copy] = await Promise.all([
      loupe("test", "semi", "--json"),
      loupe("test", "semi", "--data", "copy", "--json", "--output", "on-copy"),
    ]);
    expect(JSON.parse(own.stdout)).toMatchObject({ images: 4 });
    expect(copy.stderr).toMatch(
      /warning: 1 test images are left out, for the run was trained on them/,
    );
    expect(JSON.parse(copy.stdout)).toMatchObject({ images: 13 });
    const [taken] = Object.keys(json("semi/run.json").data.taken);
    expect(scored("on-copy")).not.toContain(taken);
  });

  test("few-shot trains one step an epoch on the images drawn", () => {
    expect(ending("shots").code).toBe(0);
    expect(steps("shots")).toBe(3);
    expect(json("shots/run.json").data).toMatchObject({ train: 2, test: 14, splitSeed: 4 });
  });

  test("that has too few images, is unknown, or comes with a metadata file is refused", async () => {
    const few = ["train", "cdo", "--data", "few", ...quick, "--output", "no"];
    const args = ["--class", "tile", "--mode", "semi1", "--sampler", "balanced", "--output", "no"];
    const [short, unknown, single, both] = await Promise.all([
      loupe(...few, "--mode", "semi10"),
      loupe(...few, "--mode", "semi3"),
      train(...quick, ...args, "--batch-size", "1"),
      loupe(...few, "--mode", "semi1", "--meta", "meta/meta.json"),
    ]);
    expect(short.code).toBe(3);
    expect(short.stderr).toMatch(
      /mode semi10: class washer has 4 anomalous test images with a mask/,
    );
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toMatch(/--mode: must be one of zero_shot, few_shot1, .*, got "semi3"/);
    expect([single.code, single.stderr]).toEqual([
      2,
      expect.stringMatching(/sampler balanced: a batch holds normal and anomalous images/),
    ]);
    expect(both.code).toBe(2);
    expect(both.stderr).toMatch(/--meta and --mode: the file says which images/);
    expect(existsSync(file("no"))).toBe(false);
  });

  test("whose drawn images can't be used is refused, for with fewer it would be another", async () => {
    const path = file("torn");
    cpSync(file("data", "tile"), path, { recursive: true });
    for (const name of readdirSync(path, { recursive: true, encoding: "utf8" })) {
      if (name.endsWith("_mask.png")) writeFileSync(join(path, name), "torn");
    }
    const silent = { write: () => true };
    const terminal = new Terminal({ stdout: silent, stderr: silent, now: () => 0 });
    const require = async (mode: Mode) => {
      const choice = choiceOf({ data: path, mode } as never, undefined);
      requireTraining(await openData(choice, { label: "torn" }, terminal), mode);
    };
    await expect(require("semi5")).rejects.toThrow(
      "mode semi5: of the 5 images drawn of class torn only 0 can be used; repair them and their masks, or draw others with --split-seed",
    );
    await require("few_shot4");
  });

  test("a metadata file of another folder is told by its missing files, and a class that it lacks by its name", async () => {
    const meta = ["--meta", "meta/meta_semi1.json", "--output", "no"];
    const [lost, strange] = await Promise.all([
      loupe("train", "cdo", "--data", "few", ...quick, ...meta),
      train(...quick, ...meta, "--class", "nut"),
    ]);
    expect(lost.code).toBe(3);
    expect(lost.stderr).toMatch(
      /meta_semi1\.json: \d+ files it names are not in .*few: "tile\/train\/good\/000\.png", .* and \d+ more/,
    );
    expect(strange.stderr).toMatch(/no class "nut"; there is tile, washer/);
    expect(strange.code).toBe(3);
  });
});

describe("resume", () => {
  test("a stopped run of real anomalies and the balanced sampler goes on to the same bytes", async () => {
    expect(ending("whole").code).toBe(0);
    expect(steps("whole")).toBe(3 * 5); // 9 normal images, 2 in a batch
    expect(ending("cut").code).toBe(130);
    expect(steps("cut")).toBeLessThan(15);
    const resumed = await loupe("train", "--resume", "cut", "--no-images", "--no-maps");
    expect(resumed.code).toBe(0);
    expect(hash("cut/model.safetensors")).toBe(hash("whole/model.safetensors"));
  });

  test("other settings of the data are refused by name", async () => {
    const args = ["--mode", "semi1", "--split-seed", "1", "--sampler", "naive", "--joint"];
    args.push("--mask-threshold", "9", "--test-data", "few", "--meta", "meta/meta.json");
    const run = await loupe("train", "--resume", "whole", ...args, "--allow-overlap");
    expect(run.code).toBe(2);
    expect(run.stderr).toMatch(/--mode: the run was started with "semi5", not "semi1"/);
    expect(run.stderr).toMatch(/--split-seed: the run was started with 0, not 1/);
    expect(run.stderr).toMatch(/--sampler: the run was started with "balanced", not "naive"/);
    expect(run.stderr).toMatch(/--joint: the run was started with false, not true/);
    expect(run.stderr).toMatch(/--test-data: the run was started with none given, not "few"/);
    expect(run.stderr).toMatch(/--meta: the run was started with none given/);
    expect(run.stderr).toMatch(/--allow-overlap: the run was started with false, not true/);
    expect(run.stderr).toMatch(/--mask-threshold: the run was started with none given, not 9/);
  });

  test("a real anomaly whose mask has changed is noticed", async () => {
    const moved = ["train", "--resume", "whole", "--data", "changed", "--no-images", "--no-maps"];
    cpSync(file("data"), file("changed"), { recursive: true });
    expect((await loupe(...moved)).code).toBe(0);
    const [taken] = Object.keys(json("whole/run.json").data.taken) as [string];
    const mask = file(
      "changed",
      taken.replace("/test/", "/ground_truth/").replace(".png", "_mask.png"),
    );
    writeFileSync(mask, Buffer.concat([readFileSync(mask), Buffer.alloc(3)]));
    const run = await loupe(...moved);
    expect(run.code).toBe(3);
    expect(run.stderr).toMatch(/training images of class washer are not those .*14 now, 14 then/);
  });
});

describe("other test data", () => {
  test("zero_shot that would test on what it trains on is refused, unless that is asked for", async () => {
    const zero = ["--class", "washer", "--mode", "zero_shot", "--output", "zero"];
    const run = await train(...quick, ...zero);
    expect(run.code).toBe(2);
    const rule =
      /14 of 14 test images are trained on, such as washer\/test\/.*--test-data .* --allow-overlap/;
    expect(run.stderr).toMatch(rule);
    expect(existsSync(file("zero"))).toBe(false);
    const silent = { write: () => true };
    const terminal = new Terminal({ stdout: silent, stderr: silent, now: () => 0 });
    const open = (allowOverlap?: true) => {
      const told = { data: file("data"), mode: "zero_shot", allowOverlap } as never;
      return openData(choiceOf(told, ["washer"]), { label: "washer" }, terminal);
    };
    await expect(open()).rejects.toThrow(rule);
    const { train: trained, test: tested } = await open(true);
    expect([trained.length, tested.length]).toEqual([14, 14]);
  });

  test("of data that are only trained on or only tested on nothing is missed, and nothing is told twice", async () => {
    const make = (name: string, part: string) => {
      cpSync(file("data", "washer", part), file(name, "washer", part), { recursive: true });
      writeFileSync(file(name, "notes.txt"), "");
    };
    for (const part of ["train", "test", "ground_truth"]) {
      make(part === "train" ? "only-train" : "only-test", part);
    }
    let said = "";
    const stderr = { write: (text: string) => (said += text) };
    const terminal = new Terminal({ stdout: stderr, stderr, now: () => 0 });
    const open = async (data: string, settings: object) => {
      said = "";
      const told = { data: file(data), ...settings } as never;
      await openData(choiceOf(told, ["washer"]), { label: "x" }, terminal);
      return said.split("\n").filter((line) => !line.includes("opening"));
    };
    const elsewhere = { testData: file("only-test") };
    const notes = `not an image, left out: notes.txt, ${file("only-test", "notes.txt")}`;
    expect(await open("only-train", elsewhere)).toEqual([notes, ""]);
    const same = { testClass: ["washer"] };
    expect(await open("only-test", same)).toEqual([
      expect.stringContaining("no normal images to train on"),
      ...["not an image, left out: notes.txt", ""],
    ]);
  });

  test("a model trained on the test images of one data set is tested on another, also later and after a resume", async () => {
    const run = ending("cross");
    expect(run.stderr).toMatch(
      /2 good, 12 defective to train on, 3 good, 3 defective to test in .*other/,
    );
    expect(run.code).toBe(0);
    const { data } = json("cross/run.json");
    expect(data).toMatchObject({
      class: "washer",
      testRoot: file("other"),
      testClasses: ["fabric"],
    });
    expect(scored("cross").every((path) => path?.startsWith("fabric/test/"))).toBe(true);
    const metrics = json("cross/metrics.json");
    const [again, refused, unknown] = await Promise.all([
      loupe("test", "cross", "--json"),
      loupe("train", "--resume", "cross", "--test-class", "tile"),
      train(...quick, ...cross, "--test-class", "nut", "--output", "no"),
    ]);
    expect(JSON.parse(again.stdout)).toMatchObject({ images: 6, metrics: metrics.metrics });
    expect(refused.stderr).toMatch(/--test-class: the run was started with \["fabric"\]/);
    expect(unknown.stderr).toMatch(/no class "nut"; there is fabric/);
    expect(unknown.code).toBe(3);
    const resumed = await loupe("train", "--resume", "cross", "--no-images", "--no-maps", "--json");
    expect(resumed.code).toBe(0);
    expect(JSON.parse(resumed.stdout).runs[0].metrics).toEqual(metrics.metrics);
  });
});

describe("one model for several classes", () => {
  test("is one run with a row for each class and their mean", () => {
    const run = ending("both");
    expect(run.stderr).toMatch(/tile\+washer: 18 images to train on, 4 good, 24 defective to test/);
    expect(run.code).toBe(0);
    expect(JSON.parse(run.stdout).runs).toHaveLength(1);
    expect(json("both/run.json").data).toMatchObject({
      class: "tile+washer",
      classes: ["tile", "washer"],
    });
    const { metrics, classes } = json("both/metrics.json");
    expect(Object.keys(classes)).toEqual(["tile", "washer"]);
    for (const [name, value] of Object.entries(metrics)) {
      const of = (which: string) => classes[which].metrics[name];
      expect(value).toBeCloseTo((of("tile") + of("washer")) / 2, 12);
    }
    const csv = lines("both/metrics.csv").map((line) => line.split(","));
    expect(csv.map(([name]) => name)).toEqual(["", "tile", "washer", "average"]);
    expect(csv[0]).toContain("mAUROC_px_best_on_test");
    expect(Number(csv[3]![1])).toBeCloseTo(metrics.mAUROC_sp_max * 100, 1);
    const events = lines("both/log.jsonl").map((line) => JSON.parse(line));
    const evaluations = events.filter(({ event }) => event === "evaluation");
    expect(evaluations.map((e) => [e.epoch, Object.keys(e.classes)])).toEqual([
      [1, ["tile", "washer"]],
      [2, ["tile", "washer"]],
    ]);
    expect(evaluations[1].classes.tile).toEqual(classes.tile.metrics);
    expect(scored("both")).toHaveLength(28);
    expect(Object.keys(json("both/thresholds.json"))).toContain("image"); // one for all
  });

  test("goes on after a resume and gives each class's row again", async () => {
    const before = json("both/metrics.json");
    rmSync(file("both/metrics.json"));
    const said = ["--mode", "unsupervised", "--joint", "--class", "tile", "washer"]; // as it was
    const resumed = await loupe("train", "--resume", "both", ...said, "--no-images", "--no-maps");
    expect(resumed.code).toBe(0);
    expect(json("both/metrics.json").classes).toEqual(before.classes);
    const again = await loupe(
      "test",
      "both",
      "--data",
      "data",
      "--class",
      "tile",
      "--json",
      "--output",
      "on-tile",
    );
    expect(JSON.parse(again.stdout).metrics).toEqual(before.classes.tile.metrics);
    expect(again.code).toBe(0);
  });
});
