/** The commands that need no run: features, metrics, doctor, schema, data demo. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { normalise, readImage, resize, writeNpy } from "../../src/data/index.ts";
import { hostTensor, readSafetensors, writeSafetensors } from "../../src/models/index.ts";
import { folder, loupe, prepareLoupe, smallData, start } from "./loupe.ts";

prepareLoupe();

const file = (...path: string[]) => join(folder, ...path);
const tensorsOf = (path: string) => readSafetensors(readFileSync(file(path))).tensors;

describe("features", () => {
  const network = ["features", "--backbone", "resnet18", "--weights", "random"];

  test("an image and the tensor [1, 3, H, W] of its normalised pixels give the same maps", async () => {
    const data = await smallData("for-features");
    const photo = join(data, "washer/train/good/000.png");
    const size = 40;
    const image = await loupe(
      ...network,
      "--input",
      photo,
      "--image-size",
      "40",
      "--output",
      "a.safetensors",
    );
    expect(image.code).toBe(0);
    const pixels = normalise(
      resize(await readImage(photo), { width: size, height: size }, "bilinear"),
    );
    const planes = new Float32Array(pixels.length);
    pixels.forEach((v, i) => {
      planes[(i % 3) * size * size + Math.floor(i / 3)] = v;
    });
    const tensor = hostTensor("f32", [1, 3, size, size], planes);
    writeFileSync(file("in.safetensors"), writeSafetensors(new Map([["x", tensor]])));
    const again = await loupe(
      ...network,
      "--input",
      "in.safetensors",
      "--output",
      "b.safetensors",
      "--json",
    );
    expect(JSON.parse(again.stdout).levels).toEqual([
      { name: "level0", shape: [1, 64, 10, 10] },
      { name: "level1", shape: [1, 128, 5, 5] },
      { name: "level2", shape: [1, 256, 3, 3] },
    ]);
    const [a, b] = [tensorsOf("a.safetensors"), tensorsOf("b.safetensors")];
    expect([...b.keys()].sort()).toEqual(["level0", "level1", "level2"]);
    for (const [name, { shape, data: values }] of a) {
      expect(b.get(name)).toEqual({ dtype: "f32", shape, data: values });
      expect((values as Float32Array).some((v) => v !== 0)).toBe(true);
    }
  });

  test("images of a batch keep their places", async () => {
    const [h, w] = [32, 48];
    const values = Float32Array.from({ length: 2 * 3 * h * w }, (_, i) => Math.sin(i));
    const both = hostTensor("f32", [2, 3, h, w], values);
    const second = hostTensor("f32", [1, 3, h, w], values.slice(3 * h * w));
    const tensors = new Map([
      ["both", both],
      ["second", second],
    ]);
    writeFileSync(file("batch.safetensors"), writeSafetensors(tensors));
    const run = (tensor: string) =>
      loupe(
        ...network,
        "--input",
        "batch.safetensors",
        "--tensor",
        tensor,
        "--output",
        `${tensor}.safetensors`,
      );
    expect([(await run("both")).code, (await run("second")).code]).toEqual([0, 0]);
    const all = tensorsOf("both.safetensors").get("level1")!;
    const one = tensorsOf("second.safetensors").get("level1")!;
    expect(all.shape).toEqual([2, 128, 4, 6]);
    const rest = (all.data as Float32Array).slice(128 * 4 * 6);
    rest.forEach((v, i) => {
      expect(v).toBeCloseTo((one.data as Float32Array)[i]!, 5);
    });
  });

  test("a tensor of another shape or a missing one is refused with what there is", async () => {
    const flat = hostTensor("f32", [1, 2, 3], new Float32Array(6));
    const tensors = new Map([
      ["flat", flat],
      ["other", flat],
    ]);
    writeFileSync(file("flat.safetensors"), writeSafetensors(tensors));
    const run = (...more: string[]) =>
      loupe(...network, "--input", "flat.safetensors", "--output", "never.safetensors", ...more);
    const unnamed = await run();
    expect(unnamed.code).toBe(3);
    expect(unnamed.stderr).toMatch(
      /holds no tensor "input"; choose one with --tensor: flat, other/,
    );
    const wrong = await run("--tensor", "flat");
    expect(wrong.stderr).toMatch(/tensor "flat" is \[1, 2, 3\]; images are \[N, 3, H, W\]/);
    const sized = await run("--image-size", "32");
    expect(sized.code).toBe(2);
    expect(sized.stderr).toMatch(/--image-size: a tensor is taken as it is/);
  });

  test("weights of another network are refused with what differs", async () => {
    const tensor = hostTensor("f32", [2], new Float32Array(2));
    writeFileSync(file("odd.safetensors"), writeSafetensors(new Map([["fc1.weight", tensor]])));
    const photo = join(await smallData("for-odd"), "washer/train/good/000.png");
    const args = ["features", "--backbone", "resnet18", "--weights", "odd.safetensors"];
    const run = await loupe(...args, "--input", photo, "--output", "never.safetensors");
    expect(run.code).toBe(5);
    expect(run.stderr).toMatch(
      /error: odd\.safetensors: does not fit resnet18\n.*missing: conv1\.weight/,
    );
    expect(run.stderr).toMatch(/loupe weights show odd\.safetensors lists what it holds/);
  });
});

describe("metrics", () => {
  const maps = Float32Array.from([0.1, 0.2, 0.3, 0.9, 0.1, 0.1, 0.2, 0.1]);
  const masks = Uint8Array.from([0, 0, 0, 1, 0, 0, 0, 0]);

  test("of two .npy files are those of the library, as JSON and as files", async () => {
    writeFileSync(file("maps.npy"), writeNpy(maps, [2, 2, 2]));
    writeFileSync(file("masks.npy"), writeNpy(masks, [2, 2, 2]));
    const run = await loupe(
      "metrics",
      "--maps",
      "maps.npy",
      "--masks",
      "masks.npy",
      "--json",
      "--output",
      "measured",
    );
    expect(run.code).toBe(0);
    const result = JSON.parse(run.stdout);
    expect(result).toMatchObject({ images: 2, height: 2, width: 2, protocol: "exact" });
    expect(result.metrics).toMatchObject({ mAUROC_sp_max: 1, mAUROC_px: 1, mAP_px: 1 });
    expect(readFileSync(file("measured/metrics.csv"), "utf8")).toMatch(
      /^,mAUROC_sp_max.*\nmaps,100\.00/,
    );
  });

  test("of folders are paired by name, and what has no mask is told", async () => {
    mkdirSync(file("m/crack"), { recursive: true });
    mkdirSync(file("t/crack"), { recursive: true });
    writeFileSync(file("m/crack/1.npy"), writeNpy(maps.slice(0, 4), [2, 2]));
    writeFileSync(file("m/good.npy"), writeNpy(maps.slice(4), [2, 2]));
    writeFileSync(file("t/crack/1_mask.npy"), writeNpy(masks.slice(0, 4), [2, 2]));
    const run = await loupe(
      "metrics",
      "--maps",
      "m",
      "--masks",
      "t",
      "--columns",
      "mAP_px",
      "mF1_max_px",
    );
    expect(run.code).toBe(0);
    expect(run.stderr).toMatch(/no mask of its name, counted as normal: good/);
    expect(run.stdout).toMatch(
      /2 maps of 2x2\n\nexact, % +value\n─+\npixel AP +100\.00\npixel F1 +100\.00\n/,
    );
  });

  test("under fod measures p_roc on the maps before smoothing, or says that they are missing", async () => {
    writeFileSync(
      file("raw.npy"),
      writeNpy(
        maps.map((v) => 1 - v),
        [2, 2, 2],
      ),
    );
    const fod = ["metrics", "--maps", "maps.npy", "--masks", "masks.npy", "--protocol", "fod"];
    const run = await loupe(...fod, "--raw-maps", "raw.npy", "--json");
    expect(run.code).toBe(0);
    expect(JSON.parse(run.stdout).metrics).toEqual({ i_roc: 1, p_roc: 0, p_roc_smoothed: 1 });
    expect(run.stderr).toBe("");
    const alone = await loupe(...fod);
    expect(alone.stdout).toMatch(/fod, % +value\n─+\nimage AUROC +100\.00\npixel AUROC +100\.00\n/);
    expect(alone.stderr).toMatch(/p_roc: measured on the maps after smoothing, for those before/);
    writeFileSync(file("one.npy"), writeNpy(maps.slice(0, 4), [1, 2, 2]));
    const other = await loupe(...fod, "--raw-maps", "one.npy");
    expect(other.code).toBe(3);
    expect(other.stderr).toMatch(/one\.npy and masks masks\.npy: 1 maps but 2 masks/);
    const useless = await loupe(...fod.slice(0, 5), "--protocol", "cfa", "--raw-maps", "raw.npy");
    expect(useless.code).toBe(2);
    expect(useless.stderr).toMatch(/--raw-maps has no effect under protocol cfa/);
  });

  test("without masks, of other sizes or with NaN are refused", async () => {
    const alone = await loupe("metrics", "--maps", "maps.npy");
    expect(alone.code).toBe(2);
    expect(alone.stderr).toMatch(/--maps and --masks are both needed/);
    writeFileSync(file("small.npy"), writeNpy(masks.slice(0, 2), [2, 1, 1]));
    const sizes = await loupe("metrics", "--maps", "maps.npy", "--masks", "small.npy");
    expect(sizes.code).toBe(3);
    expect(sizes.stderr).toMatch(/maps are 2x2, masks 1x1/);
    writeFileSync(
      file("nan.npy"),
      writeNpy(
        maps.map((v, i) => (i === 5 ? Number.NaN : v)),
        [2, 2, 2],
      ),
    );
    const nan = await loupe("metrics", "--maps", "nan.npy", "--masks", "masks.npy");
    expect(nan.code).toBe(6);
    expect(nan.stderr).toMatch(/maps must be finite, but image 1 has 1 of 4 values/);
  });
});

describe("doctor and the rest", () => {
  test("doctor describes the GPU and tests it, every check in order", async () => {
    const run = await loupe("doctor", "--json");
    expect(run.code).toBe(0);
    const { adapter, usable, limits, checks, ok } = JSON.parse(run.stdout);
    expect(adapter.name).toBeTruthy();
    expect(Object.keys(usable)).toEqual(["f16", "tensorCores", "subgroups", "timestamps"]);
    expect(limits.maxStorageBufferBindingSize).toBeGreaterThan(2 ** 26);
    expect(checks.length).toBeGreaterThan(4);
    expect(checks.filter((check: { ok: boolean }) => !check.ok)).toEqual([]);
    expect(ok).toBe(true);
  });

  test("schema prints a JSON Schema, and says which there are", async () => {
    const run = await loupe("schema", "train", "cdo");
    const schema = JSON.parse(run.stdout);
    expect(schema.properties.gamma).toMatchObject({ type: "number", minimum: 0 });
    expect(schema.properties.$schema).toEqual({ type: "string" });
    const unknown = await loupe("schema", "tea");
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toMatch(
      /no command "tea" with a config file; there are train, run, test, predict/,
    );
  });

  test("data demo writes three products that data check finds whole", async () => {
    const run = await loupe("data", "demo", "products", "--image-size", "32", "--json");
    expect(JSON.parse(run.stdout).folder).toBe("products");
    const check = await loupe("data", "check", "products");
    expect(check.code).toBe(0);
    expect(check.stdout).toMatch(/fabric.*tile.*washer.*0 errors/s);
  });

  test("demo trains on its own pictures and shows what it found", async () => {
    const small = ["--class", "tile", "--epochs", "1", "--image-size", "32"];
    const run = await start(["demo", ...small, "--output", "show"], {
      LOUPE_WEIGHTS_DIR: file("no-weights"),
    }).done;
    expect(run.code).toBe(0);
    expect(run.stderr).not.toMatch(/RANDOM|fetch/); // its weights come with the package
    const { weights, config } = JSON.parse(readFileSync(file("show/tile/run.json"), "utf8"));
    expect([config.backbone, weights.source]).toEqual(["resnet10_half", "resnet10_half.textures"]);
    expect(run.stdout).toMatch(/scores of tile\n.*good \(6\).*defective \(12\).*image AUROC +\d/s);
    const sheet = await readImage(file("show/contact-sheet.png"));
    expect(sheet.width).toBe(1280);
    const again = await start(["demo", ...small, "--output", "show", "--json"], {
      LOUPE_WEIGHTS_DIR: file("no-weights"),
    }).done;
    expect(JSON.parse(again.stdout).runs[0]).toMatchObject({ class: "tile", epochs: 1 });
  });

  test("the version is that of the package", async () => {
    const run = await loupe("--version");
    expect(run).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });
});
