import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Folder } from "../../src/data/dataset.ts";
import { indexDataset, metaOf, metaText } from "../../src/data/meta.ts";
import { metaDataset, readMeta } from "../../src/data/meta-read.ts";
import { modes, splitMode } from "../../src/data/modes.ts";
import { scanFolder } from "../../src/data/scan.ts";
import { fixture } from "./pixels.ts";
import { makeTree, numbered } from "./tree.ts";

const { splits } = fixture<{ splits: { entry_example: Record<string, unknown> } }>("splits-2025");

/** The images that the reference's recorded splits were made of. */
const tree = () =>
  makeTree(
    [
      ...numbered("cls/train/good", 12),
      ...numbered("cls/test/good", 4),
      ...numbered("cls/test/crack", 11),
      ...numbered("cls/ground_truth/crack", 11, "_mask.png"),
    ].map((path) => [path, ""] as const),
  );

const folderOf = (...files: string[]): Folder => {
  const read = () => Promise.reject(new Error("nothing is read"));
  return { root: "/data", files, findings: [], read };
};

const entry = (rest: object = {}) => {
  return {
    img_path: "a/1.png",
    mask_path: "",
    cls_name: "a",
    specie_name: "good",
    anomaly: 0,
    ...rest,
  };
};
const read = (value: unknown, folder = folderOf("a/1.png", "a/2.png"), wanted?: string[]) =>
  metaDataset(folder, typeof value === "string" ? value : JSON.stringify(value), "m.json", wanted);
const withEntry = (rest: object) =>
  read({ train: { a: [entry({ img_path: "a/2.png" }), entry(rest)] }, test: {} });

test("the files of all modes are there, entries as the reference writes them, to the byte", async () => {
  const dataset = await scanFolder(await tree());
  const { files, skipped } = indexDataset(dataset, 3);
  expect(skipped).toEqual([]);
  expect(files.map(({ name }) => name)).toEqual([
    "meta.json",
    ...modes.map((mode) => `meta_${mode}.json`),
  ]);
  const { text } = files[0]!;
  const meta = JSON.parse(text);
  expect(meta.test.cls[0]).toEqual(splits.entry_example);
  expect(Object.keys(meta.test.cls[0])).toEqual(Object.keys(splits.entry_example));
  expect(
    text.startsWith(
      '{\n    "train": {\n        "cls": [\n            {\n                "img_path": "cls/train/good/000.png",\n                "mask_path": "",\n                "cls_name": "cls",\n                "specie_name": "good",\n                "anomaly": 0\n            },\n',
    ),
  ).toBe(true);
  expect(text.endsWith("            }\n        ]\n    }\n}\n")).toBe(true);
  expect(files.map(({ train, test: tested }) => [train, tested])).toEqual([
    [12, 15],
    [15, 15],
    [1, 15],
    [2, 15],
    [4, 15],
    [8, 15],
    [12, 15],
    [13, 5],
    [17, 5],
    [22, 5],
  ]);
});

test("what is beyond ASCII is escaped as Python escapes it, and no list is written as one", () => {
  const text = metaText({ train: { "ü\u007f𝄞": [] }, test: {} });
  expect(text).toBe(
    '{\n    "train": {\n        "\\u00fc\\u007f\\ud834\\udd1e": []\n    },\n    "test": {}\n}\n',
  );
});

test("the same seed gives the same files, another one others, and VisA's entries name no kind of defect", async () => {
  const dataset = await scanFolder(await tree());
  const texts = (seed: number) => indexDataset(dataset, seed).files.map(({ text }) => text);
  expect(texts(1)).toEqual(texts(1));
  expect(texts(1).filter((text, i) => text !== texts(2)[i]).length).toBeGreaterThanOrEqual(5);
  for (const layout of ["visa", "visa_2cls_fewshot"])
    expect(metaOf({ ...dataset, layout }).test.cls![0]).toMatchObject({
      specie_name: "",
      anomaly: 1,
    });
});

test("a mode that some class is too small for is left out with the reason, the others are made", async () => {
  const root = await makeTree([
    ...numbered("nut/train/good", 9),
    ...numbered("nut/test/bent", 10),
    ...numbered("nut/ground_truth/bent", 10, "_mask.png"),
    "nut/test/good/000.png",
  ]);
  const { files, skipped } = indexDataset(await scanFolder(root));
  expect(files.map(({ name }) => name)).not.toContain("meta_semi1.json");
  expect(files).toHaveLength(7);
  const reason = "class nut has 10 anomalous test images with a mask; more than 10 are needed";
  expect(skipped).toEqual(["semi1", "semi5", "semi10"].map((mode) => ({ mode, reason })));
});

test("reading a written file gives the lists of the mode again, from another place too", async () => {
  const root = await tree();
  const elsewhere = await makeTree([]);
  const dataset = await scanFolder(root);
  for (const [i, { name, text }] of indexDataset(dataset, 7).files.slice(1).entries()) {
    await writeFile(join(elsewhere, name), text);
    const again = await readMeta(root, join(elsewhere, name));
    const split = splitMode(dataset, modes[i]!, 7);
    expect([again.layout, again.classes]).toEqual(["meta", ["cls"]]);
    expect(again.train).toEqual(split.train);
    expect(again.test).toEqual(split.test);
  }
});

test("one of several classes can be read, and one that is in neither list is named", () => {
  const meta = {
    train: { a: [entry()] },
    test: { b: [entry({ cls_name: "b", img_path: "a/2.png" })] },
  };
  const { classes, train, test: tested } = read(meta, undefined, ["b"]);
  expect([classes, train.length, tested.length]).toEqual([["b"], 0, 1]);
  expect(() => read(meta, undefined, ["a", "c"])).toThrow(
    'meta: m.json: no class "c"; there is a, b',
  );
  expect(() => read({ train: {}, test: {} }, undefined, ["c"])).toThrow(
    "m.json: it names no class",
  );
});

test("missing files are counted and the first are named", () => {
  const lost = Array.from({ length: 7 }, (_, i) => entry({ img_path: `a/lost${i}.png` }));
  expect(() => read({ train: { a: [entry(), ...lost] }, test: {} })).toThrow(
    'meta: m.json: 7 files it names are not in /data: "a/lost0.png", "a/lost1.png", "a/lost2.png", "a/lost3.png", "a/lost4.png" and 2 more; is data the folder it was made for?',
  );
  expect(() => withEntry({ anomaly: 1, mask_path: "a/1_mask.png" })).toThrow(
    '1 file it names is not in /data: "a/1_mask.png"; is data',
  );
});

test.each([
  [
    { img_path: "../a/1.png" },
    'img_path must lie in the folder of the data set and be relative to it, got "../a/1.png"',
  ],
  [{ img_path: "a/../../b.png" }, "img_path must lie in the folder"],
  [{ img_path: "a/x/../1.png" }, "img_path must lie in the folder"],
  [{ img_path: "a\\..\\..\\b.png" }, "img_path must lie in the folder"],
  [{ img_path: "/etc/passwd" }, "img_path must lie in the folder"],
  [{ img_path: "C:\\x.png" }, "img_path must lie in the folder"],
  [{ anomaly: 1, mask_path: "../m.png" }, "mask_path must lie in the folder"],
  [{ img_path: 7 }, "img_path must be a path, got 7"],
  [{ img_path: "" }, 'img_path must be a path, got ""'],
  [{ img_path: undefined }, "img_path must be a path, got nothing"],
  [{ anomaly: 1, mask_path: null }, "mask_path must be a path, got null"],
  [{ anomaly: 2 }, "anomaly must be 0 or 1, got 2"],
  [{ anomaly: true }, "anomaly must be 0 or 1, got true"],
  [{ anomaly: undefined }, "anomaly must be 0 or 1, got nothing"],
  [{ specie_name: ["x"] }, "specie_name must be a text, got a list"],
  [{ cls_name: "b" }, 'cls_name is "b", not that of its list'],
])("an entry like %j is told with its number", (rest, message) => {
  expect(() => withEntry(rest)).toThrow(`meta: m.json: train, class "a", entry 2: ${message}`);
});

test.each([
  ["{", "is not JSON: "],
  ["", "is not JSON: "],
  ["[".repeat(300_000), "is not JSON: "],
  ["[]", 'must be { "train": { class: [entries] }, "test": … }, got a list'],
  ["null", "must be { "],
  ['{"train": {}}', "test must be an object of classes as in { "],
  ['{"train": [], "test": {}}', "train must be an object of classes"],
  ['{"train": {"a": {}}, "test": {}}', 'train, class "a": must be a list, got an object'],
  ['{"train": {"": []}, "test": {}}', "a class needs a name"],
  ['{"train": {"a": [3]}, "test": {}}', 'train, class "a", entry 1: must be an object, got 3'],
  ['{"train": {"a": [[]]}, "test": {}}', "entry 1: must be an object, got a list"],
])("a file like %.40s is refused in one line", (text, message) => {
  expect(() => read(text)).toThrow(`meta: m.json: `);
  expect(() => read(text)).toThrow(message);
});

test("a long value is cut in the message, and a class named __proto__ is a class like others", () => {
  expect(() => withEntry({ anomaly: "x".repeat(5000) })).toThrow(/got "x{119}…$/);
  const text = `{"train": {"__proto__": [${JSON.stringify(entry({ cls_name: "__proto__" }))}]}, "test": {}}`;
  expect(read(text).classes).toEqual(["__proto__"]);
});

test("a symbolic link that leaves the folder is no way out, one inside it is followed", async () => {
  const outside = await makeTree(["secret/x.png"]);
  const root = await makeTree(["a/1.png"]);
  await mkdir(join(root, "b"));
  await symlink(join(outside, "secret"), join(root, "b/out"));
  await symlink(join(root, "a"), join(root, "b/in"));
  const write = (path: string) => {
    const meta = { train: { b: [entry({ cls_name: "b", img_path: path })] }, test: {} };
    return writeFile(join(root, "m.json"), JSON.stringify(meta));
  };
  await write("b/in/1.png");
  expect((await readMeta(root, join(root, "m.json"))).train[0]?.path).toBe(
    join(root, "b/in/1.png"),
  );
  await write("b/out/x.png");
  await expect(readMeta(root, join(root, "m.json"))).rejects.toThrow(
    /1 file it names is not in .*: "b\/out\/x\.png" \(symbolic link out of the folder, left out/,
  );
});

test("a missing metadata file is told, and one that is too large is not read", async () => {
  const root = await makeTree(["a/1.png", ["big.json", ""]]);
  await writeFile(join(root, "none.json"), '{"train": {}, "test": {}}');
  await expect(readMeta(root, join(root, "none.json"))).rejects.toThrow(
    "none.json: it names no class; is it the right file?",
  );
  await expect(readMeta(root, join(root, "no.json"))).rejects.toThrow("no.json: no such file");
  const { truncate } = await import("node:fs/promises");
  await truncate(join(root, "big.json"), 128 * 2 ** 20 + 1);
  await expect(readMeta(root, join(root, "big.json"))).rejects.toThrow(
    "134217729 bytes are more than the 134217728 allowed",
  );
});

test("anomalous images without a mask are tested on but not trained on, and repeated ones are noticed", () => {
  const bare = entry({ anomaly: 1, specie_name: "" });
  const {
    train,
    test: tested,
    findings,
  } = read({ train: { a: [bare] }, test: { a: [bare, bare] } });
  expect(train).toEqual([]);
  expect(tested[0]).toEqual({
    path: "/data/a/1.png",
    label: 1,
    defect: "defective",
    className: "a",
  });
  expect(findings.map(({ message }) => message)).toEqual([
    "no mask, so it can't be trained on, left out of training",
    "named more than once in a list, each time it counts",
  ]);
});
