/** What users do wrong, and what they are told: one clear message, an exit code that says which kind, nothing on stdout. */
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { encodePng, makeImage } from "../../src/data/index.ts";
import { folder, loupe, prepareLoupe, smallData, start } from "./loupe.ts";

prepareLoupe();

const packagedWeights = join(
  import.meta.dirname,
  "../../weights/resnet10_half.textures.safetensors",
);
const file = (...path: string[]) => join(folder, ...path);

async function fails(code: number, message: RegExp | string, ...args: readonly string[]) {
  const run = await loupe(...args);
  expect(run.stderr).toMatch(message);
  expect(run.stdout).toBe("");
  expect(run.code).toBe(code);
  expect(run.stderr).not.toMatch(/^ {4}at /m); // no stack
  return run;
}

describe("usage", () => {
  test("a mistyped command, flag or setting is named with the nearest known one", async () => {
    await fails(2, /unknown command 'trian' \(Did you mean train\?\)/, "trian");
    await fails(
      2,
      /unknown option '--epoch' \(Did you mean --epochs\?\)/,
      "train",
      "cdo",
      "--epoch",
      "3",
    );
    const config = join(folder, "typo.json");
    writeFileSync(config, JSON.stringify({ data: "x", imagesize: 64 }));
    await fails(
      2,
      /typo\.json: there is no setting "imagesize"; did you mean "imageSize"\?/,
      "train",
      "cdo",
      "--config",
      config,
    );
  });

  test("every value that breaks its rule is named, wherever it was written", async () => {
    const config = join(folder, "wrong.json");
    writeFileSync(config, JSON.stringify({ epochs: "many", gamma: -1, seed: 3 }));
    const { stderr } = await fails(
      2,
      /error/,
      "train",
      "cdo",
      "--config",
      config,
      "--image-size",
      "1.5",
      "--seed",
      "x",
    );
    expect(stderr).toContain(`epochs in ${config}: must be a whole number, 0 or more, got "many"`);
    expect(stderr).toContain(`gamma in ${config}: must be a number, 0 or more, got -1`);
    expect(stderr).toContain("--image-size: must be a whole number, 1 or more, got 1.5");
    expect(stderr).toContain('--seed: must be a whole number, 0 or more, got "x"');
  });

  test("without a method, without data and without a command it says what comes next", async () => {
    await fails(2, /which method\? choose one of cdo/, "train");
    await fails(2, /there is no method "xyz"; choose one of cdo/, "train", "xyz");
    await fails(2, /--data is needed; `loupe data demo/, "train", "cdo");
    const { stderr } = await fails(2, /Usage: loupe/);
    expect(stderr).toContain("Exit codes:");
  });

  test("an unknown backbone is answered with the list", async () => {
    const data = await smallData("for-backbone");
    await fails(
      2,
      /no backbone "resnet19"; choose one of resnet18, /,
      "train",
      "cdo",
      "--data",
      data,
      "--backbone",
      "resnet19",
    );
  });

  test("weights of another network are refused by name, also where their tensors would fit, and nothing is fetched", async () => {
    writeFileSync(file("grey.png"), encodePng(makeImage(64, 64, 1)));
    const told = ["--input", file("grey.png"), "--output", file("f.safetensors")];
    const b6 = ["--backbone", "efficientnet_b6", "--weights", "tf_efficientnet_b6.aa_in1k"];
    const rule =
      /--weights tf_efficientnet_b6\.aa_in1k: they are of tf_efficientnet_b6, not of efficientnet_b6; choose --backbone tf_efficientnet_b6/;
    await fails(2, rule, "features", ...b6, ...told);
    const data = await smallData("b6");
    await fails(2, rule, "train", "cfa", "--data", data, ...b6, "--output", file("b6-run"));
    copyFileSync(packagedWeights, file("mine.safetensors"));
    const mine = ["--backbone", "resnet18", "--weights", file("mine.safetensors")];
    await fails(
      2,
      /mine\.safetensors: they are of resnet10_half, not/,
      "features",
      ...mine,
      ...told,
    );
    expect(["f.safetensors", "b6-run"].filter((name) => existsSync(file(name)))).toEqual([]);
  });

  test("help goes to stdout and ends with 0", async () => {
    const run = await loupe("train", "--help");
    expect(run.code).toBe(0);
    expect(run.stdout).toMatch(/--learning-rate <rate>/);
    expect(run.stdout).toMatch(/Examples:\n {2}\$ loupe train cdo/);
  });

  test("with --json an error is a JSON document on stdout and a line on stderr", async () => {
    const run = await loupe("train", "cdo", "--json");
    expect(run.code).toBe(2);
    const { error } = JSON.parse(run.stdout);
    expect(error).toEqual({ message: expect.stringContaining("--data is needed"), exitCode: 2 });
    expect(run.stderr).toContain("error: train: --data is needed");
  });
});

describe("folders and files", () => {
  test("a missing, an empty and a strange folder are told apart", async () => {
    await fails(5, /no-such-folder: no such file or folder/, "data", "check", "no-such-folder");
    mkdirSync(join(folder, "empty"));
    await fails(3, /no known layout; it is empty/, "data", "check", "empty");
    mkdirSync(join(folder, "strange"));
    writeFileSync(join(folder, "strange", "notes.txt"), "hello");
    await fails(3, /no known layout/, "train", "cdo", "--data", "strange");
  });

  test("a class that is not there is answered with those that are", async () => {
    const data = await smallData("for-class");
    await fails(
      3,
      /no class "bottle"; there is washer/,
      "train",
      "cdo",
      "--data",
      data,
      "--class",
      "bottle",
    );
  });

  test("data check names each broken file, goes on, and ends with 3", async () => {
    const data = await smallData("broken");
    const good = join(data, "washer/train/good");
    writeFileSync(join(good, "empty.png"), "");
    writeFileSync(join(good, "text.png"), "not an image");
    const run = await loupe("data", "check", data);
    expect(run.code).toBe(3);
    expect(run.stdout).toContain("washer/train/good/empty.png");
    expect(run.stdout).toContain("washer/train/good/text.png");
    expect(run.stdout).toMatch(/washer +6 +2 /);
  });

  test("data check --json is one document with every finding", async () => {
    const data = await smallData("whole");
    const run = await loupe("data", "check", data, "--json");
    expect(run.code).toBe(0);
    const report = JSON.parse(run.stdout);
    expect(report.classes).toEqual([
      expect.objectContaining({ name: "washer", train: 6, testGood: 2 }),
    ]);
    expect(report.findings).toEqual([]);
  });

  test("a folder that is no run is refused by every command that wants one", async () => {
    await fails(5, /no-run: no run here \(run\.json is missing\)/, "predict", "no-run", "x.png");
    await fails(5, /no-run: no run here/, "test", "no-run");
    await fails(5, /no-run: no run here/, "train", "--resume", "no-run");
  });
});

describe("a run folder that was edited", () => {
  test("is refused with the field that is wrong", async () => {
    const record = {
      method: "cdo",
      config: {},
      seed: 1,
      weights: {},
      environment: {},
      options: {},
    };
    const write = (value: unknown) => writeFileSync(file("edited/run.json"), JSON.stringify(value));
    mkdirSync(file("edited"));
    write({ ...record, data: { root: "x", class: 3 } });
    await fails(5, /run\.json: data\.class: .*; it was changed/, "test", "edited");
    await fails(5, /run\.json: data\.class: /, "train", "--resume", "edited");
    write({ ...record, data: {}, seed: "one" });
    await fails(5, /run\.json: seed/, "predict", "edited", "x.png");
    writeFileSync(file("edited/run.json"), "{");
    await fails(5, /run\.json: is not a JSON object/, "predict", "edited", "x.png");
  });
});

describe("weights", () => {
  test("a pickle that would run code, a cut-off file and a text are refused, and no run is begun", async () => {
    const data = await smallData("for-weights");
    const train = (weights: string) => [
      "train",
      "cdo",
      "--data",
      data,
      "--backbone",
      "resnet18",
      "--weights",
      weights,
      "--output",
      "never",
    ];
    writeFileSync(
      join(folder, "evil.pth"),
      "\x80\x02cposix\nsystem\nX\x04\0\0\0trueq\0\x85R.",
      "latin1",
    );
    await fails(
      5,
      /evil\.pth: not a checkpoint: it is a pickle but not torch's/,
      ...train("evil.pth"),
    );
    const header = Buffer.from('\x40\0\0\0\0\0\0\0{"w":{"dtype":"F32","shape":[4],', "latin1");
    writeFileSync(join(folder, "cut.safetensors"), header);
    await fails(
      5,
      /cut\.safetensors: safetensors: the header should have 64 bytes but/,
      ...train("cut.safetensors"),
    );
    writeFileSync(join(folder, "page.pth"), "<!doctype html>");
    await fails(5, /page\.pth: not a checkpoint: it is a web page/, ...train("page.pth"));
    await fails(
      2,
      /weights: nowhere\.pth is neither a file nor a known name/,
      ...train("nowhere.pth"),
    );
    expect(existsSync(join(folder, "never"))).toBe(false);
  });

  test("weights show lists names, types and shapes, and weights list the published ones", async () => {
    const tensor = '{"conv1.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}';
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(tensor.length));
    writeFileSync(
      join(folder, "one.safetensors"),
      Buffer.concat([size, Buffer.from(tensor), Buffer.alloc(8)]),
    );
    const shown = await loupe("weights", "show", "one.safetensors");
    expect(shown.code).toBe(0);
    expect(shown.stdout).toMatch(/conv1\.weight +f32 +\[1, 2\]/);
    const list = JSON.parse((await loupe("weights", "list", "--json")).stdout);
    const names = list.weights.map((w: { name: string }) => w.name);
    expect(names).toContain("resnet18.tv_in1k");
  });

  test("a name that is no published weights is answered with the list, and nothing is cached", async () => {
    const home = join(folder, "cache");
    const run = await start(["weights", "fetch", "no-such-weights"], { LOUPE_WEIGHTS_DIR: home })
      .done;
    expect(run.code).toBe(2);
    expect(run.stderr).toMatch(
      /no-such-weights is neither a file nor a known name \(known: resnet10_half\.textures, resnet18/,
    );
    expect(existsSync(home)).toBe(false);
  });
});

describe.runIf(process.platform === "linux")("no GPU", () => {
  const none = { VK_DRIVER_FILES: "/nonexistent.json", VK_ICD_FILENAMES: "/nonexistent.json" };

  test("doctor says so, describes the machine, and ends with 4", async () => {
    const run = await start(["doctor", "--json"], none).done;
    expect(run.code).toBe(4);
    const report = JSON.parse(run.stdout);
    expect(report).toMatchObject({ adapter: null, ok: false, node: process.version });
    expect(run.stderr).toMatch(/error: openDevice: no GPU adapter found/);
  });

  test("training ends with 4 before it writes anything", async () => {
    const data = await smallData("for-no-gpu");
    const args = ["train", "cdo", "--data", data, "--backbone", "resnet18", "--weights", "random"];
    const run = await start([...args, "--output", "no-gpu"], none).done;
    expect(run.code).toBe(4);
    expect(run.stderr).toMatch(
      /no GPU adapter found.*; run `node scripts\/setup\.mjs`|install your GPU/s,
    );
    expect(existsSync(join(folder, "no-gpu"))).toBe(false);
  });

  test("an adapter that is not there is named", async () => {
    await fails(
      4,
      /no adapter is named like "imaginary"/,
      "features",
      "--adapter",
      "imaginary",
      "--backbone",
      "resnet18",
      "--weights",
      "random",
      "--input",
      join(await smallData("for-adapter"), "washer/train/good/000.png"),
      "--output",
      "f.safetensors",
    );
  });
});
