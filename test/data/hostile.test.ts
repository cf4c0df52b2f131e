/** Names and lists that nobody would choose, but that a data set from elsewhere may have. */
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkDataset, checkFolder } from "../../src/data/check.ts";
import { formatCheck } from "../../src/data/check-text.ts";
import { indexDataset } from "../../src/data/meta.ts";
import { metaDataset } from "../../src/data/meta-read.ts";
import { splitMode } from "../../src/data/modes.ts";
import { openFolder, scanFolder } from "../../src/data/scan.ts";
import { makePublished, realiadFiles, visaFiles } from "./published.ts";
import { countsOf, inside, problemsOf, rowsOf } from "./shown.ts";
import { makeTree, numbered } from "./tree.ts";

test("classes and defects may be named like parts of every object, or by digits", async () => {
  const names = ["01", "2", "__proto__", "constructor", "日本 ü"];
  const root = await makeTree(
    names.flatMap((name) => [
      ...numbered(`${name}/train/good`, 1),
      ...numbered(`${name}/test/constructor`, 2),
      ...numbered(`${name}/test/__proto__`, 1),
      ...numbered(`${name}/ground_truth/constructor`, 2, "_mask.png"),
    ]),
  );
  const { dataset, classes } = await checkFolder(root);
  const kinds = [
    ["__proto__", { images: 1, masks: 0 }],
    ["constructor", { images: 2, masks: 2 }],
  ];
  expect(classes.map(({ name, defects }) => [name, Object.entries(defects)])).toEqual(
    names.map((name) => [name, kinds]),
  );
  expect(Object.keys(Object.prototype)).toEqual([]);
  const [meta] = indexDataset(dataset).files;
  const again = metaDataset(await openFolder(root), meta!.text, "meta.json");
  expect([again.classes, again.test]).toEqual([names, dataset.test]);
});

test("what is wrong in other classes than those asked for is not told", async () => {
  const root = await makeTree([
    ...numbered("nut/train/good", 2),
    ...numbered("nut/test/cut", 1),
    ...numbered("bolt/train/good", 2),
    ...numbered("bolt/test/cut", 1),
    ["bolt/train/good/notes.txt", ""],
    ["notes.txt", ""],
  ]);
  const dataset = await scanFolder(root, { classes: ["nut"] });
  expect(problemsOf(dataset)).toEqual([
    "info notes.txt: not an image, left out",
    "warning nut/test/cut/000.png: no mask of its name, it counts for image scores only: 000_mask.* or 000.*",
    "warning .: no normal test images, scores can't be measured: class nut",
  ]);
});

test("metadata files in the folder are no part of it, other JSON is told", async () => {
  const root = await makeTree([
    ...numbered("train/good", 2),
    ["meta.json", "{}"],
    ["meta_semi10.json", "{}"],
    ["train/meta.json", "{}"],
  ]);
  const { findings } = await scanFolder(root);
  expect(findings.filter(({ file }) => file.endsWith("json")).map(({ file }) => file)).toEqual([
    `${root}/train/meta.json`,
  ]);
});

test("an empty folder is told", async () => {
  const root = await makeTree([...numbered("nut/train/good", 2), ["nut/test/cut/.hidden", ""]]);
  expect(problemsOf(await scanFolder(root))[0]).toBe("info nut/test/cut: empty folder");
});

test("what is neither file nor folder is told and never opened", async () => {
  const root = await makeTree(numbered("train/good", 2));
  const server = createServer().listen(join(root, "train/good/socket.png"));
  await once(server, "listening");
  const dataset = await scanFolder(root);
  server.close();
  expect(problemsOf(dataset)[0]).toBe(
    "warning train/good/socket.png: neither file nor folder, left out",
  );
});

test("a mask that two images of one name take from a flat folder is told, with both", async () => {
  const root = await makeTree([
    ...["train/good/1.png", "test/good/1.png", "test/cut/0.png", "test/dent/0.png"],
    "ground_truth/0_mask.png",
  ]);
  expect(problemsOf(await scanFolder(root))).toEqual([
    "warning test/dent/0.png: its mask is also that of another image (give the masks of each defect a folder of its name): ground_truth/0_mask.png, test/cut/0.png",
  ]);
});

test("folders named in another Unicode form than the folders of their masks still agree", async () => {
  const root = await makeTree([
    ...["train/good/1.png", "test/good/1.png", `test/${"ü".normalize("NFD")}/ö.png`],
    `ground_truth/${"ü".normalize("NFC")}/${"ö".normalize("NFD")}_mask.png`,
  ]);
  expect(problemsOf(await scanFolder(root))).toEqual([]);
});

test("a share to hold back that the layout has no use for is told", async () => {
  const root = await makeTree(numbered("train/good", 2));
  expect(problemsOf(await scanFolder(root, { testFraction: 0.5 }))[0]).toBe(
    "info .: no share of the good images is held back, the layout has test images of its own: mvtec",
  );
});

test("an image that a metadata file lists for two classes stays with each", async () => {
  const root = await makeTree(["a/0.png", "a/1.png", "a/1_mask.png"]);
  const entry = (cls: string, name: string, anomaly = 0, mask = "") => ({
    ...{ img_path: name, mask_path: mask, cls_name: cls, specie_name: "cut", anomaly },
  });
  const text = JSON.stringify({
    train: { one: [entry("one", "a/0.png")] },
    test: { two: [entry("two", "a\\0.png"), entry("two", "a/1.png", 1, "a\\1_mask.png")] },
  });
  const dataset = metaDataset(await openFolder(root), text, "meta.json");
  const { dataset: kept, classes, findings } = await checkDataset(dataset);
  expect(kept.train.map(({ className }) => className)).toEqual(["one"]);
  expect(rowsOf(kept, kept.test)).toEqual([
    ["a/0.png", 0, "good", undefined],
    ["a/1.png", 1, "cut", "a/1_mask.png"],
  ]);
  expect(classes.map(({ train, testGood }) => [train, testGood])).toEqual([
    [1, 0],
    [0, 1],
  ]);
  expect(findings).toEqual([]);
});

const head = "object,split,label,image,mask";
const normal = (i: number) => `candle/Data/Images/Normal/000${i}.JPG`;
const anomaly = "candle/Data/Images/Anomaly/000.JPG";
const mask = "candle/Data/Masks/Anomaly/000.png";

test("an image that a list of VisA names twice counts once, and is told", async () => {
  const rows = [
    head,
    `candle,train,normal,${normal(0)},`,
    `candle,test,normal,${normal(0)},`,
    `candle,test,anomaly,${anomaly},${mask}`,
  ];
  const files = visaFiles("candle");
  const dataset = await scanFolder(
    await makePublished(files, [["split_csv/1cls.csv", rows.join("\n")]]),
  );
  expect(countsOf(dataset)).toEqual({ candle: [1, 0, 1] });
  expect(problemsOf(dataset)[0]).toBe(
    `warning ${normal(0)}: a list of the data set names it again, the first time counts (correct the list): split_csv/1cls.csv, line 3`,
  );
});

test("a list of VisA without a row is told as such, and does not stand in the way of a rearranged copy", async () => {
  const files = visaFiles("candle");
  const root = await makePublished(files, [["split_csv/1cls.csv", `${head}\n`]]);
  await expect(scanFolder(root)).rejects.toThrow(
    `scan: ${root}/split_csv/1cls.csv: it names no images; download it again`,
  );
  const moved = await makeTree([
    ["split_csv/1cls.csv", `${head}\ncandle,train,normal,${normal(0)},\n`],
    ...["1cls/candle/train/good/0.png", "1cls/candle/test/good/1.png"],
    ...["1cls/candle/test/bad/0.png", "1cls/candle/ground_truth/bad/0.png"],
  ]);
  const dataset = await scanFolder(moved);
  expect([dataset.layout, countsOf(dataset)]).toEqual(["visa", { candle: [1, 1, 1] }]);
});

test("unsupervised trains on normal images only, also where the list has anomalies to train on", async () => {
  const rows = [
    head,
    `candle,train,normal,${normal(0)},`,
    `candle,train,anomaly,${anomaly},${mask}`,
    `candle,test,normal,${normal(1)},`,
  ];
  const files = visaFiles("candle");
  const root = await makePublished(files, [["split_csv/2cls_fewshot.csv", rows.join("\n")]]);
  const dataset = await scanFolder(root, { layout: "visa_2cls_fewshot" });
  expect(dataset.train.map((sample) => inside(dataset, sample.path))).toEqual([anomaly, normal(0)]);
  const { train } = splitMode(dataset, "unsupervised");
  expect(train.map(({ label }) => label)).toEqual([0]);
});

test("a list of Real-IAD nested a hundred thousand deep is refused in a line", async () => {
  const depth = 100_000;
  const nested = `${"[".repeat(depth)}${"]".repeat(depth)}`;
  const text = `{"train": [{"anomaly_class": "OK", "image_path": ${nested}}], "test": []}`;
  const { files } = realiadFiles("audiojack");
  const root = await makePublished(files, [["realiad_jsons/audiojack.json", text]]);
  await expect(scanFolder(root)).rejects.toThrow(
    "train entry 1: image_path must be text, got a list;",
  );
});

test("one of something is not several", async () => {
  const report = await checkFolder(await makeTree(["good/1.png"]));
  expect(formatCheck(report)).toMatch(/1 image can be used; 0 errors, 1 warning$/);
});
