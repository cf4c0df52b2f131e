/** How the tests of layouts look at a data set: samples and findings as short rows, and what its masks mark. */
import { expect } from "vitest";
import type { Dataset, Sample } from "../../src/data/dataset.ts";
import { readImage } from "../../src/data/decode.ts";
import { readMask } from "../../src/data/mask.ts";

/** A path from the root of the data set. */
export const inside = (dataset: Dataset, path: string) => path.slice(dataset.root.length + 1);

/** `[path, label, defect, mask]` of each sample. */
export function rowsOf(dataset: Dataset, samples: readonly Sample[]) {
  return samples.map(({ path, label, defect, maskPath }) => [
    inside(dataset, path),
    label,
    defect,
    maskPath && inside(dataset, maskPath),
  ]);
}

/** `level file: message` of each finding. */
export function problemsOf({ root, findings }: Dataset): string[] {
  return findings.map(({ level, file, message }) =>
    `${level} ${file === root ? "." : file}: ${message}`.replaceAll(`${root}/`, ""),
  );
}

/** Per class: training images, normal and defective test images. */
export function countsOf({ classes, train, test }: Dataset) {
  const count = (all: readonly Sample[], name: string, label: 0 | 1) =>
    all.filter((s) => s.className === name && s.label === label).length;
  return Object.fromEntries(
    classes.map((name) => [
      name,
      [
        train.filter((s) => s.className === name).length,
        count(test, name, 0),
        count(test, name, 1),
      ],
    ]),
  );
}

/** Holds that each image opens, and that something is marked exactly where the label is 1. */
export async function expectMasksFit({ train, test }: Dataset): Promise<void> {
  for (const { path, maskPath, label } of [...train, ...test]) {
    const { width, height } = await readImage(path);
    const mask = maskPath === undefined ? undefined : await readMask(maskPath);
    const marked = mask?.data.reduce((sum, v) => sum + (v > 0 ? 1 : 0), 0) ?? 0;
    expect([path, marked > 0]).toEqual([path, label === 1]);
    if (mask) expect([mask.width, mask.height]).toEqual([width, height]);
  }
}
