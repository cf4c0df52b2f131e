/** Folders of many files and many classes: the work grows with the files, not with files times classes. */
import { expect, test } from "vitest";
import { byCodePoint, type Folder } from "../../src/data/dataset.ts";
import { indexDataset } from "../../src/data/meta.ts";
import { metaDataset } from "../../src/data/meta-read.ts";
import { readDataset } from "../../src/data/scan.ts";

const folder = (files: string[]): Folder => ({
  root: "/photos",
  files: files.sort(byCodePoint),
  findings: [],
  read: () => Promise.reject(new Error("no list is read")),
});

const classes = 3000;
const each = <T>(count: number, make: (i: number) => T[]): T[] =>
  Array.from({ length: count }, (_, i) => make(i)).flat();

test.each([
  [
    "mvtec",
    (home: string, i: number) => [
      `${home}/train/good/${i}.png`,
      `${home}/test/cut/${i}.png`,
      `${home}/ground_truth/cut/${i}_mask.png`,
    ],
  ],
  [
    "plain",
    (home: string, i: number) => [
      `${home}/good/${i}.png`,
      `${home}/cut/${i}.png`,
      `${home}/mask/cut/${i}.png`,
    ],
  ],
])(
  "three thousand classes of layout %s are read and indexed in seconds",
  async (layout, place) => {
    const files = each(classes, (c) => each(4, (i) => place(`lot ${c}`, i)));
    const began = performance.now();
    const whole = folder(files);
    const dataset = await readDataset(whole);
    const [meta] = indexDataset(dataset).files;
    const again = metaDataset(whole, meta!.text, "meta.json");
    expect(performance.now() - began).toBeLessThan(20_000); // was a minute
    expect([dataset.layout, dataset.classes.length]).toEqual([layout, classes]);
    expect([dataset.train.length + dataset.test.length, again.train.length]).toEqual([
      8 * classes,
      dataset.train.length,
    ]);
  },
  60_000,
);
