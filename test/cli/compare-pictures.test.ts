/** `loupe compare --sheet` and `--distributions` on run folders written by hand: what is drawn, and what is said of what is missing. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { compare } from "../../src/cli/compare.ts";
import { runCommandLine } from "../../src/cli/program.ts";
import { Terminal } from "../../src/cli/terminal.ts";
import {
  decodeImage,
  encodePng,
  frame,
  type Image,
  makeImage,
  resize,
  writeNpy,
} from "../../src/data/index.ts";
import { colourScale, heatOverlay } from "../../src/report/index.ts";
import { drawTruth } from "../../src/report/panels.ts";
import { namedImage } from "../data/pixels.ts";
import { logOf, recordOf } from "../report/compare/runs.ts";
import { part, plain } from "../report/pictures.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "loupe-pictures-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(path: string, content: string | Uint8Array): void {
  const full = join(folder, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, content);
}

const photo = plain(120, 120, [60, 90, 120]);
/** The right half is defective. */
const mask: Image = makeImage(
  120,
  120,
  1,
  Uint8Array.from({ length: 120 * 120 }, (_, i) => (i % 120 < 60 ? 0 : 255)),
);
const images = ["crack/000", "crack/001", "good/000", "good/001", "good/002"];

/** Images of one class: two cracks, three good. */
function putData(name = "data"): void {
  put(`${name}/nut/train/good/000.png`, encodePng(photo));
  for (const image of images) put(`${name}/nut/test/${image}.png`, encodePng(photo));
  for (const image of images.slice(0, 2)) {
    put(`${name}/nut/ground_truth/${image}_mask.png`, encodePng(mask));
  }
}

const scores = (rows: readonly string[]) => ["path,label,score,verdict", ...rows, ""].join("\n");
const size = 16;
/** Good pixels are 0, defective ones `value`. */
const mapOf = (image: string, value: number): Float32Array =>
  Float32Array.from({ length: size * size }, (_, i) =>
    image.startsWith("crack") && i % size >= size / 2 ? value : 0,
  );

/** A run as `loupe train` leaves it. */
function putRun(name: string, value = 1, more: object = {}, framing?: object): string {
  const data = { root: join(folder, "data"), class: "nut", layout: null, testFraction: null };
  const options = { threshold: null, maskThreshold: null, evaluateEvery: null };
  const written = {
    name,
    class: "nut",
    values: [0.5],
    data: { ...data, fingerprint: "", ...more },
    options: { ...options, maps: true, images: false },
    record: { weights: {}, environment: {}, ...(framing ? { framing } : {}) },
  };
  put(`runs/${name}/run.json`, recordOf(written));
  put(`runs/${name}/log.jsonl`, logOf(written));
  const thresholds = { policy: "manual", image: 0.5, pixel: 0.5, source: "given by hand" };
  put(`runs/${name}/thresholds.json`, JSON.stringify(thresholds));
  put(`runs/${name}/colour-scale.json`, JSON.stringify(scaleOf(value)));
  const rows = images.map((image, i) => {
    const isBad = image.startsWith("crack");
    return `nut/test/${image}.png,${isBad ? "defective,0.9" : `good,0.${i}`},x`;
  });
  put(`runs/${name}/scores.csv`, scores(rows));
  for (const image of images) {
    put(`runs/${name}/maps/${image}.npy`, writeNpy(mapOf(image, value), [size, size]));
  }
  return join(folder, "runs", name);
}

const scaleOf = (value: number) => colourScale({ low: 0, threshold: 0.5 * value, high: value });

async function loupe(...args: readonly string[]) {
  let [stdout, stderr] = ["", ""];
  const terminal = new Terminal({
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    now: () => 0,
  });
  const all = ["compare", join(folder, "runs"), ...args];
  const code = await runCommandLine(all, [compare], terminal, "0");
  return { code, stdout, stderr };
}

const sheetPath = () => join(folder, "sheet.png");
const sheet = () => decodeImage(readFileSync(sheetPath()));
const left = 20 + 190;
const rowOf = (run: number) => 46 + 36 + 2 * 124 + run * (120 + 22);
/** The heat map of a crack in the sheet. */
const heat = (value: number) =>
  heatOverlay(photo, { width: size, height: size, data: mapOf("crack", value) }, scaleOf(value));
const table = () => ["-o", join(folder, "t.csv")];

describe("--sheet", () => {
  test("has the photos, and a row for each run under its own scale", async () => {
    putData();
    putRun("a", 1);
    putRun("b", 7);
    const { code, stdout, stderr } = await loupe("--sheet", sheetPath(), ...table());
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(`written to ${sheetPath()}\n`);
    const image = await sheet();
    expect(image.width).toBe(left + 4 * 124 - 4 + 20);
    expect(part(image, left, 82, 120, 120)).toEqual(photo);
    expect(part(image, left, rowOf(0), 120, 120)).toEqual(heat(1));
    expect(part(image, left, rowOf(1), 120, 120)).toEqual(heat(7));
    expect(part(image, left + 2 * 124, rowOf(0), 120, 120)).toEqual(photo);
  });

  test("--images-per-defect says how many of each kind, 0 takes all", async () => {
    putData();
    putRun("a");
    const width = async (n: string) => {
      rmSync(sheetPath(), { force: true });
      await loupe("--sheet", sheetPath(), "--images-per-defect", n, ...table());
      return (await sheet()).width;
    };
    expect(await width("1")).toBe(left + 2 * 124 - 4 + 20);
    expect(await width("0")).toBe(left + 5 * 124 - 4 + 20);
    const wrong = await loupe("--sheet", sheetPath(), "--images-per-defect", "-1");
    expect(wrong.code).toBe(2);
  });

  test("a run without maps is named with the next step, and the others are drawn", async () => {
    putData();
    const a = putRun("a");
    putRun("b", 7);
    rmSync(join(a, "maps"), { recursive: true });
    const { code, stderr } = await loupe("--sheet", sheetPath(), ...table());
    expect(code).toBe(0);
    expect(stderr).toBe(
      `warning: ${a}: it has no maps (maps/*.npy); write them with \`loupe test ${a} --with-maps\`; not on the sheet\n`,
    );
    expect(part(await sheet(), left, rowOf(0), 120, 120)).toEqual(heat(7));
  });

  test("with no run to show it is an error, and no file is written", async () => {
    putData();
    rmSync(join(putRun("a"), "maps"), { recursive: true });
    const { code, stderr } = await loupe("--sheet", sheetPath(), ...table());
    expect(code).toBe(3);
    expect(stderr).toContain("error: compare: no run has anything to show; --sheet needs maps");
    expect([existsSync(sheetPath()), existsSync(join(folder, "t.csv"))]).toEqual([false, false]);
  });

  test("images that were moved are found with --data, and it says so", async () => {
    putData();
    const a = putRun("a");
    renameSync(join(folder, "data"), join(folder, "moved"));
    const lost = await loupe("--sheet", sheetPath(), ...table());
    expect(lost.stderr).toMatch(
      /a: .*data.*if its images were moved, say where they are with --data/,
    );
    expect(lost.stderr).toContain(a);
    const found = await loupe("--sheet", sheetPath(), "--data", join(folder, "moved"), ...table());
    expect([found.code, found.stderr]).toEqual([0, ""]);
    expect(part(await sheet(), left, rowOf(0), 120, 120)).toEqual(heat(1));
  });

  test("a damaged map leaves its cell empty, and a map that is a link is not followed", async () => {
    putData();
    const a = putRun("a");
    put("runs/a/maps/crack/000.npy", "not an array");
    rmSync(join(a, "maps/good/000.npy"));
    symlinkSync("/dev/zero", join(a, "maps/good/000.npy"));
    const { code, stderr } = await loupe("--sheet", sheetPath(), ...table());
    expect(code).toBe(0);
    expect(stderr).toContain("crack/000.npy: it is not a .npy file; a cell stays empty\n");
    expect(stderr).toContain("1 of 5 test images have no map or no photo any more");
    const image = await sheet();
    expect(part(image, left, rowOf(0), 20, 20)).toEqual(plain(20, 20, [243, 243, 245]));
    expect(part(image, left + 124, rowOf(0), 120, 120)).toEqual(heat(1));
  });

  test("paths in scores.csv that lead elsewhere are no images", async () => {
    putData();
    const a = putRun("a");
    put("outside.png", encodePng(photo));
    put("runs/a/outside.npy", writeNpy(mapOf("crack", 1), [size, size]));
    const rows = ["../outside.png,defective,0.9,x", "./nut/test/crack/000.png,defective,0.8,x"];
    put("runs/a/scores.csv", scores([...rows, "/etc/passwd,good,0.1,x", "=cmd(),good,0.1,x"]));
    const { code, stderr } = await loupe("--sheet", sheetPath(), ...table());
    expect(code).toBe(0);
    expect(stderr).toContain(`${a}: 3 of 4 test images have no map or no photo any more`);
    expect((await sheet()).width).toBe(left + 124 - 4 + 20);
  });

  test("of a model of several classes each class has its own images", async () => {
    putData();
    put("data/bolt/train/good/000.png", encodePng(photo));
    put("data/bolt/test/good/000.png", encodePng(plain(40, 40, [1, 2, 3])));
    putRun("a", 1, { class: "all", classes: ["bolt", "nut"] });
    const metrics = { mAUROC_sp_max: 0.5 };
    const evaluation = { event: "evaluation", epoch: 1, metrics };
    const classes = { bolt: metrics, nut: metrics };
    const events = [{ ...evaluation, classes }, { event: "end" }];
    put("runs/a/log.jsonl", events.map((event) => `${JSON.stringify(event)}\n`).join(""));
    const rows = ["bolt/test/good/000.png,good,0.1,x", "nut/test/good/000.png,good,0.1,x"];
    put("runs/a/scores.csv", scores(rows));
    const zeros = writeNpy(mapOf("good", 1), [size, size]);
    for (const map of ["bolt/good/000", "nut/good/000"]) {
      put(`runs/a/maps/${map}.npy`, zeros);
    }
    const { code, stderr } = await loupe("--sheet", sheetPath(), ...table());
    expect([code, stderr]).toEqual([0, ""]);
    const image = await sheet();
    const photoOf = (section: number) =>
      part(image, left, section * (rowOf(1) + 14) + 82, 120, 120);
    expect(photoOf(0)).toEqual(plain(120, 120, [1, 2, 3]));
    expect(photoOf(1)).toEqual(photo);
  });

  test("a run that cut its images has maps over what it cut, and beside one that did not the photo is whole", async () => {
    putData();
    const wide = namedImage("wide", 240, 120, 3);
    const truth = makeImage(240, 120, 1);
    for (let y = 0; y < 120; y++) truth.data.fill(255, y * 240 + 100, y * 240 + 140);
    put("data/nut/test/crack/000.png", encodePng(wide));
    put("data/nut/ground_truth/crack/000_mask.png", encodePng(truth));
    const framing = { size, shorter: size, filters: "lanczos" } as const;
    putRun("a", 1, {}, framing);
    const alone = await loupe("--sheet", sheetPath(), ...table());
    expect([alone.code, alone.stderr]).toEqual([0, ""]);
    const cut = resize(frame(wide, framing).image, { width: 120, height: 120 }, "bicubic");
    const map = { width: size, height: size, data: mapOf("crack", 1) };
    const cell = (image: Image, top: number) => part(image, left, top, 120, 120);
    const first = await sheet();
    expect(cell(first, 82)).toEqual(cut);
    expect(cell(first, rowOf(0))).toEqual(heatOverlay(cut, map, scaleOf(1)));
    const marks = makeImage(size, size, 1);
    for (let y = 0; y < size; y++) marks.data.fill(1, y * size + 5, y * size + 11);
    expect(cell(first, 82 + 124)).toEqual(drawTruth(cut, marks));
    putRun("b", 7);
    rmSync(sheetPath());
    const both = await loupe("--sheet", sheetPath(), ...table());
    expect(both.code).toBe(0);
    expect(both.stderr).toBe(
      "warning: not comparable: image size differ: 64 cut from 16 (a); 64 (b)\n",
    );
    const second = await sheet();
    const whole = resize(wide, { width: 120, height: 60 }, "bicubic");
    const inCell = (top: number) => part(second, left, top + 30, 120, 60);
    expect(inCell(82)).toEqual(whole);
    expect(cell(second, rowOf(0))).toEqual(heatOverlay(cut, map, scaleOf(1)));
    const other = { ...map, data: mapOf("crack", 7) };
    expect(inCell(rowOf(1))).toEqual(heatOverlay(whole, other, scaleOf(7)));
  });

  test("a framing in run.json that can't be is told", async () => {
    putData();
    putRun("a", 1, {}, { size: 0 });
    const { code, stderr } = await loupe("--sheet", sheetPath(), ...table());
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /a\/run.json: framing.size: .*; it was changed, or another program made/,
    );
  });

  test("must be a .png", async () => {
    const { code, stderr } = await loupe("--sheet", "sheet.svg");
    expect([code, stderr]).toEqual([2, 'error: --sheet: "sheet.svg" must end in one of .png\n']);
  });
});

describe("--distributions", () => {
  const path = () => join(folder, "d.svg");

  test("count images and pixels with the masks: half of each crack is defective", async () => {
    putData();
    putRun("a");
    putRun("b");
    const { code, stderr } = await loupe("--distributions", path(), ...table());
    expect([code, stderr]).toEqual([0, ""]);
    const svg = readFileSync(path(), "utf8");
    expect(svg.match(/>good \(3\): 0\.0 %</g)).toHaveLength(2);
    expect(svg.match(/>defective \(2\): 100\.0 %</g)).toHaveLength(2);
    expect(svg.match(/>good \(1024\): 0\.0 %</g)).toHaveLength(2);
    expect(svg.match(/>defective \(256\): 100\.0 %</g)).toHaveLength(2);
    expect(svg.match(/>overlap 0\.000</g)).toHaveLength(4);
  });

  test("of images that were cut the pixels are those of the square", async () => {
    putData();
    for (const [i, name] of ["crack/000", "crack/001"].entries()) {
      const truth = makeImage(240, 120, 1);
      for (let y = 0; y < 120; y++) truth.data.fill(255, y * 240 + 120, y * 240 + (i ? 240 : 180));
      put(`data/nut/test/${name}.png`, encodePng(plain(240, 120, [60, 90, 120])));
      put(`data/nut/ground_truth/${name}_mask.png`, encodePng(truth));
    }
    putRun("a", 1, {}, { size, shorter: size, filters: "lanczos" });
    const { code, stderr } = await loupe("--distributions", path(), ...table());
    expect([code, stderr]).toEqual([0, ""]);
    const svg = readFileSync(path(), "utf8");
    expect(svg).toContain(">good (1024): 0.0 %<");
    expect(svg).toContain(">defective (256): 100.0 %<");
  });

  test("without maps there are the image scores alone, and it says how to get the others", async () => {
    putData();
    const a = putRun("a");
    rmSync(join(a, "maps"), { recursive: true });
    const { code, stderr } = await loupe("--distributions", path(), ...table());
    expect(code).toBe(0);
    expect(stderr).toContain(`write them with \`loupe test ${a} --with-maps\``);
    const svg = readFileSync(path(), "utf8");
    expect(svg).toContain(">nut: image scores<");
    expect(svg).not.toContain("pixel scores<");
  });

  test("a run without scores, or with damaged ones, is left out and named", async () => {
    putData();
    const [a, b] = [putRun("a"), putRun("b")];
    putRun("c");
    rmSync(join(a, "scores.csv"));
    put("runs/b/scores.csv", scores(["nut/test/good/000.png,good,,x"]));
    const { stderr } = await loupe("--distributions", path(), ...table());
    expect(stderr).toContain(`${a}: it has no scores.csv; evaluate it with \`loupe test ${a}\``);
    expect(stderr).toContain(
      `${b}/scores.csv: line 2: the score must be a number, got ""; evaluate it with`,
    );
    const svg = readFileSync(path(), "utf8");
    expect(svg).toContain(">c, seed 1<");
    expect(svg).not.toContain(">a, seed 1<");
  });
});
