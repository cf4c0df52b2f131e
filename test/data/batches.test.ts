import { expect, test } from "vitest";
import { type Batch, type BatchOptions, batchCount, batches } from "../../src/data/batches.ts";
import { imageCache } from "../../src/data/cache.ts";
import type { Sample } from "../../src/data/dataset.ts";
import { readImage } from "../../src/data/decode.ts";
import { encodePng } from "../../src/data/encode.ts";
import type { Finding } from "../../src/data/finding.ts";
import { makeImage } from "../../src/data/image.ts";
import { normalise } from "../../src/data/normalise.ts";
import { seededRandom } from "../../src/data/random.ts";
import { resize } from "../../src/data/resize.ts";
import { scanFolder } from "../../src/data/scan.ts";
import { type TrainOptions, testTransform, trainTransform } from "../../src/data/transforms.ts";
import { whiteNoise } from "../../src/data/white-noise.ts";
import { makeTree, numbered } from "./tree.ts";

const root = await makeTree([
  ...numbered("train/good", 7),
  ...numbered("test/good", 2),
  ...numbered("test/cut", 3),
  ...numbered("ground_truth/cut", 3, "_mask.png"),
]);
const dataset = await scanFolder(root);
const side = 32;

async function all(samples: readonly Sample[], options: Partial<BatchOptions>): Promise<Batch[]> {
  const found: Batch[] = [];
  const transform = testTransform({ size: side });
  for await (const batch of batches(samples, { batchSize: 3, side, transform, ...options })) {
    found.push(batch);
  }
  return found;
}
const train = (options: Partial<TrainOptions> = {}) =>
  trainTransform({ size: side, seed: 42, epoch: 0, ...options });

test("test batches hold normalised images, masks, labels and paths in order", async () => {
  const found = await all(dataset.test, {});
  expect(found.map(({ size, images, masks }) => [size, images.length, masks.length])).toEqual([
    [3, 3 * side * side * 3, 3 * side * side],
    [2, 2 * side * side * 3, 2 * side * side],
  ]);
  expect(found.flatMap(({ paths }) => paths)).toEqual(dataset.test.map(({ path }) => path));
  expect(found.flatMap(({ labels }) => [...labels])).toEqual([1, 1, 1, 0, 0]);
  expect(found.flatMap(({ indices }) => [...indices])).toEqual([0, 1, 2, 3, 4]);
  const last = await readImage(dataset.test[4]!.path);
  const want = normalise(resize(last, { width: side, height: side }, "bilinear"));
  expect(found[1]!.images.subarray(side * side * 3)).toEqual(want);
  // Masks mark the upper left quarter of the picture.
  const mask = found[0]!.masks.subarray(0, side * side);
  expect([...new Set(mask)].sort()).toEqual([0, 1]);
  // A quarter of the cells, less the one at the corner, of which less than half is marked.
  expect(mask.reduce((a, b) => a + b)).toBe((side * side) / 4 - 1);
  expect(found[1]!.masks.every((v) => v === 0)).toBe(true);
});

test("each image of a training batch is the one its index, seed and epoch decide", async () => {
  const found = await all(dataset.train, {
    transform: train({ epoch: 3 }),
    shuffle: seededRandom(1),
  });
  expect(found.flatMap(({ indices }) => [...indices]).sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  for (const batch of found) {
    for (const [i, index] of batch.indices.entries()) {
      const source = await readImage(dataset.train[index]!.path);
      const { image, mask } = whiteNoise(source, side, seededRandom(42, 3, index));
      const pixels = batch.images.subarray(i * side * side * 3, (i + 1) * side * side * 3);
      expect(pixels).toEqual(normalise(image));
      const soft = Float32Array.from(mask.data, (v) => v / 255);
      expect(batch.masks.subarray(i * side * side, (i + 1) * side * side)).toEqual(soft);
    }
  }
});

test("prefetching, batch size and cache do not change a bit of any image", async () => {
  const flat = async (options: Partial<BatchOptions>) => {
    const byIndex = new Map<number, Float32Array>();
    for (const { images, indices } of await all(dataset.train, options)) {
      const length = side * side * 3;
      indices.forEach((index, i) => {
        byIndex.set(index, images.slice(i * length, (i + 1) * length));
      });
    }
    return [...byIndex].sort(([a], [b]) => a - b);
  };
  const cache = imageCache();
  const want = await flat({ transform: train() });
  for (const prefetch of [0, 1, 5]) {
    for (const batchSize of [1, 4, 100]) {
      const shuffle = seededRandom(prefetch, batchSize);
      const transform = train({ cache });
      expect(await flat({ transform, prefetch, batchSize, shuffle })).toEqual(want);
    }
  }
  expect(cache.bytes()).toBe(7 * (12 * 8 * 3 + side * side * 3));
  expect(await flat({ transform: train({ epoch: 1, cache }) })).not.toEqual(want);
  expect(await flat({ transform: train({ seed: 43, cache }) })).not.toEqual(want);
});

test("the order is the seed's, and the last batch may not be full", async () => {
  const order = async (options: Partial<BatchOptions>) =>
    (await all(dataset.train, options)).flatMap(({ indices }) => [...indices]);
  const shuffled = await order({ shuffle: seededRandom(5) });
  expect(shuffled).not.toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(await order({ shuffle: seededRandom(5) })).toEqual(shuffled);
  const options = { batchSize: 3, side, transform: train() };
  expect([6, 7].map((count) => batchCount(count, options))).toEqual([2, 3]);
  expect(await all([], {})).toEqual([]);
});

test("an order loads exactly those samples, as they are in a whole epoch", async () => {
  const transform = train();
  const whole = await all(dataset.train, { transform, batchSize: 7 });
  const order = Uint32Array.of(6, 2, 3, 0);
  const found = await all(dataset.train, { transform, order });
  expect(found.map(({ indices }) => [...indices])).toEqual([[6, 2, 3], [0]]);
  const length = side * side * 3;
  expect(found[0]!.images.subarray(0, length)).toEqual(whole[0]!.images.subarray(6 * length));
  await expect(all(dataset.train, { order: Uint32Array.of(7) })).rejects.toThrow(
    "batches: order has 7, there are 7 samples",
  );
});

test("without anomalies an image is resized as for testing", async () => {
  const clean = await all(dataset.train, { transform: train({ anomalies: false }) });
  const plain = await all(dataset.train, {});
  expect(clean.map(({ images }) => images)).toEqual(plain.map(({ images }) => images));
  expect(clean.every(({ masks }) => masks.every((v) => v === 0))).toBe(true);
});

test("defective images in training keep their own mask, softly resized, and get no noise", async () => {
  const cut = dataset.test.filter(({ label }) => label === 1);
  const small = 5;
  const found = await all(cut, {
    side: small,
    transform: trainTransform({ size: small, seed: 1, epoch: 0 }),
  });
  const plain = await all(cut, { side: small, transform: testTransform({ size: small }) });
  expect(found[0]!.images).toEqual(plain[0]!.images);
  expect(found[0]!.masks.some((v) => v > 0 && v < 1)).toBe(true);
});

test("the 2023 version resizes as OpenCV does and keeps masks binary", async () => {
  const found = await all(dataset.train, { transform: train({ filters: "2023" }) });
  const values = new Set(found.flatMap(({ masks }) => [...masks]));
  expect([...values].every((v) => v === 0 || v === 1)).toBe(true);
  const source = await readImage(dataset.train[0]!.path);
  const want = whiteNoise(source, side, seededRandom(42, 0, 0), { version: "2023" });
  expect(found[0]!.images.subarray(0, side * side * 3)).toEqual(normalise(want.image));
});

test("the next batch is loaded while this one is used, and no more than asked for", async () => {
  const loaded: number[] = [];
  const transform = async (_: Sample, index: number) => void loaded.push(index);
  const options = { batchSize: 2, side, transform, prefetch: 1 };
  const wait = () => new Promise((done) => setTimeout(done, 20));
  let step = 0;
  for await (const _batch of batches(dataset.train, options)) {
    await wait();
    expect(loaded.length).toBe(Math.min(7, 2 * (step + 2)));
    if (++step === 2) break;
  }
  await wait();
  expect(loaded.length).toBe(6);
});

test("a broken image is thrown when its batch is due, and names its file", async () => {
  const broken = await makeTree(["good/0.png", "good/1.png", ["good/2.png", "nothing"]]);
  const { train: samples } = await scanFolder(broken, { testFraction: 0 });
  const seen: string[] = [];
  const run = async () => {
    const options = { batchSize: 1, side, transform: testTransform({ size: side }), prefetch: 2 };
    for await (const { paths } of batches(samples, options)) seen.push(...paths);
  };
  await expect(run()).rejects.toThrow(`decode: ${broken}/good/2.png: it is not an image`);
  expect(seen.length).toBe(2);
});

test("a mask of another shape is refused, a smaller one and one that vanishes are reported", async () => {
  const mark = (width: number, height: number, marked: number) => {
    const mask = makeImage(width, height, 1);
    mask.data.fill(255, 0, marked);
    return encodePng(mask);
  };
  const odd = await makeTree([
    "good/0.png",
    "good/1.png",
    "bad/0.png",
    ["mask/0.png", mark(8, 12, 9)],
  ]);
  const sampleOf = async (at: string) =>
    (await scanFolder(at)).test.filter(({ label }) => label === 1);
  await expect(all(await sampleOf(odd), {})).rejects.toThrow(
    `mask: ${odd}/mask/0.png: mask has another size than its image, so it is not used (draw it at that size): 8x12, ${odd}/bad/0.png is 12x8`,
  );
  const half = await makeTree([
    "good/0.png",
    "good/1.png",
    "bad/0.png",
    ["mask/0.png", mark(120, 80, 1)],
  ]);
  const findings: Finding[] = [];
  const transform = testTransform({ size: side, report: (f) => void findings.push(f) });
  await all(await sampleOf(half), { transform });
  expect(findings.map(({ message }) => message)).toEqual([
    `mask has another size than its image, so it is scaled: 120x80, ${half}/bad/0.png is 12x8`,
    "nothing is left of the mask at this size, its image stays defective: 32",
  ]);
});

test("sizes that are not whole numbers are refused", async () => {
  await expect(all(dataset.train, { batchSize: 0 })).rejects.toThrow(
    "batches: must be whole numbers, got batchSize 0, prefetch 1, side 32",
  );
  expect(() => testTransform({ size: 1.5 })).toThrow(
    "size: must be a whole number of pixels, got 1.5",
  );
  expect(() => imageCache(-1)).toThrow("imageCache: maxBytes must not be negative, got -1");
});

test("a full cache keeps what it has and takes nothing more", () => {
  const cache = imageCache(100);
  const image = makeImage(9, 10, 1);
  cache.put("a", { clean: image, stored: image });
  cache.put("b", { clean: image, stored: image });
  expect([cache.get("a")?.clean, cache.get("b"), cache.bytes()]).toEqual([image, undefined, 90]);
});
