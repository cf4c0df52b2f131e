/** The two ways to a memory bank, by hand: pixels of tiny images stand for φ. */
import { describe, expect, test } from "vitest";
import { type BankOptions, meanBank, paperBank } from "../../src/cfa/bank.ts";
import { Rng } from "../../src/core/index.ts";
import { closeTo } from "../core/close.ts";
import { these } from "../detector/fakes.ts";
import { testDevice } from "../device.ts";
import { blackBatch } from "./golden.ts";

const device = await testDevice();
const side = 3;
const [patches, width] = [side * side, 3];
const host = Array.from({ length: 5 }, (_, i) => new Rng(3).fork(i).normalHost(patches * width));

/** Five images in batches of these sizes. */
function options(sizes: readonly number[], centres = patches, seed = 1): BankOptions {
  let first = 0;
  const batches = sizes.map((size) => {
    const batch = blackBatch(size, side, "noise");
    for (let i = 0; i < size; i++) batch.images.set(host[first++]!, i * patches * width);
    return batch;
  });
  const rng = new Rng(seed);
  return { device, batches: these(batches), describe: (images) => images, centres, rng };
}

async function rows(make: typeof meanBank, given: BankOptions): Promise<Float32Array> {
  const bank = await make(given);
  expect(bank.shape).toEqual([given.centres, width]);
  const data = (await bank.data()) as Float32Array;
  bank.dispose();
  return data;
}

describe("mean", () => {
  const average = host[0]!.map((_, i) => host.reduce((sum, x) => sum + x[i]!, 0) / 5);
  for (const sizes of [[5], [2, 2, 1], [1, 1, 1, 1, 1]]) {
    test(`of batches of ${sizes} counts every image alike`, async () => {
      closeTo(await rows(meanBank, options(sizes)), average, { rtol: 1e-6, atol: 1e-6 });
    });
  }
});

/** Algorithm 1 where C₀ is the first image. */
function algorithm1(): Float64Array {
  const centres = Float64Array.from(host[0]!);
  for (const [i, image] of host.entries()) {
    if (i === 0) continue;
    const before = centres.slice();
    for (let c = 0; c < patches; c++) {
      const distance = (p: number) =>
        [0, 1, 2].reduce((sum, d) => sum + (before[3 * c + d]! - image[3 * p + d]!) ** 2, 0);
      let best = 0;
      for (let p = 1; p < patches; p++) if (distance(p) < distance(best)) best = p;
      for (let d = 0; d < 3; d++)
        centres[3 * c + d]! += (image[3 * best + d]! - before[3 * c + d]!) / (i + 1);
    }
  }
  return centres;
}

describe("paper", () => {
  for (const sizes of [[5], [2, 2, 1], [1, 1, 1, 1, 1]]) {
    test(`of batches of ${sizes} moves every centre to the nearest patch, image by image`, async () => {
      closeTo(await rows(paperBank, options(sizes)), algorithm1(), { rtol: 1e-6, atol: 1e-6 });
    });
  }
});

describe("fewer centres than patches", () => {
  for (const make of [meanBank, paperBank]) {
    test(`${make.name}: the same for the same seed`, async () => {
      const [a, b] = [await rows(make, options([3, 2], 4)), await rows(make, options([3, 2], 4))];
      expect(a).toEqual(b);
      expect(new Set(Array.from({ length: 4 }, (_, i) => a[3 * i])).size).toBe(4);
    });
  }
  test("one centre of the mean is the mean of all patches", async () => {
    const all = await rows(meanBank, options([5]));
    const centre = await rows(meanBank, options([5], 1));
    const mean = [0, 1, 2].map(
      (d) => all.filter((_, i) => i % 3 === d).reduce((x, y) => x + y) / patches,
    );
    closeTo(centre, mean, { rtol: 1e-5, atol: 1e-6 });
  });
});
