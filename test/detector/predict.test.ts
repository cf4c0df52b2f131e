/** Maps and scores of batches: their order, their masks, what is refused, and GPU memory that does not grow. */
import { expect, test } from "vitest";
import { createCdo } from "../../src/cdo/index.ts";
import { openDevice } from "../../src/core/index.ts";
import { predictBatches } from "../../src/detector/index.ts";
import { batchOf, fakeDetector, sampleOf, these } from "./fakes.ts";

test("predictions come in the order of the batches, each with its own map, score and mask", async () => {
  const { detector } = fakeDetector({ map: (v) => 10 * v });
  const samples = [
    sampleOf("a.png"),
    sampleOf("b.png", 1, "b_mask.png"),
    sampleOf("c.png", 1),
    sampleOf("d.png"),
    sampleOf("e.png", 1, "e_mask.png"),
  ];
  const done: number[] = [];
  const batches = these([
    batchOf(["a.png", "b.png"], { side: 2, labels: [0, 1], mask: 0.5 }),
    batchOf(["c.png", "d.png"], { side: 2, labels: [1, 0], first: 2, mask: 0.25 }),
    batchOf(["e.png"], { side: 2, labels: [1], first: 4, mask: 0.75 }),
  ]);
  const found = await predictBatches(detector, samples, batches, (n) => done.push(n));
  expect(done).toEqual([2, 4, 5]);
  expect(found.map(({ path, label, score }) => [path, label, score])).toEqual([
    ["a.png", 0, 0],
    ["b.png", 1, 10],
    ["c.png", 1, 20],
    ["d.png", 0, 30],
    ["e.png", 1, 40],
  ]);
  expect(found[3]?.map).toEqual(new Float32Array(4).fill(30));
  // a mask counts where it is above one half; a defective image without one has none
  expect(found.map(({ mask }) => mask && [...mask])).toEqual([
    [0, 0, 0, 0],
    [0, 0, 0, 0],
    undefined,
    [0, 0, 0, 0],
    [1, 1, 1, 1],
  ]);
  expect("mask" in (found[2] as object)).toBe(false);
});

test("maps before smoothing come beside those after it when they are asked for", async () => {
  const samples = [sampleOf("a.png"), sampleOf("b.png")];
  const batches = () => these([batchOf(["a.png", "b.png"], { side: 2 })]);
  const { detector } = fakeDetector({ raw: (v) => v + 1, map: (v) => 10 * v });
  const both = await predictBatches(detector, samples, batches(), undefined, { raw: true });
  expect(both.map(({ raw }) => raw)).toEqual([
    new Float32Array(4).fill(1),
    new Float32Array(4).fill(2),
  ]);
  expect(both[1]?.raw?.buffer.byteLength).toBe(16);
  const plain = await predictBatches(detector, samples, batches());
  expect(plain.some((p) => "raw" in p)).toBe(false);
  expect(both.map(({ map, score }) => ({ map, score }))).toEqual(
    plain.map(({ map, score }) => ({ map, score })),
  );
  expect(both[1]?.map).toEqual(new Float32Array(4).fill(20));
  const other = fakeDetector({ map: (v) => 10 * v }).detector; // a method that has none
  const without = await predictBatches(other, samples, batches(), undefined, { raw: true });
  expect(without.some((p) => "raw" in p)).toBe(false);
});

test("a map belongs to its prediction alone", async () => {
  const { detector } = fakeDetector();
  const samples = [sampleOf("a.png"), sampleOf("b.png")];
  const found = await predictBatches(detector, samples, these([batchOf(["a.png", "b.png"])]));
  expect(found[0]?.map.buffer.byteLength).toBe(4);
});

test("no batches give no predictions", async () => {
  expect(await predictBatches(fakeDetector().detector, [], these([]))).toEqual([]);
});

for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
  test(`a map with ${bad} is refused with the image's name`, async () => {
    const { detector } = fakeDetector({ map: (v) => (v === 1 ? bad : v) });
    const samples = [sampleOf("a.png"), sampleOf("b.png")];
    const failed = predictBatches(
      detector,
      samples,
      these([batchOf(["a.png", "b.png"], { side: 3 })]),
    );
    await expect(failed).rejects.toThrow(
      "fake: 9 of 9 pixels of the map of b.png are not finite; the weights are damaged or training diverged: use another run",
    );
  });
}

test("batches of another list are refused", async () => {
  const { detector } = fakeDetector();
  const batch = () => these([batchOf(["a.png"])]);
  await expect(predictBatches(detector, [sampleOf("b.png")], batch())).rejects.toThrow(
    "predictBatches: image 0 of the list is b.png, but the batch has a.png; give the list that it was made from",
  );
  await expect(predictBatches(detector, [], batch())).rejects.toThrow(
    "image 0 of the list does not exist",
  );
});

test("fifty batches need no more GPU memory than one, and weights that are damaged are seen", async () => {
  const device = await openDevice({ onWarning: () => {} });
  const config = { backbone: "resnet18", imageSize: 32, batchSize: 2 };
  const cdo = createCdo({ device, config, seed: 1 });
  const names = ["a.png", "b.png"];
  const samples = names.map((name) => sampleOf(name));
  const repeat = (n: number) =>
    these(Array.from({ length: n }, () => batchOf(names, { side: 32 })));
  await predictBatches(cdo, samples, repeat(2));
  const before = device.memory.stats();
  const found = await predictBatches(cdo, samples, repeat(50));
  expect(device.memory.stats()).toEqual(before);
  expect(found).toHaveLength(100);
  expect(found.at(-1)?.map).toEqual(found[1]?.map);

  const state = await cdo.modelState();
  (state.get("net_s.layer1.0.bn1.running_mean")?.data as Float32Array)[3] = Number.NaN;
  cdo.loadModelState(state);
  await expect(predictBatches(cdo, samples, repeat(1))).rejects.toThrow(
    "cdo: 1024 of 1024 pixels of the map of a.png are not finite",
  );
  cdo.dispose();
  expect(device.memory.stats().liveBuffers).toBe(0);
  device.close();
});
