import { basename } from "node:path";
import { expect, test } from "vitest";
import { checkFolder } from "../../src/data/check.ts";
import { formatCheck } from "../../src/data/check-text.ts";
import { scanFolder } from "../../src/data/scan.ts";
import { makePublished, type TreeFile, visaFiles, visaList } from "./published.ts";
import { countsOf, expectMasksFit, problemsOf, rowsOf } from "./shown.ts";
import { makeTree, numbered } from "./tree.ts";

const files = visaFiles("candle", "pcb1");
const head = "object,split,label,image,mask";
const normal = (i: number) => `candle/Data/Images/Normal/000${i}.JPG`;
const list = (...rows: string[]): TreeFile => ["split_csv/1cls.csv", `${rows.join("\n")}\n`];

test("VisA is read as its list says, with upper-case endings and masks that hold numbers", async () => {
  const root = await makePublished(files, [visaList("candle", "pcb1")]);
  const { dataset, classes, findings } = await checkFolder(root);
  expect([dataset.layout, dataset.classes]).toEqual(["visa", ["candle", "pcb1"]]);
  expect(findings).toEqual([]);
  expect(classes[1]).toEqual({
    name: "pcb1",
    train: 3,
    testGood: 2,
    defects: { anomaly: { images: 3, masks: 3 } },
    sizes: { "40x32": 8 },
  });
  await expectMasksFit(dataset);
  expect(rowsOf(dataset, dataset.test).slice(0, 4)).toEqual([
    ["candle/Data/Images/Anomaly/000.JPG", 1, "anomaly", "candle/Data/Masks/Anomaly/000.png"],
    ["candle/Data/Images/Anomaly/001.JPG", 1, "anomaly", "candle/Data/Masks/Anomaly/001.png"],
    ["candle/Data/Images/Anomaly/002.JPG", 1, "anomaly", "candle/Data/Masks/Anomaly/002.png"],
    [normal(3), 0, "good", undefined],
  ]);
  expect(await scanFolder(root)).toEqual({ ...dataset });
});

test("a list may be quoted, end its lines as Windows does, have other columns and lie deeper", async () => {
  const rows = [
    `\ufeffimage,mask,"object",note,label,split`,
    `${normal(0)},,candle,"a, ""b""\nc",normal,train`,
    `"${normal(1)}",,candle,,normal,test`,
    "",
  ];
  const deep = files.map(([path, bytes]): TreeFile => [`VisA/${path}`, bytes]);
  const root = await makePublished(deep, [["VisA/split_csv/1cls.csv", rows.join("\r\n")]]);
  const dataset = await scanFolder(root);
  expect(dataset.classes).toEqual(["candle"]);
  expect(rowsOf(dataset, dataset.train)).toEqual([[`VisA/${normal(0)}`, 0, "good", undefined]]);
  expect(rowsOf(dataset, dataset.test)).toEqual([[`VisA/${normal(1)}`, 0, "good", undefined]]);
  expect(problemsOf(dataset)).toEqual([
    "info VisA/split_csv/1cls.csv: images that the list does not name, left out: 14 files",
    "warning .: no defective test images, scores can't be measured: class candle",
  ]);
});

test("the ending of a listed file may be written in another case", async () => {
  const small = files.map(([path, bytes]): TreeFile => [path.replace("JPG", "jpg"), bytes]);
  const dataset = await scanFolder(await makePublished(small, [visaList("candle", "pcb1")]));
  expect(countsOf(dataset)).toEqual({ candle: [3, 2, 3], pcb1: [3, 2, 3] });
});

test("a listed image that is not there is an error that names its line, a mask a warning", async () => {
  const gone = [normal(1), "candle/Data/Masks/Anomaly/001.png"];
  const rest = files.filter(([path]) => !gone.includes(path));
  const dataset = await scanFolder(await makePublished(rest, [visaList("candle", "pcb1")]));
  expect(problemsOf(dataset)).toEqual([
    `error ${normal(1)}: a list of the data set names it, but it is not there, left out ` +
      "(copy it or download the data set again): split_csv/1cls.csv, line 3",
    "warning candle/Data/Images/Anomaly/001.JPG: its mask is not there, it counts for image " +
      "scores only: candle/Data/Masks/Anomaly/001.png",
  ]);
  expect(countsOf(dataset)).toEqual({ candle: [2, 2, 3], pcb1: [3, 2, 3] });
});

test("an object of the list without a folder is left out, and told when it is asked for", async () => {
  const root = await makePublished(visaFiles("candle"), [visaList("candle", "pcb1")]);
  const dataset = await scanFolder(root);
  expect(countsOf(dataset)).toEqual({ candle: [3, 2, 3] });
  expect(problemsOf(dataset)).toEqual([
    "info split_csv/1cls.csv: a class without any of its images, left out: pcb1",
  ]);
  await expect(scanFolder(root, { classes: ["pcb1"] })).rejects.toThrow(
    `scan: ${root}/split_csv/1cls.csv: none of the images of class "pcb1" is in the folder; ` +
      "download its images, or choose another class",
  );
  await expect(scanFolder(root, { classes: ["cap"] })).rejects.toThrow(
    `scan: ${root}: no class "cap"; there is candle`,
  );
});

test.each([
  [
    [`candle,train,normal,../secret.png,`],
    `line 2: image must be a path below the data set, got "../secret.png"`,
  ],
  [
    [`candle,train,normal,/etc/a.png,`],
    `line 2: image must be a path below the data set, got "/etc/a.png"`,
  ],
  [
    [`candle,train,normal,C:\\a.png,`],
    `line 2: image must be a path below the data set, got "C:\\a.png"`,
  ],
  [
    [`candle,train,normal,candle\\..\\..\\a.png,`],
    "line 2: image must be a path below the data set",
  ],
  [
    [`candle,test,anomaly,${normal(0)},..`],
    `line 2: mask must be a path below the data set, got ".."`,
  ],
  [["", `candle,val,normal,${normal(0)},`], `line 3: split must be train or test, got "val"`],
  [[`candle,train,ok,${normal(0)},`], `line 2: label must be normal or anomaly, got "ok"`],
  [["candle,train,normal"], `line 2: image must be a path below the data set, got ""`],
  [[`,train,normal,${normal(0)},`], "line 2: object is empty"],
])("a row that makes no sense is refused with its line: %j", async (rows, message) => {
  const root = await makePublished(files, [list(head, ...rows)]);
  await expect(scanFolder(root)).rejects.toThrow(`scan: ${root}/split_csv/1cls.csv: ${message}`);
});

test("a list of another kind, in another encoding or too large is refused", async () => {
  const other = await makePublished(files, [list("a,b", "1,2")]);
  await expect(scanFolder(other)).rejects.toThrow(
    'its first line must be "object,split,label,image,mask", it has no object, split, label, image, mask; download it again',
  );
  const latin = await makePublished(files, [["split_csv/1cls.csv", Uint8Array.of(0x66, 0xfc)]]);
  await expect(scanFolder(latin)).rejects.toThrow("it is not UTF-8 text; download it again");
  const large = await makePublished(files, [["split_csv/1cls.csv", " ".repeat(2 ** 24 + 1)]]);
  await expect(scanFolder(large)).rejects.toThrow(
    "16777217 bytes are more than the 16777216 allowed",
  );
});

test("without a list the last tenth of the sorted normal images is tested on, with a warning", async () => {
  const root = await makePublished(files, [["LICENSE", "x"]]);
  const dataset = await scanFolder(root);
  expect(countsOf(dataset)).toEqual({ candle: [4, 1, 3], pcb1: [4, 1, 3] });
  expect(rowsOf(dataset, dataset.test)[3]).toEqual([normal(4), 0, "good", undefined]);
  expect(problemsOf(dataset)).toEqual([
    "warning .: no split_csv/1cls.csv, the last tenth of the normal images is tested on " +
      "(results differ from published ones; download the list)",
    "info .: not an image of an object, left out: 3 files",
  ]);
  await expectMasksFit(dataset);
  const object = await scanFolder(`${root}/candle`);
  expect([object.layout, countsOf(object)]).toEqual(["visa", { candle: [4, 1, 3] }]);
});

test("the tenth without a list is as many images as the published list tests on", async () => {
  for (const [count, tested] of [
    [1000, 100],
    [602, 60],
    [1004, 100],
    [1005, 101],
    [1, 0],
    [2, 1],
  ]) {
    const root = await makeTree(
      Array.from({ length: count! }, (_, i): TreeFile => [`a/Data/Images/Normal/${i}.png`, "x"]),
    );
    expect(countsOf(await scanFolder(root))).toEqual({ a: [count! - tested!, tested, 0] });
  }
});

test("the lists with anomalies for training are layouts of their own", async () => {
  const rows = [
    head,
    `candle,train,normal,${normal(0)},`,
    "candle,train,anomaly,candle/Data/Images/Anomaly/000.JPG,candle/Data/Masks/Anomaly/000.png",
    "candle,test,anomaly,candle/Data/Images/Anomaly/001.JPG,candle/Data/Masks/Anomaly/001.png",
    `candle,test,normal,${normal(1)},`,
  ];
  const root = await makePublished(files, [
    visaList("candle", "pcb1"),
    ["split_csv/2cls_fewshot.csv", rows.join("\n")],
  ]);
  const report = await checkFolder(root, { layout: "visa_2cls_fewshot" });
  expect(report.dataset.layout).toBe("visa_2cls_fewshot");
  expect(report.classes[0]).toMatchObject({ train: 2, trainDefective: 1, testGood: 1 });
  expect(formatCheck(report)).toContain("candle  2 (1 defective)  1          anomaly 1");
  expect(rowsOf(report.dataset, report.dataset.train)).toEqual([
    ["candle/Data/Images/Anomaly/000.JPG", 1, "anomaly", "candle/Data/Masks/Anomaly/000.png"],
    [normal(0), 0, "good", undefined],
  ]);
  expect(countsOf(await scanFolder(root))).toEqual({ candle: [3, 2, 3], pcb1: [3, 2, 3] });
  await expect(scanFolder(root, { layout: "visa_2cls_highshot" })).rejects.toThrow(
    `scan: ${root}: there is no split_csv/2cls_highshot.csv; download it with the data set`,
  );
});

test("a rearranged copy is read from the folder above 1cls and from 1cls itself", async () => {
  const copy = [
    ...numbered("1cls/candle/train/good", 2, ".JPG"),
    ...numbered("1cls/candle/test/good", 1, ".JPG"),
    ...numbered("1cls/candle/test/bad", 2, ".JPG"),
    ...numbered("1cls/candle/ground_truth/bad", 2),
  ];
  const root = await makeTree([...copy, ["split.log", "x"]]);
  const dataset = await scanFolder(root);
  expect([dataset.layout, countsOf(dataset)]).toEqual(["visa", { candle: [2, 1, 2] }]);
  expect(rowsOf(dataset, dataset.test)[0]).toEqual([
    "1cls/candle/test/bad/000.JPG",
    1,
    "bad",
    "1cls/candle/ground_truth/bad/000.png",
  ]);
  expect(problemsOf(dataset)).toEqual(["info .: only 1cls is read, left out: 1 file"]);
  const inner = await scanFolder(`${root}/1cls`);
  expect([inner.layout, basename(inner.root), countsOf(inner)]).toEqual([
    "visa",
    "1cls",
    { candle: [2, 1, 2] },
  ]);
});
