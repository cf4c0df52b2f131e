import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { checkFolder } from "../../src/data/check.ts";
import { demoImage, products, writeDemo } from "../../src/data/demo/write.ts";

const folder = await mkdtemp(join(tmpdir(), "demo-"));
afterAll(() => rm(folder, { recursive: true }));
const names = products.map(({ name }) => name);

test("the demo is an ordinary data set of three classes without a single finding", async () => {
  const dir = join(folder, "whole");
  const counts = { train: 3, good: 2, defective: 5 };
  expect(await writeDemo(dir, { size: 48, counts })).toBe(3 * (3 + 2 + 2 * 5));
  const { dataset, classes, findings } = await checkFolder(dir);
  expect(findings).toEqual([]);
  expect([dataset.layout, dataset.classes]).toEqual(["mvtec", ["fabric", "tile", "washer"]]);
  expect(classes[0]).toEqual({
    name: "fabric",
    train: 3,
    testGood: 2,
    defects: {
      fibre: { images: 2, masks: 2 },
      hole: { images: 1, masks: 1 },
      missing_thread: { images: 1, masks: 1 },
      stain: { images: 1, masks: 1 },
    },
    sizes: { "48x48": 10 },
  });
});

test("the same seed writes the same files, another seed others", async () => {
  const bytes = async (dir: string, seed: number) => {
    await writeDemo(join(folder, dir), {
      seed,
      size: 32,
      counts: { train: 1, good: 1, defective: 2 },
      products: ["tile"],
    });
    const files = (await readdir(join(folder, dir), { recursive: true })).sort();
    const pngs = files.filter((file) => file.endsWith(".png"));
    const contents = await Promise.all(pngs.map((file) => readFile(join(folder, dir, file))));
    return [pngs, contents.map((content) => content.toString("base64"))];
  };
  const first = await bytes("a", 1);
  expect(await bytes("b", 1)).toEqual(first);
  const other = await bytes("c", 2);
  expect(other[0]).toEqual(first[0]);
  expect(other[1]!.some((content, i) => content === first[1]![i])).toBe(false);
});

test("pieces of one product differ from each other but not much, products differ a lot", () => {
  const mean = (product: string, index: number) => {
    const { data } = demoImage(product, { size: 64, part: "train", index }).image;
    return data.reduce((a, b) => a + b, 0) / data.length;
  };
  for (const name of names) {
    const levels = [0, 1, 2, 3, 4].map((i) => mean(name, i));
    expect(new Set(levels).size).toBe(5);
    expect(Math.max(...levels) - Math.min(...levels)).toBeLessThan(30);
  }
});

test.each(products)(
  "every defect of $name marks a visible part of the picture, whatever the seed",
  ({ name, defects }) => {
    const kinds = Object.keys(defects);
    for (let index = 0; index < kinds.length * 6; index++) {
      const size = 96;
      const piece = demoImage(name, { seed: 5, size, part: "defective", index });
      expect(piece.defect).toBe(kinds[index % kinds.length]);
      const share = piece.mask.data.filter((v) => v === 255).length / (size * size);
      expect(piece.mask.data.every((v) => v === 0 || v === 255)).toBe(true);
      expect([name, piece.defect, share > 0.001 && share < 0.2]).toEqual([
        name,
        piece.defect,
        true,
      ]);
    }
  },
);

test("good pieces have an empty mask", () => {
  for (const name of names) {
    const { mask, defect } = demoImage(name, { size: 32, part: "good", index: 0 });
    expect([defect, mask.data.every((v) => v === 0)]).toEqual(["good", true]);
  }
});

test("sizes, counts and products that can't be are refused", async () => {
  await expect(writeDemo(folder, { size: 16 })).rejects.toThrow(
    "demo: size must be 32 to 1024 pixels, got 16",
  );
  await expect(writeDemo(folder, { counts: { train: -1 } })).rejects.toThrow(
    "demo: counts must be 0 to 10000",
  );
  await expect(writeDemo(folder, { products: ["shoe"] })).rejects.toThrow(
    'demo: no product "shoe"; there is fabric, tile, washer',
  );
});
