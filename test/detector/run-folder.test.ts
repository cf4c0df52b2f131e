/** A run on disk: what is made, refused, replaced and read back; nothing else is touched. */
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RunFolder, type RunRecord, type Thresholds } from "../../src/detector/index.ts";
import { hostTensor, type StateDict, writeSafetensors } from "../../src/models/index.ts";
import { stateOf } from "./fakes.ts";

let base: string;
let path: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "loupe-run-"));
  path = join(base, "run");
});
afterEach(() => rm(base, { recursive: true }));

const record: RunRecord = {
  method: "cdo",
  config: { backbone: "resnet18" },
  data: { root: "images" },
  seed: 5,
  weights: { source: "random" },
  environment: {},
};
const progress = { epoch: 2, step: 7 };
const checkpoint = (extra: Record<string, unknown> = {}) => ({
  progress,
  model: stateOf("net_s.conv1.weight", 3),
  training: stateOf("state.conv1.weight.exp_avg", 4),
  extra,
});

const names = async (folder = path) => (await readdir(folder)).sort();

test("a new folder holds the record, and what was saved comes back", async () => {
  const run = await RunFolder.create(path, record);
  expect(await names()).toEqual(["run.json"]);
  expect(await run.record()).toEqual(record);
  expect(await run.loadCheckpoint()).toBeUndefined();
  expect(await run.loadThresholds()).toBeUndefined();

  const saved = checkpoint({ losses: [3, 2.5] });
  await run.saveCheckpoint(saved);
  await run.saveFrozen(stateOf("net_t.x", 2));
  await run.saveModel(stateOf("net_s.x", 2), { epochs: "2" });
  const thresholds: Thresholds = {
    policy: "manual",
    image: 1,
    pixel: 0.5,
    source: "given by hand",
  };
  await run.saveThresholds(thresholds);

  const again = await RunFolder.open(path);
  expect(await again.loadCheckpoint()).toEqual({ ...saved, logBytes: 0 });
  expect(await again.loadFrozen()).toEqual(stateOf("net_t.x", 2));
  expect(await again.loadModel()).toEqual(stateOf("net_s.x", 2));
  expect(await again.loadThresholds()).toEqual(thresholds);
});

test("an empty folder may become a run, and folders above are made", async () => {
  await mkdir(path);
  await RunFolder.create(path, record);
  await RunFolder.create(join(base, "a", "b"), record);
  expect(await names(join(base, "a", "b"))).toEqual(["run.json"]);
});

test("a folder with a run or with other files is refused, and stays as it is", async () => {
  await RunFolder.create(path, record);
  await expect(RunFolder.create(path, record)).rejects.toThrow(
    `${path}: there is a run already; give --resume to go on, --overwrite to start anew, or another --output`,
  );
  const other = join(base, "photos");
  await mkdir(other);
  await writeFile(join(other, "me.jpg"), "x");
  for (const overwrite of [false, true]) {
    await expect(RunFolder.create(other, record, overwrite)).rejects.toThrow(
      `${other}: holds other files; give another --output`,
    );
  }
  expect(await names(other)).toEqual(["me.jpg"]);
  await expect(RunFolder.create(join(other, "me.jpg"), record)).rejects.toThrow(
    /me\.jpg: cannot be listed: a part of the path is a file, not a folder/,
  );
});

test("overwriting removes what a run wrote and nothing else", async () => {
  const run = await RunFolder.create(path, record);
  await run.saveCheckpoint(checkpoint());
  for (const name of ["metrics.json", "metrics.csv", "scores.csv", "colour-scale.json"]) {
    await run.writeText(name, "{}");
  }
  await run.log({ event: "start" });
  await run.writeBytes("maps/crack/000.npy", Uint8Array.of(1));
  await run.writeBytes("images/crack/000.png", Uint8Array.of(1));
  await run.writeBytes("images/good/001.png", Uint8Array.of(1));
  await writeFile(join(path, "notes.txt"), "mine");
  await writeFile(join(path, "images", "crack", "notes.txt"), "mine");
  await writeFile(join(path, ".checkpoint.safetensors.0123abcd.tmp"), "half");
  await writeFile(join(path, ".notes.txt.0123abcd.tmp"), "mine");
  await mkdir(join(path, "predictions"));
  await writeFile(join(path, "predictions", "scores.csv"), "mine");

  const next = { ...record, seed: 6 };
  const anew = await RunFolder.create(path, next, true);
  expect(await anew.record()).toEqual(next);
  expect(await names()).toEqual([
    ".notes.txt.0123abcd.tmp",
    "images",
    "notes.txt",
    "predictions",
    "run.json",
  ]);
  expect(await readdir(join(path, "images"), { recursive: true })).toEqual(
    expect.arrayContaining(["crack", join("crack", "notes.txt")]),
  );
  expect(await readdir(join(path, "images"))).toEqual(["crack"]);
  expect(await readFile(join(path, "predictions", "scores.csv"), "utf8")).toBe("mine");
});

test("what a crash left before the run's first file was there does not count", async () => {
  await mkdir(path);
  await writeFile(join(path, ".run.json.00ff00ff.tmp"), "{");
  await RunFolder.create(path, record);
  expect(await names()).toEqual(["run.json"]);
});

test("links are not followed: neither the folder, nor its files, nor its subfolders", async () => {
  const outside = join(base, "outside");
  await mkdir(outside);
  await writeFile(join(outside, "keep.npy"), "mine");
  await symlink(outside, path);
  await expect(RunFolder.create(path, record)).rejects.toThrow(
    `${path}: is a symbolic link; give the folder that it leads to`,
  );
  await rm(path);

  const run = await RunFolder.create(path, record);
  await symlink(outside, join(path, "maps"));
  await expect(run.writeBytes("maps/x.npy", Uint8Array.of(1))).rejects.toThrow(
    `${join(path, "maps")}: is a symbolic link, and a run writes into its own folder only; remove it`,
  );
  await expect(RunFolder.create(path, record, true)).rejects.toThrow(
    `${join(path, "maps")}: is not a folder that a run wrote; move it away, or give another --output`,
  );
  await rm(join(path, "maps"));
  await symlink(join(outside, "keep.npy"), join(path, "log.jsonl"));
  await expect(run.log({ event: "x" })).rejects.toThrow(
    /log\.jsonl: cannot be written: it is a symbolic link, which is not followed here/,
  );
  await expect(RunFolder.create(path, record, true)).rejects.toThrow("is not a file that a run");
  await rm(join(path, "log.jsonl"));
  await symlink(join(outside, "keep.npy"), join(path, "metrics.json"));
  await run.writeJson("metrics.json", { ok: 1 });
  expect((await stat(join(path, "metrics.json"))).isFile()).toBe(true);
  expect(await names(outside)).toEqual(["keep.npy"]);
  expect(await readFile(join(outside, "keep.npy"), "utf8")).toBe("mine");
});

test("names that lead out of the folder are refused", async () => {
  const run = await RunFolder.create(path, record);
  const bad = ["../x", "maps/../../x", "/etc/x", "..\\x", "maps//x", "", ".", "maps/", "a\0b"];
  for (const name of bad) {
    await expect(run.writeText(name, "x")).rejects.toThrow("is no name of a file in this folder");
    expect(() => run.file(name)).toThrow(/^.*run: ".*" is no name of a file in this folder$/);
  }
  expect(await names(base)).toEqual(["run"]);
  expect(run.file("maps/a b/ü.npy")).toBe(join(path, "maps", "a b", "ü.npy"));
});

test("a folder without a run says so", async () => {
  await expect(RunFolder.open(path)).rejects.toThrow(
    `${path}: no run here (run.json is missing); give the folder that \`loupe train\` wrote`,
  );
});

test("a run that was stopped early says what it lacks and what to do", async () => {
  const run = await RunFolder.create(path, record);
  await expect(run.loadFrozen()).rejects.toThrow(
    "frozen.safetensors: this run has no frozen network; it was stopped before training began; start it anew with --overwrite",
  );
  await expect(run.loadModel()).rejects.toThrow(
    `model.safetensors: this run has no trained model yet; finish it with \`loupe train --resume ${path}\``,
  );
});

/** run.json with these changes, read back. */
async function readEdited(text: string): Promise<unknown> {
  const run = await RunFolder.create(path, record, true);
  await writeFile(run.file("run.json"), text);
  return run.record();
}

test("a run.json that was edited to nonsense is refused by the name of the field", async () => {
  await RunFolder.create(path, record);
  const edits: [string, unknown, string][] = [
    ["method", 3, "method must be a text that is not empty, got 3"],
    ["method", "", 'method must be a text that is not empty, got ""'],
    ["config", [1], "config must be an object, { … }, got [1]"],
    ["config", undefined, "config must be an object, { … }, it is missing"],
    ["seed", "5", 'seed must be a whole number from 0, got "5"'],
    ["seed", 1.5, "seed must be a whole number from 0, got 1.5"],
    ["seed", -1, "seed must be a whole number from 0, got -1"],
    ["seed", 1e300, "seed must be a whole number from 0, got 1e+300"],
    ["data", null, "data must be an object, { … }, got null"],
    ["weights", "x".repeat(999), `weights must be an object, { … }, got "${"x".repeat(59)}…`],
    ["environment", true, "environment must be an object, { … }, got true"],
  ];
  for (const [field, value, message] of edits) {
    const edited = JSON.stringify({ ...record, [field]: value });
    await expect(readEdited(edited)).rejects.toThrow(
      `${join(path, "run.json")}: ${message}; it was changed; undo that, or train again`,
    );
  }
  for (const text of ["", "{", "[]", "3", "null", '"x"', "\u{FEFF}{"]) {
    await expect(readEdited(text)).rejects.toThrow(
      `${join(path, "run.json")}: is not a JSON object; it was changed or damaged`,
    );
  }
  expect(await readEdited(JSON.stringify({ ...record, options: { maps: true } }))).toHaveProperty(
    "options.maps",
    true,
  );
});

test("a record that could not be read back is not written", async () => {
  await expect(RunFolder.create(path, { ...record, seed: Number.NaN })).rejects.toThrow(
    "RunFolder.create: seed must be a whole number from 0, got NaN",
  );
  await expect(readdir(path)).rejects.toThrow("ENOENT");
});

test("thresholds that were edited to nonsense are refused by the name of the field", async () => {
  const run = await RunFolder.create(path, record);
  const good: Thresholds = { policy: "max-f1", image: 0.25, pixel: 0.125, source: "best F1" };
  const edits: [keyof Thresholds, unknown, string][] = [
    ["policy", "best", 'policy must be "max-f1", "quantile" or "manual", got "best"'],
    ["image", null, "image must be a number, got null"],
    ["pixel", "0.1", 'pixel must be a number, got "0.1"'],
    ["source", undefined, "source must be a text that is not empty, it is missing"],
  ];
  for (const [field, value, message] of edits) {
    await run.writeJson("thresholds.json", { ...good, [field]: value });
    await expect(run.loadThresholds()).rejects.toThrow(`thresholds.json: ${message}; it was`);
  }
});

test("a JSON file of absurd size is refused before it is read", async () => {
  const run = await RunFolder.create(path, record);
  await truncate(run.file("run.json"), 2 ** 40);
  await expect(run.record()).rejects.toThrow(/has 1099511627776 bytes, at most 67108864 are read/);
  await rm(run.file("run.json"));
  await mkdir(run.file("run.json"));
  await expect(run.record()).rejects.toThrow("run.json: cannot be read: it is not a file");
});

test("a state with a number that is not finite is not written over one that can be used", async () => {
  const run = await RunFolder.create(path, record);
  await run.saveCheckpoint(checkpoint());
  const before = await readFile(run.file("checkpoint.safetensors"));
  const bad = stateOf("running_var", 3);
  (bad.get("running_var")?.data as Float32Array)[1] = Number.POSITIVE_INFINITY;
  const message =
    "running_var has values that are NaN or infinite, so training diverged; what was saved before is kept; start another run with a lower --learning-rate";
  await expect(run.saveCheckpoint({ ...checkpoint(), model: bad })).rejects.toThrow(message);
  await expect(run.saveCheckpoint({ ...checkpoint(), training: bad })).rejects.toThrow(message);
  await expect(run.saveFrozen(bad)).rejects.toThrow(message);
  await expect(run.saveModel(bad, {})).rejects.toThrow(message);
  expect(Buffer.compare(before, await readFile(run.file("checkpoint.safetensors")))).toBe(0);
  expect(await names()).toEqual(["checkpoint.safetensors", "run.json"]);
});

test("counters and other whole numbers come back as they were", async () => {
  const run = await RunFolder.create(path, record);
  const model: StateDict = new Map([
    ["n", hostTensor("i64", [], BigInt64Array.of(2n ** 60n))],
    ["f", hostTensor("f64", [1], Float64Array.of(Math.PI))],
  ]);
  await run.saveCheckpoint({ ...checkpoint(), model });
  const loaded = await run.loadCheckpoint();
  expect([...(loaded?.model ?? [])].sort()).toEqual([...model].sort());
});

/** What loading a checkpoint of these bytes says. */
async function loadBytes(bytes: Uint8Array): Promise<unknown> {
  const run = await RunFolder.create(path, record, true);
  await writeFile(run.file("checkpoint.safetensors"), bytes);
  return run.loadCheckpoint();
}

const next = "put back a copy of it, or start the run anew with --overwrite";

test("damaged, truncated and foreign checkpoints are refused with file and next step", async () => {
  const run = await RunFolder.create(path, record);
  await run.saveCheckpoint(checkpoint());
  const whole = new Uint8Array(await readFile(run.file("checkpoint.safetensors")));
  for (const end of [0, 7, 8, 40, whole.length - 1]) {
    await expect(loadBytes(whole.slice(0, end))).rejects.toThrow(
      /checkpoint\.safetensors: safetensors: .*; the file is damaged: put back a copy of it/s,
    );
  }
  const flipped = whole.slice();
  flipped[20] = flipped[20]! ^ 0x80;
  await expect(loadBytes(flipped)).rejects.toThrow("the file is damaged");
  await expect(loadBytes(new TextEncoder().encode("hello, world, this is text"))).rejects.toThrow(
    "the file is damaged",
  );
  await expect(loadBytes(writeSafetensors(stateOf("weight", 2)))).rejects.toThrow(
    `checkpoint.safetensors: its tensor "weight" is of no part, so it is not a checkpoint of loupe; ${next}`,
  );
  await expect(loadBytes(writeSafetensors(new Map()))).rejects.toThrow(
    `its metadata lacks the position of the run, so it is not a checkpoint of loupe; ${next}`,
  );
});

test("hostile metadata of a checkpoint is refused by name", async () => {
  const good = { progress: '{"epoch":1,"step":2}', extra: "{}", logBytes: "0" };
  const file = (change: Record<string, string>) =>
    writeSafetensors(stateOf("model/x", 1), new Map(Object.entries({ ...good, ...change })));
  const position = "checkpoint.safetensors: position of the run:";
  const edits: [Record<string, string>, string][] = [
    [{ progress: "{" }, "its metadata `progress` is not JSON"],
    [{ progress: "null" }, "its metadata lacks the position of the run"],
    [{ progress: "[1,2]" }, "its metadata lacks the position of the run"],
    [{ progress: '{"epoch":1}' }, `${position} step must be a whole number from 0, it is missing`],
    [
      { progress: '{"epoch":-1,"step":0}' },
      `${position} epoch must be a whole number from 0, got -1`,
    ],
    [
      { progress: '{"epoch":1e400,"step":0}' },
      `${position} epoch must be a whole number from 0, got I`,
    ],
    [
      { progress: '{"epoch":1e300,"step":0}' },
      `${position} epoch must be a whole number from 0, got 1e+300`,
    ],
    [
      { progress: '{"epoch":1,"step":"2"}' },
      `${position} step must be a whole number from 0, got "2"`,
    ],
    [{ extra: "[]" }, "its metadata `extra` is not an object"],
    [{ extra: "x" }, "its metadata `extra` is not JSON"],
    [{ logBytes: "-4" }, "logBytes must be a whole number from 0, got -4"],
    [{ logBytes: '"all"' }, 'logBytes must be a whole number from 0, got "all"'],
  ];
  for (const [change, message] of edits) {
    const failed = loadBytes(file(change));
    await expect(failed).rejects.toThrow(message);
    await expect(failed).rejects.toThrow(next);
    await expect(failed).rejects.toThrow(join(path, "checkpoint.safetensors"));
  }
  expect(await loadBytes(file({}))).toHaveProperty("progress", { epoch: 1, step: 2 });
  const polluted = '{"epoch":1,"step":2,"__proto__":{"polluted":1}}';
  expect(await loadBytes(file({ progress: polluted }))).toHaveProperty("progress", {
    epoch: 1,
    step: 2,
  });
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});

test("a run's damaged networks are refused with their file and the next step", async () => {
  const run = await RunFolder.create(path, record);
  await writeFile(run.file("frozen.safetensors"), "short");
  await writeFile(run.file("model.safetensors"), "short");
  for (const load of [() => run.loadFrozen(), () => run.loadModel()]) {
    await expect(load()).rejects.toThrow(
      /(frozen|model)\.safetensors: .* the file is damaged: put/s,
    );
  }
});
