/** The batches of a method that drops incomplete ones and frames its images at random. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { samplingOf, testBatches, trainingBatches } from "../../src/cli/training-batches.ts";
import { type Batch, imagesPerEpoch, type Sample } from "../../src/data/index.ts";
import type { Detector, TrainingImages } from "../../src/detector/index.ts";
import { makeTree, numbered } from "../data/tree.ts";

const side = 9;
const images: TrainingImages = {
  size: side,
  shorter: 11,
  filters: "lanczos",
  wild: { degrees: 10 },
  synthesis: "none",
  detour: false,
  dropLast: true,
};

const detectorOf = (batchSize: number, rest: Partial<TrainingImages> = {}) =>
  ({ batchSize, images: { ...images, ...rest } }) as Pick<
    Detector,
    "batchSize" | "images"
  > as Detector;

async function sampled(count: number): Promise<Sample[]> {
  const names = numbered("nut/train/good", count);
  const root = await makeTree(names);
  return names.map((name) => {
    return { path: join(root, name), label: 0, defect: "good", className: "nut" };
  });
}

async function all(from: AsyncIterable<Batch>): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of from) batches.push(batch);
  return batches;
}

test.each([
  { count: 7, batchSize: 3, sizes: [3, 3] },
  { count: 6, batchSize: 3, sizes: [3, 3] },
  { count: 2, batchSize: 3, sizes: [2] },
])(
  "dropLast: of $count images in batches of $batchSize an epoch shows $sizes, as it says beforehand",
  async ({ count, batchSize, sizes }) => {
    const samples = await sampled(count);
    const detector = detectorOf(batchSize);
    const source = trainingBatches(samples, detector, 3);
    const seen = await all(source.batches(0, 0, undefined));
    expect(seen.map(({ size }) => size)).toEqual(sizes);
    expect(source.stepsPerEpoch).toBe(sizes.length);
    expect(source.imagesPerEpoch).toBe(sizes.reduce((a, b) => a + b));
    expect(imagesPerEpoch(samplingOf(samples, detector))).toBe(source.imagesPerEpoch);
  },
);

test("an order of the method's own drops its last images too", async () => {
  const source = trainingBatches(await sampled(5), detectorOf(2), 3);
  const order = Uint32Array.of(4, 3, 2, 1, 0);
  const seen = await all(source.batches(0, 0, { order, scalars: {} }));
  expect(seen.map(({ indices }) => [...indices])).toEqual([
    [4, 3],
    [2, 1],
  ]);
});

test("an epoch that goes on in its middle shows the same bits, also where images are turned and cut at random", async () => {
  const samples = await sampled(7);
  const whole = await all(trainingBatches(samples, detectorOf(2), 3).batches(4, 0, undefined));
  for (const first of [1, 2]) {
    const rest = await all(trainingBatches(samples, detectorOf(2), 3).batches(4, first, undefined));
    expect(rest).toEqual(whole.slice(first));
  }
  const other = await all(trainingBatches(samples, detectorOf(2), 3).batches(5, 0, undefined));
  const of = (batches: Batch[], place: number) => {
    const batch = batches.find(({ indices }) => indices.includes(place));
    const at = batch?.indices.indexOf(place) ?? 0;
    return batch?.images.slice(at * side * side * 3, (at + 1) * side * side * 3);
  };
  const both = samples.map((_, place) => [of(whole, place), of(other, place)]);
  const seenTwice = both.filter(([a, b]) => a && b);
  expect(seenTwice.length).toBeGreaterThan(3);
  for (const [a, b] of seenTwice) expect(a).not.toEqual(b);
});

test("without randomness every look at an image is the same: in training, beforehand and in testing", async () => {
  const samples = await sampled(4);
  const { wild: _, ...still } = images;
  const detector = { batchSize: 2, images: still } as Detector;
  const source = trainingBatches(samples, detector, 3);
  const before = await all(source.set.clean([2, 0]));
  expect(before.map(({ indices }) => [...indices])).toEqual([[2, 0]]);
  const tested = await all(testBatches([samples[2]!, samples[0]!], detector));
  expect(before[0]!.images).toEqual(tested[0]!.images);
  const trained = await all(
    source.batches(1, 0, { order: Uint32Array.of(2, 0, 1, 3), scalars: {} }),
  );
  expect(trained[0]!.images).toEqual(tested[0]!.images);
});

test("before training an image is framed by its place, whichever others are looked at", async () => {
  const source = trainingBatches(await sampled(4), detectorOf(2), 3);
  const [both] = await all(source.set.clean([1, 3]));
  const [alone] = await all(source.set.clean([3]));
  expect(alone!.images).toEqual(both!.images.slice(side * side * 3));
});
