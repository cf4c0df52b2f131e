/** Which images an epoch sees: how many, how often, in which order, and the same after a resume. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { EpochPosition } from "../../../src/cdo/curriculum/hook.ts";
import { createOrderHook } from "../../../src/cdo/curriculum/order.ts";
import type { OrderConfig, PacingConfig } from "../../../src/cdo/curriculum/order-config.ts";
import { mixed } from "../../../src/cdo/curriculum/order-sampling.ts";
import { permutation, seededRandom } from "../../../src/data/index.ts";
import { testDevice } from "../../device.ts";
import { samplesOf, surroundings } from "./surroundings.ts";

const device = await testDevice();

const at = (epoch: number, epochs: number): EpochPosition => ({
  epoch,
  epochs,
  t: epoch / Math.max(1, epochs - 1),
});
const normal = (n: number) => Array<0 | 1>(n).fill(0);
/** Scores as many as images, in an order of their own. */
const scoresFor = (labels: readonly (0 | 1)[]) =>
  samplesOf(labels).map(({ path }, i) => [path, (i * 7919) % 1009] as const);

async function hookOf(
  config: OrderConfig,
  labels: readonly (0 | 1)[],
  { batchSize = 4, seed = 3 } = {},
) {
  const difficulty = { name: "scores", scores: scoresFor(labels) } as const;
  const full = config.ordering === "random" ? config : { difficulty, ...config };
  const hook = createOrderHook(full, { seed, batchSize });
  await hook.begin?.(surroundings(device, labels));
  return hook;
}

/** How often each place comes. */
function counts(order: Uint32Array, n: number): number[] {
  const found = Array<number>(n).fill(0);
  for (const place of order) found[place] = (found[place] as number) + 1;
  return found;
}

/** Places from the easiest to the hardest. */
function easiest(labels: readonly (0 | 1)[]): number[] {
  const scores = scoresFor(labels).map(([, s]) => s);
  return [...labels.keys()]
    .filter((i) => labels[i] === 0)
    .sort((a, b) => (scores[a] as number) - (scores[b] as number));
}

const pacings: readonly PacingConfig[] = [
  { name: "continuous" },
  { name: "continuous", schedule: { name: "root", a: 0.5, b: 0.1 } },
  { name: "baby-steps" },
  { name: "one-pass" },
  { name: "soft" },
];

for (const pacing of pacings) {
  for (const ordering of ["curriculum", "anti", "random"] as const) {
    test(`${JSON.stringify(pacing)}, ${ordering}: as many images in every epoch, none that isn't there, the same for the same seed`, () =>
      fc.assert(
        fc.asyncProperty(
          fc.array(fc.constantFrom<0 | 1>(0, 0, 0, 1), { minLength: 1, maxLength: 40 }),
          fc.integer({ min: 1, max: 12 }),
          fc.integer({ min: 1, max: 6 }),
          async (given, epochs, batchSize) => {
            const labels: (0 | 1)[] = [0, ...given];
            const hook = await hookOf({ pacing, ordering }, labels, { batchSize });
            const again = await hookOf({ pacing, ordering }, labels, { batchSize });
            const ranked = labels.filter((l) => l === 0).length;
            let before = 0;
            for (let epoch = 0; epoch < epochs; epoch++) {
              const order = hook.order(at(epoch, epochs), labels.length);
              expect(order).toHaveLength(labels.length);
              expect(again.order(at(epoch, epochs), labels.length)).toEqual(order);
              const found = counts(order, labels.length);
              labels.forEach((label, i) => {
                if (label === 1) expect(found[i]).toBe(1);
              });
              const own = found.filter((n, i) => labels[i] === 0 && n > 0);
              expect(own.reduce((a, b) => a + b, 0)).toBe(ranked);
              const { share } = hook.scalars(at(epoch, epochs)) as { share: number };
              if (pacing.name !== "soft") {
                expect(Math.max(...own) - Math.min(...own)).toBeLessThanOrEqual(1);
                expect(own.length).toBe(Math.round(share * ranked));
                expect(own.length).toBeGreaterThanOrEqual(Math.min(ranked, 2 * batchSize));
              }
              if (pacing.name !== "one-pass") {
                expect(share).toBeGreaterThanOrEqual(before - 1e-12);
                before = share;
              }
            }
            if (pacing.name !== "one-pass" && epochs > 1) expect(before).toBeCloseTo(1, 12);
          },
        ),
        { numRuns: 25 },
      ));
  }
}

test("once all take part, the order is that of a training without a curriculum", async () => {
  for (const labels of [normal(30), [...normal(20), 1, 1, 0] as (0 | 1)[]]) {
    const hook = await hookOf({}, labels);
    for (const epoch of [8, 9]) {
      const plain = permutation(labels.length, seededRandom(3, epoch));
      expect(hook.order(at(epoch, 10), labels.length)).toEqual(plain);
    }
    const plain = permutation(labels.length, seededRandom(3, 0));
    expect(hook.order(at(0, 10), labels.length)).not.toEqual(plain);
  }
});

const seen = (order: Uint32Array) => [...new Set(order)].sort((a, b) => a - b);
const ascending = (list: readonly number[]) => list.toSorted((a, b) => a - b);

test("a curriculum begins with the easiest, its reverse with the hardest, and a random ranking stays", async () => {
  const labels = [...normal(25), 1, ...normal(25)] as (0 | 1)[];
  const ranks = easiest(labels);
  const first = async (ordering: "curriculum" | "anti" | "random", epoch: number) =>
    seen((await hookOf({ ordering }, labels)).order(at(epoch, 10), 51)).filter((i) => i !== 25);
  expect(await first("curriculum", 0)).toEqual(ascending(ranks.slice(0, 10)));
  expect(await first("anti", 0)).toEqual(ascending(ranks.slice(-10)));
  const random = await first("random", 0);
  expect(random).toHaveLength(10);
  expect(random).not.toEqual(ascending(ranks.slice(0, 10)));
  expect(await first("random", 3)).toEqual(expect.arrayContaining(random));
});

test("classes of one model come in together, each its easiest first", async () => {
  const around = surroundings(device, normal(40));
  // the bolts are all harder than the nuts, and there are three times as many
  const samples = around.set.samples.map((sample, i) => ({
    ...sample,
    className: i % 4 ? "bolt" : "nut",
  }));
  const scores = samples.map(({ path }, i) => [path, i % 4 ? 1000 - i : i] as const);
  const config = { difficulty: { name: "scores", scores } } as const;
  const hook = createOrderHook(config, { seed: 1, batchSize: 4 });
  await hook.begin?.({ ...around, set: { ...around.set, samples } });
  const first = seen(hook.order(at(0, 10), 40));
  expect(first).toEqual([0, 4, 33, 34, 35, 37, 38, 39]);
});

test("baby steps join one bucket after the other, one pass has one at a time", async () => {
  const labels = normal(50);
  const ranks = easiest(labels);
  const [baby, one] = [
    await hookOf({ pacing: { name: "baby-steps" } }, labels),
    await hookOf({ pacing: { name: "one-pass" } }, labels),
  ];
  for (let epoch = 0; epoch < 20; epoch++) {
    const bucket = Math.floor(epoch / 4);
    expect(seen(baby.order(at(epoch, 20), 50))).toEqual(
      ascending(ranks.slice(0, 10 * (bucket + 1))),
    );
    expect(seen(one.order(at(epoch, 20), 50))).toEqual(
      ascending(ranks.slice(10 * bucket, 10 * (bucket + 1))),
    );
  }
  const short = await hookOf({ pacing: { name: "baby-steps" } }, labels);
  expect([0, 1, 2].map((e) => short.scalars(at(e, 3)).share)).toEqual([0.32, 0.66, 1]);
});

test("two batches of images take part at least", async () => {
  const labels = normal(50);
  const hook = await hookOf({}, labels, { batchSize: 12 });
  expect(hook.scalars(at(0, 10))).toEqual({ share: 24 / 50 });
  const few = await hookOf({}, normal(7), { batchSize: 12 });
  expect(few.scalars(at(0, 10))).toEqual({ share: 1 });
  const one = await hookOf({ pacing: { name: "one-pass" } }, labels, { batchSize: 12 });
  const ranks = easiest(labels);
  expect(seen(one.order(at(0, 5), 50))).toEqual(ascending(ranks.slice(0, 24)));
  expect(seen(one.order(at(4, 5), 50))).toEqual(ascending(ranks.slice(26)));
});

test("where two batches are all images there are, whoever trains is told that it changes nothing", async () => {
  const toldOf = async (config: OrderConfig, count: number) => {
    const told: string[] = [];
    const around = surroundings(device, normal(count));
    const set = { ...around.set, tell: (message: string) => void told.push(message) };
    const hook = createOrderHook({ ordering: "random", ...config }, { seed: 1, batchSize: 4 });
    await hook.begin?.({ ...around, set });
    return told;
  };
  expect(await toldOf({}, 8)).toEqual([
    "curriculum order: an epoch draws from two batches at least, 8 images, but there are 8, so it changes nothing; a smaller batch size would make it work",
  ]);
  expect(await toldOf({}, 9)).toEqual([]);
  expect(await toldOf({ pacing: { name: "soft" } }, 4)).toEqual([]);
});

test("soft sampling takes rank r with exp(−r/τN), every image at times", async () => {
  const labels = normal(100);
  const hook = await hookOf({ pacing: { name: "soft" } }, labels, { batchSize: 2 });
  const epochs = 200;
  const effective = (decay: number) => {
    const p = Array.from({ length: 100 }, (_, r) => Math.exp(-r / decay));
    return p.reduce((a, b) => a + b, 0) ** 2 / p.reduce((a, b) => a + b * b, 0) / 100;
  };
  expect(hook.scalars({ epoch: 0, epochs, t: 0 }).share).toBeCloseTo(effective(20), 12);
  expect(hook.scalars({ epoch: 0, epochs, t: 0.4 }).share).toBeCloseTo(effective(40), 12); // g = ½
  const total = Array<number>(100).fill(0);
  for (let epoch = 0; epoch < epochs; epoch++) {
    // as the first epoch of a long training, each with draws of its own
    counts(hook.order({ epoch, epochs, t: 0 }, 100), 100).forEach((n, i) => {
      total[i] = (total[i] as number) + n;
    });
  }
  const weights = Array.from({ length: 100 }, (_, r) => Math.exp(-r / 20));
  const sum = weights.reduce((a, b) => a + b, 0);
  easiest(labels).forEach((place, rank) => {
    const want = (100 * (weights[rank] as number)) / sum;
    expect(Math.abs((total[place] as number) / epochs - want)).toBeLessThan(0.12);
  });
});

test("few images that come often don't meet themselves more than they must", async () => {
  const hook = await hookOf({}, normal(60), { batchSize: 6 });
  const order = hook.order(at(0, 10), 60);
  for (let k = 0; k < 60; k += 12) expect(new Set(order.subarray(k, k + 12)).size).toBe(12);
  expect(order.subarray(12, 24)).not.toEqual(order.subarray(0, 12));
});

test("real anomalies lie anywhere in an epoch", () => {
  const places = new Set<number>();
  for (let seed = 0; seed < 60; seed++) {
    const all = mixed(Uint32Array.of(0, 1, 2, 3), Uint32Array.of(9), seededRandom(seed));
    expect([...all].filter((v) => v !== 9)).toEqual([0, 1, 2, 3]);
    places.add(all.indexOf(9));
  }
  expect(places.size).toBe(5);
});

test("a resumed training ranks as before, and needs no images for it when the state comes first", async () => {
  const labels = [...normal(30), 1] as (0 | 1)[];
  const config: OrderConfig = { difficulty: { name: "entropy" } };
  const training = { seed: 5, batchSize: 2 };
  const first = createOrderHook(config, training);
  await first.begin?.(surroundings(device, labels));
  const saved = JSON.parse(JSON.stringify(first.state?.()));
  const order = first.order(at(2, 10), 31);

  const early = createOrderHook(config, training);
  early.loadState?.(saved);
  const around = surroundings(device, labels);
  await early.begin?.(around);
  expect(around.asked).toBe(0);
  expect(early.order(at(2, 10), 31)).toEqual(order);

  const late = createOrderHook(config, training);
  await late.begin?.(surroundings(device, labels));
  late.loadState?.({ scores: saved.scores.map((v: number) => -v) });
  expect(late.order(at(2, 10), 31)).not.toEqual(order);
  late.loadState?.(saved);
  expect(late.order(at(2, 10), 31)).toEqual(order);
});

test("a random order has no state, and the seed changes it", async () => {
  const config: OrderConfig = { ordering: "random" };
  const [a, b] = [await hookOf(config, normal(30)), await hookOf(config, normal(30), { seed: 4 })];
  expect(a.state).toBeUndefined();
  expect(a.order(at(0, 10), 30)).not.toEqual(b.order(at(0, 10), 30));
});

test("what it can't do is refused", async () => {
  const hook = createOrderHook({ difficulty: { name: "random" } }, { seed: 1, batchSize: 2 });
  expect(() => hook.order(at(0, 2), 3)).toThrow("asked for 3 images, it has begun with none");
  await expect(hook.begin?.(surroundings(device, [1, 1]))).rejects.toThrow(
    "only normal images are ranked, and there are none",
  );
  await hook.begin?.(surroundings(device, normal(5)));
  expect(() => hook.order(at(0, 2), 3)).toThrow("asked for 3 images, it has begun with 5");
  for (const state of [undefined, {}, { scores: [1, 2] }, { scores: [1, 2, 3, 4, "5"] }]) {
    expect(() => hook.loadState?.(state)).toThrow(
      "the state must hold a score for each normal image (5), got",
    );
  }
});
