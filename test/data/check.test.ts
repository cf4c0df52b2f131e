import { expect, test } from "vitest";
import { checkDataset, checkFolder } from "../../src/data/check.ts";
import { formatCheck } from "../../src/data/check-text.ts";
import { encodePng } from "../../src/data/encode.ts";
import { makeImage } from "../../src/data/image.ts";
import { scanFolder } from "../../src/data/scan.ts";
import { namedImage } from "./pixels.ts";
import { makeTree, numbered, pictureFor } from "./tree.ts";

const grey = (width: number, height: number, ...values: number[]) =>
  encodePng(
    makeImage(
      width,
      height,
      1,
      Uint8Array.from({ length: width * height }, (_, i) => values[i] ?? 0),
    ),
  );

test("a good folder gives no findings and its counts", async () => {
  const root = await makeTree([
    ...numbered("nut/train/good", 3),
    ...numbered("nut/test/good", 2),
    ...numbered("nut/test/cut", 2),
    ...numbered("nut/ground_truth/cut", 2, "_mask.png"),
  ]);
  const { classes, findings, dataset } = await checkFolder(root);
  expect(findings).toEqual([]);
  expect(classes).toEqual([
    {
      name: "nut",
      train: 3,
      testGood: 2,
      defects: { cut: { images: 2, masks: 2 } },
      sizes: { "12x8": 7 },
    },
  ]);
  expect(dataset.train.length + dataset.test.length).toBe(7);
});

test("numbers in the masks of other test data are no sign of soft masks, if their layout says so", async () => {
  const root = await makeTree([
    ...numbered("train/good", 1),
    ...numbered("test/cut", 1),
    ["ground_truth/cut/000_mask.png", grey(12, 8, 1, 3)],
  ]);
  const dataset = await scanFolder(root);
  const soft = async (testLayout?: string) => {
    const { findings } = await checkDataset(dataset, testLayout ? { testLayout } : {});
    return findings.filter(({ message }) => message.startsWith("mask is not binary")).length;
  };
  expect([await soft(), await soft("visa"), await soft("mvtec")]).toEqual([1, 0, 1]);
});

test("every problem is one finding, the rest is checked, and what is broken is left out", async () => {
  const whole = encodePng(pictureFor("x"));
  const root = await makeTree([
    ["train/good/broken.png", whole.subarray(0, 100)],
    ["train/good/empty.png", ""],
    ["train/good/page.png", "<html>"],
    ...numbered("train/good", 2),
    ["train/good/twice.png", encodePng(pictureFor("train/good/000.png"))],
    ["test/good/leak.png", encodePng(pictureFor("train/good/001.png"))],
    ...numbered("test/cut", 5),
    ["ground_truth/cut/000_mask.png", grey(12, 8)],
    ["ground_truth/cut/001_mask.png", grey(12, 8, 255, 128, 127, 3)],
    ["ground_truth/cut/002_mask.png", grey(24, 16, 255)],
    ["ground_truth/cut/003_mask.png", grey(12, 12, 255)],
    ["ground_truth/cut/004_mask.png", "x"],
  ]);
  const seen: number[] = [];
  const report = await checkFolder(root, { progress: (done) => void seen.push(done) });
  expect(seen.at(-1)).toBe(12);
  const lines = report.findings.map(({ level, file, message }) => {
    return `${level} ${file}: ${message}`.replaceAll(`${root}/`, "");
  });
  expect(lines.sort()).toEqual([
    "error ground_truth/cut/003_mask.png: mask has another size than its image, so it is not used (draw it at that size): 12x12, test/cut/003.png is 12x8",
    "error ground_truth/cut/004_mask.png: it is not an image, and PNG, JPEG and BMP are read; remove it or convert it to PNG",
    expect.stringMatching(
      /^error train\/good\/broken.png: this PNG can't be decoded: it is truncated \(\d+ of 296 bytes of image data\); export it again as PNG, or remove it$/,
    ),
    "error train/good/empty.png: the file is empty; export it again as PNG, or remove it",
    "error train/good/page.png: it is not an image, and PNG, JPEG and BMP are read; remove it or convert it to PNG",
    "warning ground_truth/cut/000_mask.png: no pixel of the mask is marked, but its image is defective: test/cut/000.png",
    "warning ground_truth/cut/001_mask.png: mask is not binary, every pixel above 0 counts as defect (set maskThreshold, e.g. 127, to change that): 92 pixels are 0, 2 are 1..127, 2 are 128..255",
    "warning ground_truth/cut/002_mask.png: mask has another size than its image, so it is scaled: 24x16, test/cut/002.png is 12x8",
    "warning test/good/leak.png: same bytes as another file, tested on and trained on (remove one): train/good/001.png",
    "warning train/good/twice.png: same bytes as another file, used twice: train/good/000.png",
  ]);
  expect([report.dataset.train.length, report.dataset.test.length]).toEqual([3, 6]);
  const masks = report.dataset.test.map(({ maskPath }) => maskPath?.slice(-12));
  expect(masks).toEqual([
    "000_mask.png",
    "001_mask.png",
    "002_mask.png",
    undefined,
    undefined,
    undefined,
  ]);
});

test("a threshold that was chosen silences the warning about soft masks", async () => {
  const root = await makeTree([
    ...numbered("good", 2),
    "bad/1.png",
    ["mask/1.png", grey(12, 8, 255, 100)],
  ]);
  expect((await checkFolder(root)).findings.length).toBe(1);
  expect((await checkFolder(root, { maskThreshold: 127 })).findings).toEqual([]);
});

test("the report as text lists equal findings together and says how many there are", async () => {
  const root = await makeTree([
    ...numbered("cap/good", 4),
    ...numbered("cap/scratch", 3),
    ["cap/note.txt", "x"],
    ["cap/good/other.png", encodePng(namedImage("o", 5, 5, 1))],
  ]);
  const text = formatCheck(await checkFolder(root), 2).replace(root, "ROOT");
  expect(text).toBe(
    [
      "ROOT",
      "layout: plain",
      "",
      "class  train  test good  test defective           sizes",
      "cap    4      1          scratch 3 (0 with mask)  12x8 (7), 5x5 (1)",
      "",
      "look at these (3)",
      "  no mask of its name, it counts for image scores only",
      "    cap/scratch/000.png: 000_mask.* or 000.*",
      "    cap/scratch/001.png: 001_mask.* or 001.*",
      "    and 1 more",
      "",
      "left out (1)",
      "  not an image, left out",
      "    cap/note.txt",
      "",
      "8 images can be used; 0 errors, 3 warnings",
    ].join("\n"),
  );
});
