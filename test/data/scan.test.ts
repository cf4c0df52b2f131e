import { mkdir, symlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { byCodePoint, type Dataset } from "../../src/data/dataset.ts";
import { readDataset, scanFolder } from "../../src/data/scan.ts";
import { LoupeError } from "../../src/error.ts";
import { makeTree, numbered } from "./tree.ts";

const inside = (dataset: Dataset, path: string) => path.slice(dataset.root.length + 1);
const shown = (dataset: Dataset, which: "train" | "test") =>
  dataset[which].map(({ path, maskPath, label, defect }) => {
    return [inside(dataset, path), label, defect, maskPath && inside(dataset, maskPath)];
  });
const problems = (dataset: Dataset) =>
  dataset.findings.map(
    ({ level, file, message }) => `${level} ${inside(dataset, file)}: ${message}`,
  );

test("the MVTec layout is read, sorted, and masks are paired by name", async () => {
  const root = await makeTree([
    ...numbered("nut/train/good", 2),
    "nut/test/good/000.png",
    ...numbered("nut/test/bent", 2),
    ...numbered("nut/ground_truth/bent", 2, "_mask.png"),
    "bolt/train/good/a.bmp",
    "bolt/test/rust/a.JPG",
    "bolt/ground_truth/rust/a.png",
  ]);
  const dataset = await scanFolder(root);
  expect([dataset.layout, dataset.classes]).toEqual(["mvtec", ["bolt", "nut"]]);
  expect(shown(dataset, "train")).toEqual([
    ["bolt/train/good/a.bmp", 0, "good", undefined],
    ["nut/train/good/000.png", 0, "good", undefined],
    ["nut/train/good/001.png", 0, "good", undefined],
  ]);
  expect(shown(dataset, "test")).toEqual([
    ["bolt/test/rust/a.JPG", 1, "rust", "bolt/ground_truth/rust/a.png"],
    ["nut/test/bent/000.png", 1, "bent", "nut/ground_truth/bent/000_mask.png"],
    ["nut/test/bent/001.png", 1, "bent", "nut/ground_truth/bent/001_mask.png"],
    ["nut/test/good/000.png", 0, "good", undefined],
  ]);
  expect(problems(dataset)).toEqual([
    "warning : no normal test images, scores can't be measured: class bolt",
  ]);
  expect(dataset.train.map(({ className }) => className)).toEqual(["bolt", "nut", "nut"]);
});

test("a missing mask does not shift the others, and a mask left over is reported", async () => {
  const root = await makeTree([
    ...numbered("train/good", 1),
    "test/good/000.png",
    ...numbered("test/cut", 3),
    "ground_truth/cut/000_mask.png",
    "ground_truth/cut/002_mask.png",
    "ground_truth/cut/009_mask.png",
  ]);
  const dataset = await scanFolder(root);
  expect(dataset.classes).toEqual([basename(root)]);
  expect(shown(dataset, "test").map((row) => row[3])).toEqual([
    "ground_truth/cut/000_mask.png",
    undefined,
    "ground_truth/cut/002_mask.png",
    undefined,
  ]);
  expect(problems(dataset)).toEqual([
    "warning test/cut/001.png: no mask of its name, it counts for image scores only: 001_mask.* or 001.*",
    "warning ground_truth/cut/009_mask.png: mask without an image of its name, left out",
  ]);
});

test("a mask of another defect with the same name is never taken", async () => {
  const root = await makeTree([
    "train/good/0.png",
    "test/good/0.png",
    "test/cut/000.png",
    "test/dent/000.png",
    "ground_truth/dent/000_mask.png",
  ]);
  const dataset = await scanFolder(root);
  expect(shown(dataset, "test").map((row) => row[3])).toEqual([
    undefined,
    "ground_truth/dent/000_mask.png",
    undefined,
  ]);
});

test("nested folders are followed; two masks for one image are an error, not a guess", async () => {
  const root = await makeTree([
    "train/good/monday/1.png",
    "test/good/lot1/1.png",
    "test/cut/lot1/1.png",
    "test/cut/lot2/1.png",
    "test/cut/lot2/2.png",
    "ground_truth/cut/lot1/1_mask.png",
    "ground_truth/cut/1_mask.png",
    "ground_truth/cut/lot2/2_mask.png",
    "ground_truth/cut/lot2/2_mask.bmp",
  ]);
  const dataset = await scanFolder(root);
  expect(shown(dataset, "test")).toEqual([
    ["test/cut/lot1/1.png", 1, "cut", "ground_truth/cut/lot1/1_mask.png"],
    ["test/cut/lot2/1.png", 1, "cut", "ground_truth/cut/1_mask.png"],
    ["test/cut/lot2/2.png", 1, "cut", undefined],
    ["test/good/lot1/1.png", 0, "good", undefined],
  ]);
  expect(problems(dataset)).toEqual([
    "error test/cut/lot2/2.png: more than one mask fits, none is used (remove all but one): " +
      "ground_truth/cut/lot2/2_mask.bmp and ground_truth/cut/lot2/2_mask.png",
  ]);
});

test("files that do not belong anywhere are findings, the rest is read", async () => {
  const root = await makeTree([
    "train/good/0.png",
    "train/bad/0.png",
    "test/good/0.png",
    "test/cut/0.png",
    "test/loose.png",
    "ground_truth/cut/0_mask.png",
    "ground_truth/good/0_mask.png",
    "poster.png",
    ["license.txt", "free"],
    ["test/cut/9.tiff", "II"],
    [".DS_Store", "x"],
  ]);
  const dataset = await scanFolder(root);
  expect([dataset.train.length, dataset.test.length]).toEqual([1, 2]);
  expect(problems(dataset).sort()).toEqual([
    "info ground_truth/good/0_mask.png: normal images need no mask, left out",
    "info license.txt: not an image, left out",
    "warning poster.png: not below train, test or ground_truth, left out",
    "warning test/cut/9.tiff: PNG, JPEG and BMP are read, left out (convert it to PNG to use it)",
    "warning test/loose.png: not in a folder named good or after its defect, left out",
    "warning train/bad/0.png: only train/good is used for training, left out",
  ]);
});

test("plain folders are read, and a seeded share of the good images is held back", async () => {
  const root = await makeTree([
    ...numbered("good", 10),
    ...numbered("bad", 2),
    "mask/000_mask.png",
    "mask/001.png",
  ]);
  const dataset = await scanFolder(root);
  expect([dataset.layout, dataset.classes]).toEqual(["plain", [basename(root)]]);
  expect([dataset.train.length, dataset.test.length]).toEqual([8, 4]);
  expect(shown(dataset, "test").slice(0, 2)).toEqual([
    ["bad/000.png", 1, "bad", "mask/000_mask.png"],
    ["bad/001.png", 1, "bad", "mask/001.png"],
  ]);
  const paths = [...dataset.train, ...dataset.test].map(({ path }) => path);
  expect(new Set(paths).size).toBe(12);
  expect(await scanFolder(root)).toEqual(dataset);
  const others = await Promise.all([1, 2, 3, 4].map((seed) => scanFolder(root, { seed })));
  const held = (d: Dataset) =>
    shown(d, "test")
      .map((row) => row[0])
      .join();
  expect(new Set([dataset, ...others].map(held)).size).toBeGreaterThan(2);
  const half = await scanFolder(root, { testFraction: 0.5 });
  expect([half.train.length, half.test.length]).toEqual([5, 7]);
  expect((await scanFolder(root, { testFraction: 0 })).train.length).toBe(10);
  expect((await scanFolder(root, { testFraction: 0.99 })).train.length).toBe(1);
});

test("plain folders may name their defects, nest them below bad, and hold several classes", async () => {
  const root = await makeTree([
    ...numbered("cap/good", 3),
    "cap/scratch/1.png",
    "cap/masks/scratch/1_mask.png",
    ...numbered("lid/ok", 3),
    "lid/bad/hole/1.png",
    "lid/bad/stain/1.png",
    "lid/bad/2.png",
    "lid/mask/hole/1.png",
    "lid/mask/bad/stain/1_mask.png",
    "lid/bad/mask/2.png",
  ]);
  const dataset = await scanFolder(root);
  expect(dataset.classes).toEqual(["cap", "lid"]);
  expect(shown(dataset, "test").filter((row) => row[1] === 1)).toEqual([
    ["cap/scratch/1.png", 1, "scratch", "cap/masks/scratch/1_mask.png"],
    ["lid/bad/2.png", 1, "bad", "lid/bad/mask/2.png"],
    ["lid/bad/hole/1.png", 1, "hole", "lid/mask/hole/1.png"],
    ["lid/bad/stain/1.png", 1, "stain", "lid/mask/bad/stain/1_mask.png"],
  ]);
  expect(problems(dataset)).toEqual([]);
});

test("classes can be chosen, and an unknown one names those there are", async () => {
  const root = await makeTree([...numbered("a/good", 2), ...numbered("b/good", 2)]);
  const dataset = await scanFolder(root, { classes: ["b"] });
  expect(dataset.classes).toEqual(["b"]);
  expect(dataset.train.every(({ className }) => className === "b")).toBe(true);
  await expect(scanFolder(root, { classes: ["c"] })).rejects.toThrow(
    `scan: ${root}: no class "c"; there is a, b`,
  );
});

test("a folder of no known layout says what is there and what was expected", async () => {
  const root = await makeTree(["pictures/1.png"]);
  await expect(scanFolder(root)).rejects.toThrow(
    new LoupeError(
      "data",
      [
        `scan: ${root}: no known layout; it has files in: pictures. Looked for`,
        "  realiad: realiad_jsons/<class>.json (or _sv, _fuiad_0.x) and <class>/{OK,NG}/.../S0001/*_C1_*.jpg",
        "  visa: <object>/Data/Images/<Normal|Anomaly> and split_csv/1cls.csv, or 1cls/<object>/train/good",
        "  mvtec3d: <class>/train/good/rgb, <class>/test/<good|defect>/{rgb,gt}",
        "  btad: <class>/train/ok, <class>/test/<ok|ko>, <class>/ground_truth/ko",
        "  mvtec: <class>/train/good, <class>/test/<good|defect>, <class>/ground_truth/<defect>",
        "  plain: good, bad (or a folder per defect), mask",
        "put the normal images into a folder named good",
      ].join("\n"),
    ),
  );
  await expect(scanFolder(await makeTree([]))).rejects.toThrow("it is empty");
  await expect(scanFolder(root, { layout: "coco" })).rejects.toThrow(
    'scan: unknown layout "coco"; there is auto, realiad, realiad_sv, realiad_fuiad_0.0, ' +
      "realiad_fuiad_0.1, realiad_fuiad_0.2, realiad_fuiad_0.4, visa, visa_2cls_highshot, " +
      "visa_2cls_fewshot, mvtec3d, btad, mvtec, plain",
  );
  await expect(scanFolder(join(root, "none"))).rejects.toThrow(
    `list: ${join(root, "none")}: no such file or folder; check the path`,
  );
  const good = await makeTree(["good/1.png"]);
  await expect(scanFolder(good, { testFraction: 1 })).rejects.toThrow(
    "testFraction: must be at least 0",
  );
});

test("a layout that was asked for and is not there says what it looks like", async () => {
  const root = await makeTree(["good/1.png", "bad/2.png"]);
  for (const layout of ["mvtec", "mvtec3d", "btad", "visa"]) {
    await expect(scanFolder(root, { layout })).rejects.toThrow(
      `scan: ${root}: none of its 2 files is an image at a place of layout ${layout}; expected `,
    );
  }
  await expect(scanFolder(root, { layout: "realiad_sv" })).rejects.toThrow(
    "Real-IAD needs its lists",
  );
});

test("missing normal or defective images are findings", async () => {
  const onlyTest = await makeTree(["test/cut/1.png"]);
  expect(problems(await scanFolder(onlyTest)).map((p) => p.split(":")[1])).toEqual([
    " no mask of its name, it counts for image scores only",
    " no normal images to train on (put some into good or train/good)",
    " no normal test images, scores can't be measured",
  ]);
});

test("links inside the folder are followed, links out of it, to nothing and in a circle are refused", async () => {
  const outside = await makeTree(["secret.png"]);
  const root = await makeTree(["good/1.png", "good/2.png", "store/3.png"]);
  await symlink(outside, join(root, "good", "out"));
  await symlink(join(outside, "secret.png"), join(root, "good", "secret.png"));
  await symlink(join(root, "gone.png"), join(root, "good", "gone.png"));
  await symlink(root, join(root, "good", "circle"));
  await symlink(join(root, "store", "3.png"), join(root, "good", "3.png"));
  const dataset = await scanFolder(root, { testFraction: 0 });
  expect(shown(dataset, "train").map((row) => row[0])).toEqual([
    "good/1.png",
    "good/2.png",
    "good/3.png",
  ]);
  const refused = problems(dataset).filter((p) => p.includes("symbolic"));
  expect(refused.sort()).toEqual([
    "warning good/circle: symbolic link to a folder above it, left out",
    "warning good/gone.png: symbolic link to nothing, left out",
    `warning good/out: symbolic link out of the folder, left out (copy the files): ${outside}`,
    `warning good/secret.png: symbolic link out of the folder, left out (copy the files): ${join(outside, "secret.png")}`,
  ]);
});

test("a folder beside the root whose name begins like it is outside", async () => {
  const root = await makeTree(["good/1.png"]);
  const { rm } = await import("node:fs/promises");
  await mkdir(`${root}-more`);
  await symlink(`${root}-more`, join(root, "good", "more"));
  const dataset = await scanFolder(root);
  expect(problems(dataset).some((p) => p.includes("symbolic link out of the folder"))).toBe(true);
  await rm(`${root}-more`, { recursive: true });
});

test("names are sorted by code point, and composed and decomposed letters are the same name", async () => {
  const names = ["b", "a", "Z", "ä", "\u{1F600}", "\uFFEE", "a1", "a10", "a2"];
  expect(names.sort(byCodePoint)).toEqual([
    "Z",
    "a",
    "a1",
    "a10",
    "a2",
    "b",
    "ä",
    "\uFFEE",
    "\u{1F600}",
  ]);
  const folder = {
    root: "/r",
    files: ["good/1.png", "bad/f\u00fc.png", "mask/fu\u0308_mask.png"],
    findings: [],
    read: () => Promise.reject(new Error("not opened")),
  };
  const { test: samples } = await readDataset(folder);
  expect(samples.map(({ maskPath }) => maskPath)).toEqual(["/r/mask/fu\u0308_mask.png"]);
});
