/** The life of a run through the command line: trained, stopped, resumed, tested, used. On a GPU, with small pictures. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { RunCost } from "../../src/cli/train-run.ts";
import { readImage, readNpy } from "../../src/data/index.ts";
import {
  type HostTensor,
  hostTensor,
  readSafetensors,
  writeSafetensors,
} from "../../src/models/index.ts";
import { type Finished, folder, loupe, prepareLoupe, smallData, start } from "./loupe.ts";

prepareLoupe();

const small = ["--backbone", "resnet18", "--weights", "random", "--image-size", "24"];
const quick = [...small, "--epochs", "3", "--batch-size", "2", "--no-detour"];

let data = "";
let first: Finished;

const file = (...path: string[]) => join(folder, ...path);
const json = (...path: string[]) => JSON.parse(readFileSync(file(...path), "utf8"));
const hash = (path: string) =>
  createHash("sha256")
    .update(readFileSync(file(path)))
    .digest("hex");
const events = (run: string) =>
  readFileSync(file(run, "log.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
/** While the log is being written: its last line may be half there. */
const stepsOf = (run: string) =>
  existsSync(file(run, "log.jsonl"))
    ? readFileSync(file(run, "log.jsonl"), "utf8").split('"event":"step"').length - 1
    : 0;

beforeAll(async () => {
  data = await smallData("data");
  const options = ["--seed", "7", "--evaluate-every", "2", "--json"];
  first = await loupe("train", "cdo", "--data", data, ...quick, ...options, "--output", "first");
}, 120_000);

describe("train", () => {
  test("with --json stdout is one document with the metrics of the last epoch", () => {
    expect(first.stderr).toMatch(/epoch 3\/3: loss/);
    expect(first.code).toBe(0);
    const { runs, failed } = JSON.parse(first.stdout);
    expect(failed).toEqual([]);
    expect(runs).toHaveLength(1);
    const { class: name, run, epochs, losses, metrics, protocol } = runs[0];
    expect({ name, run, epochs, protocol }).toEqual({
      name: "washer",
      run: "first",
      epochs: 3,
      protocol: "exact",
    });
    expect(losses).toHaveLength(3);
    expect(losses.every((loss: number) => loss > 0)).toBe(true);
    expect(Object.keys(metrics)).toContain("mAUPRO_px");
  });

  test("the run folder says what was run, on what, and what came out", () => {
    const { config, seed, environment, data: used, weights } = json("first", "run.json");
    expect(config).toMatchObject({ version: "2025", imageSize: 24, epochs: 3, detour: false });
    expect(seed).toBe(7);
    expect(environment.adapter.name).toBeTruthy();
    expect(used).toMatchObject({ class: "washer", train: 6, test: 6 });
    expect(weights).toMatchObject({ source: "random" });
    const metrics = json("first", "metrics.json");
    expect(metrics).toMatchObject({ epoch: 3, images: 6, protocol: "exact" });
    expect(metrics.best_on_test.mAUROC_px.epoch).toBeOneOf([2, 3]);
    const csv = readFileSync(file("first", "metrics.csv"), "utf8").split("\n");
    expect(csv[0]).toMatch(/^,mAUROC_sp_max,.*,mAUROC_px_best_on_test/);
    expect(csv[1]).toMatch(/^washer,/);
    expect(json("first", "thresholds.json").policy).toBe("max-f1");
    const log = events("first").map((e) => e.event);
    expect(log.filter((e) => e === "step")).toHaveLength(9);
    expect(log.filter((e) => e === "epoch")).toHaveLength(3);
    expect(log).toEqual(expect.arrayContaining(["start", "warning", "checkpoint", "end"]));
    const { cost } = events("first").at(-1) as { cost: RunCost };
    expect(cost.prediction).toMatchObject({ images: 6, batchSize: 2 });
    expect(cost.prediction?.milliseconds).toBeGreaterThan(0);
    expect(cost.peakBytes).toBeGreaterThan(50 * 2 ** 20); // two networks of 2.8 million parameters and Adam's moments
  });

  test("scores, maps and overlays are there for each test image", async () => {
    const scores = readFileSync(file("first", "scores.csv"), "utf8").trimEnd().split("\n");
    expect(scores[0]).toBe("path,label,score,verdict");
    expect(scores).toHaveLength(7);
    const map = readNpy(readFileSync(file("first", "maps/good/000.npy")));
    expect(map).toMatchObject({ dtype: "float32", shape: [24, 24] });
    const overlay = await readImage(file("first", "images/chip/000.png"));
    expect(overlay.width).toBe(4 * 256 + 3 * 4); // photo, heat map, prediction, ground truth
    expect(readdirSync(file("first")).filter((name) => /tmp|part/.test(name))).toEqual([]);
  });

  test("a second run into the same folder is refused, and the first is as it was", async () => {
    const before = hash("first/model.safetensors");
    const run = await loupe("train", "cdo", "--data", data, ...quick, "--output", "first");
    expect(run.code).toBe(5);
    expect(run.stderr).toMatch(/first: there is a run already; --resume goes on/);
    expect(hash("first/model.safetensors")).toBe(before);
  });

  test("what can't go through the network leaves no folder behind", async () => {
    const tiny = ["--image-size", "16", "--batch-size", "1", "--epochs", "1"];
    const args = ["train", "cdo", "--data", data, ...small, ...tiny, "--output", "tiny"];
    const run = await loupe(...args);
    expect(run.code).toBe(2);
    expect(run.stderr).toMatch(/image of 16 × 16: leaves a single value per channel/);
    expect(existsSync(file("tiny"))).toBe(false);
  });

  test("too little GPU memory is told with the size asked for and what to lower", async () => {
    const args = ["train", "cdo", "--data", data, ...quick, "--memory-limit", "30"];
    const run = await loupe(...args, "--output", "full");
    expect(run.code).toBe(4);
    expect(run.stderr).toMatch(/needs .*iB more, .* of 30\.0 MiB are in use; lower --batch-size/);
    expect(existsSync(file("full"))).toBe(false);
  });

  test("a loss that is no number stops with 6 and says where", async () => {
    const args = ["train", "cdo", "--data", data, ...quick, "--gamma", "1000"];
    const run = await loupe(...args, "--output", "nan");
    expect(run.code).toBe(6);
    expect(run.stderr).toMatch(/error: cdo: the loss is NaN .*step 1 .*lower --learning-rate/);
  });

  test("weights that fit are taken from a CDO checkpoint, and a NaN in them is told with its tensor", async () => {
    const { tensors } = readSafetensors(readFileSync(file("first/frozen.safetensors")));
    const name = "net_t.layer2.0.conv1.weight";
    const { shape, data: values } = tensors.get(name) as HostTensor;
    const spoilt = Float32Array.from(values as Float32Array);
    spoilt[7] = Number.NaN;
    tensors.set(name, hostTensor("f32", shape, spoilt));
    writeFileSync(file("spoilt.safetensors"), writeSafetensors(tensors));
    const train = (weights: string) =>
      loupe(
        "train",
        "cdo",
        "--data",
        data,
        ...quick,
        "--epochs",
        "0",
        "--weights",
        weights,
        "--output",
        "taken",
      );
    const bad = await train("spoilt.safetensors");
    expect(bad.code).toBe(5);
    expect(bad.stderr).toMatch(
      /spoilt\.safetensors: layer2\.0\.conv1\.weight has values that are NaN/,
    );
    const good = await train("first/frozen.safetensors");
    expect(good.code).toBe(0);
    expect(hash("taken/frozen.safetensors")).toBe(hash("first/frozen.safetensors"));
  });

  test("a class that fails is told, the rest go on, and the exit code is that of the failure", async () => {
    const both = await smallData("both");
    await smallData("both", "tile");
    rmSync(join(both, "tile/train"), { recursive: true });
    const args = ["train", "cdo", "--data", both, ...quick, "--epochs", "1", "--no-images"];
    const run = await loupe(...args, "--no-maps", "--output", "all", "--json");
    expect(run.code).toBe(3);
    const { runs, failed } = JSON.parse(run.stdout);
    expect(runs.map((r: { run: string }) => r.run)).toEqual(["all/washer"]);
    expect(failed).toEqual([
      {
        class: "tile",
        error: expect.stringMatching(/class tile has no normal images to train on/),
      },
    ]);
    expect(readdirSync(file("all"))).toEqual(["washer"]);
  });

  test("a broken image is named and left out, the others are trained on", async () => {
    const broken = await smallData("broken");
    writeFileSync(join(broken, "washer/train/good/000.png"), "no image");
    writeFileSync(join(broken, "washer/ground_truth/chip/000_mask.png"), "");
    const args = ["train", "cdo", "--data", broken, ...quick, "--no-images", "--no-maps"];
    const run = await loupe(...args, "--epochs", "1", "--output", "rest", "--json");
    expect(run.code).toBe(0);
    expect(run.stderr).toMatch(/warning: it is not an image.*train\/good\/000\.png/);
    expect(run.stderr).toMatch(/warning: the file is empty.*chip\/000_mask\.png/);
    expect(run.stderr).toMatch(/1 defective image.* no mask.*pixel metrics leave them out/);
    expect(json("rest", "run.json").data.train).toBe(5);
    expect(events("rest").some((e) => /not an image/.test(String(e.message)))).toBe(true);
    expect(existsSync(file("rest", "maps")) || existsSync(file("rest", "images"))).toBe(false);
  });
});

describe("stop and resume", () => {
  /** Trains as the first run, stopped by a signal in the middle of an epoch. */
  async function stopAfter(steps: number, run: string): Promise<Finished> {
    const args = ["train", "cdo", "--data", data, ...quick, "--seed", "7", "--output", run];
    const { child, done } = start(args);
    const timer = setInterval(() => {
      if (stepsOf(run) < steps) return;
      clearInterval(timer);
      child.kill("SIGINT");
    }, 2);
    return done.finally(() => clearInterval(timer));
  }

  test("Ctrl-C saves in the middle of an epoch, and the resumed run ends in the same bytes", async () => {
    const stopped = await stopAfter(1, "stopped");
    expect(stopped.stderr).toMatch(/finishing the step, then saving/);
    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toMatch(/go on with: loupe train --resume stopped/);
    expect(existsSync(file("stopped/model.safetensors"))).toBe(false);
    const { progress } = readCheckpoint("stopped");
    expect(progress.epoch * 3 + progress.step).toBeLessThan(9);

    const early = await loupe("predict", "stopped", join(data, "washer/test/good"));
    expect(early.code).toBe(5);
    expect(early.stderr).toMatch(/no trained model yet; finish it with `loupe train --resume/);

    const resumed = await loupe("train", "--resume", "stopped", "--no-images", "--no-maps");
    expect(resumed.code).toBe(0);
    expect(hash("stopped/model.safetensors")).toBe(hash("first/model.safetensors"));
    const log = events("stopped").map((e) => e.event);
    expect(log.filter((e) => e === "step")).toHaveLength(9);
    expect(log).toEqual(expect.arrayContaining(["interrupted", "resume", "end"]));
    const losses = (run: string) =>
      events(run).flatMap((e) => (e.event === "epoch" ? [e.loss] : []));
    expect(losses("stopped")).toEqual(losses("first"));
  });

  function readCheckpoint(run: string) {
    const { metadata } = readSafetensors(readFileSync(file(run, "checkpoint.safetensors")));
    return { progress: JSON.parse(metadata.get("progress") ?? "") };
  }

  test("a flag that differs from the run's own is refused by name; evaluation and memory may differ", async () => {
    const wrong = await loupe("train", "--resume", "first", "--epochs", "9", "--seed", "7");
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/--epochs: the run was started with 3, not 9/);
    expect(wrong.stderr).not.toMatch(/--seed:/);
    const again = ["--resume", "first", "--checkpoint-activations"];
    again.push("--protocol", "cdo2025", "--json");
    const run = await loupe("train", ...again, "--threshold", "manual=0.5,0.25");
    expect(run.stderr).toMatch(/all 3 epochs are trained; evaluating again/);
    expect(JSON.parse(run.stdout).runs[0]).toMatchObject({
      protocol: "cdo2025",
      thresholds: { policy: "manual", image: 0.5, pixel: 0.25 },
    });
  });

  test("other training images than those of the run are refused", async () => {
    const other = await smallData("other");
    writeFileSync(
      join(other, "washer/train/good/006.png"),
      readFileSync(join(other, "washer/train/good/005.png")),
    );
    const run = await loupe("train", "--resume", "first", "--data", other);
    expect(run.code).toBe(3);
    expect(run.stderr).toMatch(/not those the run was started with \(7 now, 6 then\)/);
  });
});

describe("test and predict", () => {
  test("test gives the metrics of the run again, and other data go elsewhere", async () => {
    const own = await loupe("test", "first", "--protocol", "exact", "--no-images", "--json");
    expect(own.code).toBe(0);
    const before = JSON.parse(first.stdout).runs[0].metrics;
    expect(JSON.parse(own.stdout).metrics).toEqual(before);
    const tiles = await smallData("tiles", "tile");
    const metrics = readFileSync(file("first/metrics.json"), "utf8");
    const other = await loupe("test", "first", "--data", tiles, "--output", "on-tiles", "--json");
    expect(other.code).toBe(0);
    expect(JSON.parse(other.stdout)).toMatchObject({ images: 6, output: "on-tiles" });
    expect(existsSync(file("on-tiles/images/good/000.png"))).toBe(true);
    expect(readFileSync(file("first/metrics.json"), "utf8")).toBe(metrics);
  });

  test("predict scores what it can read, names what it can't, and ends with 3", async () => {
    writeFileSync(file("text.png"), "hello");
    writeFileSync(file("empty.png"), "");
    const whole = readFileSync(join(data, "washer/test/good/000.png"));
    writeFileSync(file("cut.png"), whole.subarray(0, whole.length / 2));
    const images = ["text.png", "empty.png", "cut.png", "gone.png", join(data, "washer/test/chip")];
    const run = await loupe("predict", "first", ...images, "--output", "out", "--json");
    expect(run.code).toBe(3);
    const { predictions, failed, thresholds } = JSON.parse(run.stdout);
    expect(predictions).toHaveLength(1);
    expect(predictions[0]).toMatchObject({ map: "out/chip/000.npy", image: "out/chip/000.png" });
    expect(predictions[0].verdict).toBe(
      predictions[0].score >= thresholds.image ? "defective" : "good",
    );
    const names = failed.map((f: { path: string }) => f.path.split("/").at(-1)).sort();
    expect(names).toEqual(["cut.png", "empty.png", "gone.png", "text.png"]);
    expect(run.stderr).toMatch(/error: .*cut\.png: this PNG can't be decoded: it is truncated/);
    expect(readFileSync(file("out/scores.csv"), "utf8").trimEnd().split("\n")).toHaveLength(2);
  });

  test("predict gives each image the score that the evaluation gave it", async () => {
    const run = await loupe("predict", "first", join(data, "washer/test"), "--json", "--no-images");
    expect(run.code).toBe(0);
    const scores = new Map(
      JSON.parse(run.stdout).predictions.map((p: { path: string; score: number }) => [
        p.path.slice(data.length + 1),
        p.score,
      ]),
    );
    const lines = readFileSync(file("first/scores.csv"), "utf8").trimEnd().split("\n").slice(1);
    for (const line of lines) {
      const [path = "", , score = ""] = line.split(",");
      expect(scores.get(path)).toBeCloseTo(Number(score), 6);
    }
    expect(existsSync(file("first/predictions/good/000.npy"))).toBe(true);
  });
});
