import { expect, test } from "vitest";
import { permutation, seededRandom } from "../../src/data/random.ts";
import {
  balancedFrom,
  balancedOrder,
  imagesPerEpoch,
  naiveOrder,
  type SampleLabels,
  type SamplerName,
  samplerOrder,
  stepsPerEpoch,
} from "../../src/data/sampler.ts";
import { fixture } from "./pixels.ts";

type Recorded = {
  readonly n_normal_total: number;
  readonly n_outlier_total: number;
  readonly batch_size: number;
  readonly per_batch_normal: number;
  readonly batches: number;
  readonly epoch1: readonly (readonly number[])[];
  readonly epoch2: readonly (readonly number[])[];
};
const { sampler: recorded } = fixture<{ sampler: readonly Recorded[] }>("splits-2025");

const labelsOf = (normal: number, anomalous: number): SampleLabels => [
  ...Array.from({ length: normal }, () => 0 as const),
  ...Array.from({ length: anomalous }, () => 1 as const),
];
const sampling = (sampler: SamplerName, normal: number, anomalous: number, batchSize: number) => ({
  sampler,
  labels: labelsOf(normal, anomalous),
  batchSize,
});
const inBatches = (order: Uint32Array, size: number) =>
  Array.from({ length: order.length / size }, (_, i) => [
    ...order.subarray(i * size, (i + 1) * size),
  ]);

test.each(recorded)(
  "with the reference's draws, $n_normal_total normal and $n_outlier_total anomalous images in batches of $batch_size come as it lays them",
  ({ n_normal_total: normal, n_outlier_total: anomalous, batch_size: size, ...said }) => {
    const labels = labelsOf(normal, anomalous);
    const both = [...said.epoch1, ...said.epoch2];
    const drawn = {
      normal: both.flatMap((batch) => batch.slice(0, said.per_batch_normal)),
      anomalous: both.flatMap((batch) => batch.slice(said.per_batch_normal)).map((i) => i - normal),
    };
    const shuffle = (kind: "normal" | "anomalous", cycle: number, count: number) =>
      Uint32Array.from(drawn[kind].slice(cycle * count, (cycle + 1) * count));
    expect(stepsPerEpoch({ sampler: "balanced", labels, batchSize: size })).toBe(said.batches);
    const epochs = [0, 1].map((epoch) => balancedFrom(labels, size, epoch, shuffle));
    expect(epochs.map((order) => inBatches(order, size))).toEqual([said.epoch1, said.epoch2]);
  },
);

test("the reference's draws are shuffled orders, each used up before the next, also over the end of an epoch", () => {
  for (const { n_normal_total: count, per_batch_normal: many, epoch1, epoch2 } of recorded) {
    const drawn = [...epoch1, ...epoch2].flatMap((batch) => batch.slice(0, many));
    const whole = Math.floor(drawn.length / count);
    for (let cycle = 0; cycle < whole; cycle++) {
      const part = drawn.slice(cycle * count, (cycle + 1) * count).sort((a, b) => a - b);
      expect(part).toEqual([...Array(count).keys()]);
    }
  }
});

test("both kinds go through endless shuffled orders that go on from epoch to epoch", () => {
  const labels: SampleLabels = [1, 0, 0, 1, 0, 0, 0, 1, 0];
  const epochs = [0, 1, 2, 3].map((epoch) => balancedOrder(labels, 5, 11, epoch));
  const batches = epochs.flatMap((order) => inBatches(order, 5));
  expect(batches).toHaveLength(4 * (Math.floor(6 / 2) + 1));
  const normal = batches.flatMap((batch) => batch.slice(0, 2));
  const anomalous = batches.flatMap((batch) => batch.slice(2));
  const cycles = (drawn: number[], places: number[]) => {
    const orders = new Set<string>();
    for (let at = 0; at + places.length <= drawn.length; at += places.length) {
      const cycle = drawn.slice(at, at + places.length);
      expect([...cycle].sort((a, b) => a - b)).toEqual(places);
      orders.add(String(cycle));
    }
    return orders.size;
  };
  expect(cycles(normal, [1, 2, 4, 5, 6, 8])).toBe(5); // all different
  expect(cycles(anomalous, [0, 3, 7])).toBeGreaterThan(2); // there are six
});

test("the same seed and epoch give the same order, another seed another one", () => {
  const labels = labelsOf(20, 6);
  expect(balancedOrder(labels, 8, 3, 7)).toEqual(balancedOrder(labels, 8, 3, 7));
  expect(balancedOrder(labels, 8, 3, 7)).not.toEqual(balancedOrder(labels, 8, 4, 7));
  expect(balancedOrder(labels, 8, 3, 7)).not.toEqual(balancedOrder(labels, 8, 3, 8));
});

test("without anomalous images all are normal, and there is one batch more than they fill", () => {
  const order = balancedOrder(labelsOf(8, 0), 4, 1, 0);
  expect(order).toHaveLength(12);
  expect([...order.subarray(0, 8)].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(balancedOrder(labelsOf(1, 0), 1, 1, 5)).toEqual(Uint32Array.of(0, 0));
});

test("one anomalous image among many is in every batch, and few normal images come several times", () => {
  const one = inBatches(balancedOrder(labelsOf(7, 1), 3, 1, 0), 3);
  expect(one.map((batch) => batch.slice(1))).toEqual(Array(8).fill([7, 7]));
  const few = inBatches(balancedOrder(labelsOf(2, 9), 8, 1, 0), 8);
  expect(few).toHaveLength(1);
  expect([...few[0]!.slice(0, 4)].sort()).toEqual([0, 0, 1, 1]);
});

test("a batch without room for both, and no normal image at all, are told", () => {
  expect(() => balancedOrder(labelsOf(5, 2), 1, 1, 0)).toThrow(
    "sampler balanced: a batch holds normal and anomalous images, so it needs room for two, got batch size 1",
  );
  expect(() => stepsPerEpoch(sampling("balanced", 5, 0, 0))).toThrow("got batch size 0");
  expect(() => stepsPerEpoch(sampling("balanced", 0, 5, 4))).toThrow(
    "sampler balanced: needs normal images, got none (5 anomalous); use the sampler naive",
  );
});

test("the naive order is the permutation of (seed, epoch), its last batch what is left over", () => {
  expect(naiveOrder(9, 4, 2)).toEqual(permutation(9, seededRandom(4, 2)));
  expect(samplerOrder(sampling("naive", 6, 3, 4), 4, 2)).toEqual(naiveOrder(9, 4, 2));
  expect(samplerOrder(sampling("balanced", 6, 3, 4), 4, 2)).toEqual(
    balancedOrder(labelsOf(6, 3), 4, 4, 2),
  );
  expect(stepsPerEpoch(sampling("naive", 6, 3, 4))).toBe(3);
  expect(stepsPerEpoch(sampling("naive", 0, 1, 4))).toBe(1);
});

test.each([
  { images: 9, batchSize: 4, steps: 2, seen: 8 },
  { images: 8, batchSize: 4, steps: 2, seen: 8 },
  { images: 4, batchSize: 4, steps: 1, seen: 4 },
  { images: 3, batchSize: 4, steps: 1, seen: 3 },
  { images: 5, batchSize: 1, steps: 5, seen: 5 },
])(
  "with dropLast $images images in batches of $batchSize make $steps steps and show $seen",
  ({ images, batchSize, steps, seen }) => {
    const dropping = { ...sampling("naive", images, 0, batchSize), dropLast: true };
    expect(stepsPerEpoch(dropping)).toBe(steps);
    expect(imagesPerEpoch(dropping)).toBe(seen);
    expect(samplerOrder(dropping, 4, 2)).toEqual(naiveOrder(images, 4, 2).subarray(0, seen));
  },
);

test("the balanced sampler has no batch that is not full, so dropLast drops none", () => {
  const dropping = { ...sampling("balanced", 6, 3, 4), dropLast: true };
  expect(imagesPerEpoch(dropping)).toBe(16);
  expect(samplerOrder(dropping, 4, 2)).toEqual(balancedOrder(labelsOf(6, 3), 4, 4, 2));
});
