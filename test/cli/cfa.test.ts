/** CFA through the command line, from training to prediction, and what it refuses. On a GPU, with small pictures. */
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { readSafetensors, writeSafetensors } from "../../src/models/index.ts";
import { type Finished, folder, loupe, prepareLoupe, smallData } from "./loupe.ts";

prepareLoupe();

const small = ["--backbone", "resnet10_half", "--image-size", "32", "--transform", "r"];
const json = (...path: string[]) => JSON.parse(readFileSync(join(folder, ...path), "utf8"));
const bytes = (...path: string[]) => readFileSync(join(folder, ...path));

let data = "";
const train = (...args: string[]): Promise<Finished> =>
  loupe("train", "cfa", "--data", data, ...small, "--epochs", "2", ...args);

beforeAll(async () => {
  data = await smallData("data");
  const run = await train("--protocol", "cfa", "--output", "first");
  expect(run.stderr).toMatch(/epoch 2\/2: loss .*, r 0\.00/);
  expect(run.stdout).toMatch(/best on test is chosen on the test images: not a result/);
  expect(run.code).toBe(0);
}, 60_000);

test("under its protocol it is measured after each epoch, and the run says what it was", () => {
  const { metrics, best_on_test: best, protocol } = json("first", "metrics.json");
  expect(protocol).toBe("cfa");
  expect(Object.keys(metrics)).toEqual(["i_roc", "p_roc", "p_pro"]);
  expect(best.i_roc.epoch).toBeOneOf([1, 2]);
  const { name, method, config, framing, weights, inputs } = json("first", "run.json");
  expect({ name, method, inputs }).toEqual({
    name: "cfa-resnet10_half-r",
    method: "cfa",
    inputs: null,
  });
  expect(config).toMatchObject({ transform: "r", imageSize: 32, batchSize: 4, dropLast: true });
  expect(framing).toMatchObject({ size: 32, shorter: 32, filters: "lanczos" });
  expect(weights.source).toBe("resnet10_half.textures");
  const log = readFileSync(join(folder, "first/log.jsonl"), "utf8").trimEnd().split("\n");
  const epochs = log.map((line) => JSON.parse(line)).filter(({ event }) => event === "epoch");
  const radii = epochs.map(({ scalars }) => scalars.r);
  expect(radii[0]).toBeGreaterThan(1e-5);
  expect(radii[1]).toBeGreaterThan(radii[0]);
});

test("the model has the reference's names, and a test and a prediction come to the same scores", async () => {
  const { tensors } = readSafetensors(bytes("first/model.safetensors"));
  expect([...tensors.keys()].sort()).toEqual(
    ["C", "Descriptor.layer.conv.bias", "Descriptor.layer.conv.weight", "r"].sort(),
  );
  const before = json("first/metrics.json").metrics;
  const tested = await loupe("test", "first", "--protocol", "cfa", "--no-images", "--json");
  expect(JSON.parse(tested.stdout).metrics).toEqual(before);
  const image = join(data, "washer/test/chip/000.png");
  const predicted = await loupe("predict", "first", image, "--no-images", "--json");
  const scores = readFileSync(join(folder, "first/scores.csv"), "utf8").split("\n");
  const line = scores.find((text) => text.includes("chip/000.png"))?.split(",");
  expect(JSON.parse(predicted.stdout).predictions[0].score).toBeCloseTo(Number(line?.[2]), 5);
}, 60_000);

test("a resumed run keeps its settings, and other ones are refused by name", async () => {
  cpSync(join(folder, "first"), join(folder, "again"), { recursive: true });
  const model = bytes("first/model.safetensors");
  expect((await loupe("train", "--resume", "again")).code).toBe(0);
  expect(bytes("again/model.safetensors").equals(model)).toBe(true);
  const other = await train("--resume", "again", "--gamma-c", "2", "--no-drop-last");
  expect(other.code).toBe(2);
  expect(other.stderr).toMatch(/--gamma-c: the run was started with 1, not 2/);
  expect(other.stderr).toMatch(/--no-drop-last: the run was started with true, not false/);
  const foreign = await train("--output", "x", "--heads", "2");
  expect(foreign.stderr).toMatch(/error: --heads: not an option of this method/);
}, 60_000);

test.each([
  [
    "more patches to a centre than there are",
    ["--gamma-c", "65"],
    /gammaC is 65, .* 64 patches.*gammaC from 1 to 64/,
  ],
  [
    "more neighbours than centres",
    ["--gamma-c", "13"],
    /3 \+ 3 = 6, but the memory bank has 4 centres at gammaC 13/,
  ],
  [
    "an image of one patch",
    ["--image-size", "4"],
    /imageSize 4 gives 1 patch .*give a larger imageSize/,
  ],
  [
    "a mode with anomalies",
    ["--mode", "semi5"],
    /--mode semi5: brings defective images, but cfa learns from good images alone/,
  ],
  [
    "a balance of anomalies",
    ["--sampler", "balanced"],
    /--sampler balanced: brings defective images, but cfa/,
  ],
])("%s is refused with values before anything is written", async (_, args, message) => {
  const run = await train(...args, "--output", "refused");
  expect(run.stderr).toMatch(message);
  expect(run.code).toBe(2);
  expect(existsSync(join(folder, "refused"))).toBe(false);
});

test("files of another run in a run's folder are refused with the folder, and so is a changed setting", async () => {
  const image = join(data, "washer/test/chip/000.png");
  const copy = (name: string) => {
    rmSync(join(folder, name), { recursive: true, force: true });
    cpSync(join(folder, "first"), join(folder, name), { recursive: true });
    return join(folder, name);
  };
  const { tensors } = readSafetensors(bytes("first/model.safetensors"));
  const other = new Map([...tensors].filter(([name]) => name !== "C"));
  writeFileSync(join(copy("mixed"), "model.safetensors"), writeSafetensors(other));
  const mixed = await loupe("predict", "mixed", image, "--no-images");
  expect(mixed.stderr).toMatch(
    /error: mixed: the state of the model: does not fit cfa\n.*missing: C/,
  );
  expect(mixed.stderr).toMatch(/loupe weights show mixed.model\.safetensors lists/);
  expect(mixed.code).toBe(5);
  const record = json("first/run.json");
  const config = { ...record.config, gammaC: 999 };
  writeFileSync(join(copy("changed"), "run.json"), JSON.stringify({ ...record, config }));
  const changed = await loupe("test", "changed", "--no-images");
  expect(changed.stderr).toMatch(/error: changed.run\.json: cfa: gammaC is 999/);
  expect(changed.code).toBe(2);
}, 60_000);

test("one image is enough to train on", async () => {
  const one = await smallData("one");
  const good = join(one, "washer/train/good");
  for (const name of ["001", "002", "003", "004", "005"]) rmSync(join(good, `${name}.png`));
  const args = ["--data", one, ...small, "--epochs", "1", "--no-images", "--no-maps"];
  const run = await loupe("train", "cfa", ...args, "--output", "alone", "--json");
  expect(run.code).toBe(0);
  const { losses, cost } = JSON.parse(run.stdout).runs[0];
  expect(losses[0]).toBeGreaterThan(0);
  expect(cost.prediction.images).toBe(6);
}, 60_000);

test("a defective image among those to train on is refused with its name", async () => {
  const entry = (path: string, anomaly: 0 | 1, mask = "") => {
    const kind = path.split("/").at(-2);
    const named = { cls_name: "washer", specie_name: kind, anomaly };
    return { img_path: `washer/${path}`, mask_path: mask && `washer/${mask}`, ...named };
  };
  const good = entry("train/good/000.png", 0);
  const chip = entry("test/chip/000.png", 1, "ground_truth/chip/000_mask.png");
  const meta = {
    train: { washer: [good, chip] },
    test: { washer: [entry("test/good/000.png", 0)] },
  };
  writeFileSync(join(folder, "meta.json"), JSON.stringify(meta));
  const run = await train("--meta", "meta.json", "--output", "refused");
  expect(run.stderr).toMatch(
    /1 of 2 training images are defective, such as washer\/test\/chip\/000\.png, but cfa learns from good images alone; take them out/,
  );
  expect(run.code).toBe(3);
  expect(existsSync(join(folder, "refused"))).toBe(false);
});
