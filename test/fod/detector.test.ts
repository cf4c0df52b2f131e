/** FOD as a detector: its reference, steps recorded or not, modes, levels and sizes, memory, and what it refuses. */
import { expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import type { Batch, Sample } from "../../src/data/index.ts";
import type { StepPosition, TrainingSet } from "../../src/detector/index.ts";
import { createFod, type Fod, type FodConfig, type FodOptions } from "../../src/fod/index.ts";
import { closeTo } from "../core/close.ts";
import { testDevice } from "../device.ts";

const device = await testDevice();

const small: Partial<FodConfig> = {
  backbone: "resnet10_half",
  imageSize: 48,
  widths: [16, 32],
  heads: 4,
  layers: 2,
  epochs: 2,
};
const make = (config: Partial<FodConfig> = {}, rest: Partial<FodOptions> = {}) =>
  createFod({ device, config: { ...small, ...config }, seed: 1, ...rest });

const pixels = (n: number, side: number, seed: number) =>
  new Rng(seed).normalHost(n * side * side * 3);
const images = (n = 1, { seed = 1, side = 48, on = device } = {}) =>
  on.tensor(pixels(n, side, seed), [n, side, side, 3]);

/** `count` images, in batches of `size`. */
function setOf(count: number, side = 48, size = 2): TrainingSet {
  const samples = Array.from({ length: count }, (_, i) => ({ path: `${i}.png` })) as Sample[];
  async function* clean(places: readonly number[]): AsyncGenerator<Batch> {
    for (let first = 0; first < places.length; first += size) {
      const own = places.slice(first, first + size);
      const data = own.map((place) => pixels(1, side, 100 + place));
      const all = new Float32Array(own.length * side * side * 3);
      data.forEach((one, i) => void all.set(one, i * one.length));
      yield {
        size: own.length,
        side,
        images: all,
        masks: new Float32Array(own.length * side * side),
        labels: new Uint8Array(own.length),
        paths: own.map((place) => `${place}.png`),
        indices: Uint32Array.from(own),
      };
    }
  }
  return { samples, seed: 1, clean, probe: () => clean([]) };
}

const at = (iteration: number): StepPosition => ({ iteration, epoch: 0, iterationsPerEpoch: 3 });

/** What steps tell. */
async function steps(fod: Fod, count: number, n = 1): Promise<Float32Array[]> {
  const told: Float32Array[] = [];
  for (let i = 0; i < count; i++) {
    const [values] = await device.read(() => [
      fod.trainStep(images(n, { seed: i }), device.zeros([n, 48, 48, 1]), at(i)),
    ]);
    told.push(values as Float32Array);
  }
  return told;
}

/** Raw maps of a batch, those smoothed, and what `predict` gives. */
async function mapsOf(fod: Fod, n = 1): Promise<Float32Array[]> {
  const read = await device.read(() => {
    const raw = fod.rawMaps(images(n, { seed: 9 }));
    return [raw, fod.smooth(raw)];
  });
  const [map] = await device.read(() => [fod.predict(images(n, { seed: 9 }))]);
  return [...read, map] as Float32Array[];
}

async function ready(
  config: Partial<FodConfig> = {},
  rest: Partial<FodOptions> = {},
): Promise<Fod> {
  const fod = make(config, rest);
  await fod.beginTraining(setOf(3, config.imageSize));
  return fod;
}

test("what is recorded and replayed is what is computed, bit for bit", async () => {
  const results = [];
  for (const record of [true, false]) {
    const fod = await ready({ batchSize: 2 }, { record });
    const told = await steps(fod, 3, 2);
    const state = await fod.modelState();
    results.push({ told, state, maps: await mapsOf(fod, 2), training: await fod.trainingState() });
    fod.dispose();
  }
  expect(results[1]).toEqual(results[0]);
  const { told, maps } = results[0]!;
  expect(told[0]!.length).toBe(1 + 2 * 5);
  const [loss, rec1, , , , , rec2] = told[0]!;
  closeTo([loss!], [(rec1! + rec2!) / 2], { rtol: 1e-6, atol: 0 });
  expect(told[2]![0]).toBeLessThan(loss!);
  expect(maps[2]).toEqual(maps[1]);
  expect(maps[1]).not.toEqual(maps[0]);
  expect(maps[0]!.length).toBe(2 * 48 * 48);
});

test("a map does not depend on the other images of its batch", async () => {
  const fod = await ready();
  const [both, one] = (await device.read(() => [
    fod.predict(images(3, { seed: 5 })),
    fod.predict(
      device.tensor(pixels(3, 48, 5).slice(48 * 48 * 3, 2 * 48 * 48 * 3), [1, 48, 48, 3]),
    ),
  ])) as Float32Array[];
  closeTo(both!.slice(48 * 48, 2 * 48 * 48), one!, { rtol: 1e-4, atol: 1e-7 });
  fod.dispose();
});

test("the reference is the mean of the training images, computed once, and belongs to the model", async () => {
  const fod = make();
  expect(fod.hasReference).toBe(false);
  await fod.beginTraining(setOf(3));
  const features = await fod.referenceFeatures();
  expect([...features].map(([name, { shape }]) => [name, shape])).toEqual([
    ["layer1", [64, 36]],
    ["layer2", [128, 9]],
  ]);
  const alone = make({}, { reference: features });
  expect(alone.hasReference).toBe(true);
  await alone.beginTraining({
    ...setOf(3),
    clean: () => expect.unreachable("it is there already"),
  });
  const model = await fod.modelState();
  expect(model.get("reference.layer1")).toEqual(features.get("layer1"));
  const again = make({}, { model, frozen: await fod.frozenState() });
  expect(await mapsOf(again)).toEqual(await mapsOf(fod));
  const single = make();
  await single.beginTraining(setOf(1)); // a training set of one image
  expect((await steps(single, 1))[0]!.every(Number.isFinite)).toBe(true);
  for (const one of [fod, alone, again, single]) one.dispose();
});

test("without a reference it neither trains nor predicts, and says what to do", async () => {
  const fod = make();
  const next =
    "there are no reference features yet; train it, load a trained model, or give reference features";
  await expect(device.read(() => [fod.predict(images())])).rejects.toThrow(`fod: predict: ${next}`);
  const step = () => device.read(() => [fod.trainStep(images(), device.zeros([1]), at(0))]);
  await expect(step()).rejects.toThrow(`fod: trainStep: ${next}`);
  expect(() => fod.referenceFeatures()).toThrow(next);
  fod.dispose();
  const without = make({ inter: false }); // it looks at the image alone
  expect(without.hasReference).toBe(true);
  expect((await steps(without, 1))[0]!.length).toBe(1 + 2 * 3);
  expect([...(await without.modelState()).keys()].some((n) => n.startsWith("reference"))).toBe(
    false,
  );
  without.dispose();
});

test("any of the backbone's levels can be used, one or all three", async () => {
  for (const [levels, widths] of [
    [[2], [32]],
    [
      [0, 1, 2],
      [8, 16, 32],
    ],
  ] as const) {
    const fod = await ready({ levels, widths });
    const [first, second] = await steps(fod, 2);
    expect(first!.length).toBe(1 + 5 * levels.length);
    expect(second![0]).toBeLessThan(first![0]!);
    const [raw] = await mapsOf(fod);
    expect(Math.max(...raw!)).toBeGreaterThan(0);
    fod.dispose();
  }
});

test("every mode trains, and tells what it has", async () => {
  for (const [intra, inter, names] of [
    [true, false, ["rec1", "target1", "intraEntropy1"]],
    [false, true, ["rec1", "target1", "interEntropy1"]],
    [false, false, ["rec1"]],
  ] as const) {
    const fod = await ready({ intra, inter, levels: [1], widths: [16] });
    const told = await steps(fod, 2);
    for (const values of told) fod.observe(values.subarray(1));
    const scalars = fod.epochScalars();
    expect(Object.keys(scalars)).toEqual(names);
    closeTo([scalars.rec1!], [(told[0]![1]! + told[1]![1]!) / 2], { rtol: 1e-6, atol: 0 });
    if (intra || inter) expect(Math.sign(scalars.target1!)).toBe(intra ? 1 : -1);
    expect((await mapsOf(fod))[0]!.every(Number.isFinite)).toBe(true);
    fod.dispose();
  }
});

test("images that give a single token are refused, other odd sizes are not", async () => {
  expect(() => make({ imageSize: 16 })).toThrow(
    "fod: imageSize is 16: scores compare the tokens of an image, but resnet10_half has a single one at stride 16; set imageSize above 16, or leave level 2 out",
  );
  make({ imageSize: 16, levels: [1], widths: [16] }).dispose();
  make({ imageSize: 16, intra: false, inter: false }).dispose();
  const odd = await ready({ imageSize: 37 });
  const [map] = await device.read(() => [odd.predict(images(1, { side: 37 }))]);
  expect(map!.length).toBe(37 * 37);
  odd.dispose();
});

test("images of another size than the config's are refused, and no images too", async () => {
  const fod = await ready();
  const rule = "images are [N, 48, 48, 3] as the config's imageSize says, got [1, 64, 64, 3]";
  const wrong = () => images(1, { side: 64 });
  await expect(device.read(() => [fod.predict(wrong())])).rejects.toThrow(`fod: predict: ${rule}`);
  const step = () => device.read(() => [fod.trainStep(wrong(), device.zeros([1]), at(0))]);
  await expect(step()).rejects.toThrow(`fod: trainStep: ${rule}`);
  expect(() => fod.checkTraining(0)).toThrow("fod: there are no images to train on");
  fod.checkTraining(1);
  fod.dispose();
});

test("what fails at making one leaves nothing behind", async () => {
  const before = device.memory.stats().liveBuffers;
  const other = make({ widths: [32, 32] });
  const model = await other.modelState();
  other.dispose();
  expect(() => make({}, { model })).toThrow("level1.*: does not fit FOD");
  expect(() => make({}, { reference: new Map() })).toThrow(
    "reference features: there are no reference features layer1",
  );
  expect(() => make({}, { frozen: new Map() })).toThrow("does not fit resnet10_half");
  expect(() => make({ inter: false }, { reference: new Map() })).toThrow(
    "fod: reference features have no effect without inter; leave them out",
  );
  if (device.limits.maxStorageBufferBindingSize < 2 ** 30) {
    expect(() => make({ widths: [16, 8192] })).toThrow(
      /^fod: level 2 with width 8192 on 3 × 3 cells needs a tensor of 1.0 GiB, this adapter binds at most .*; lower widths$/,
    );
  }
  expect(() => make({ imageSize: 8192, widths: [1024, 16] })).toThrow(
    /^fod: level 1 with width 1024 on 1024 × 1024 cells needs a tensor of 4.0 GiB, .*; lower imageSize$/,
  );
  const both = { frozen: new Map(), teacher: new Map() };
  expect(() => make({}, both)).toThrow(
    "fod: teacher and frozen both give the frozen network; leave one of them out",
  );
  expect(device.memory.stats().liveBuffers).toBe(before);
});

test("images are framed as the reference does it", () => {
  const framing = (fit: "stretch" | "crop") => {
    const fod = make({ fit });
    fod.dispose();
    return fod.images;
  };
  const rest = { size: 48, filters: "lanczos", synthesis: "none", detour: false };
  expect(framing("stretch")).toEqual(rest);
  expect(framing("crop")).toEqual({ ...rest, shorter: 48 });
});

test("the score of an image is the maximum of its map, or the mean of its largest pixels", () => {
  const map = Float32Array.from({ length: 100 }, (_, i) => i);
  const score = (scoreRatio: number) => {
    const fod = make({ scoreRatio });
    fod.dispose();
    return fod.imageScore(map);
  };
  expect([score(0), score(0.02)]).toEqual([99, 98.5]);
});

test("half precision trains and predicts nearly the same", async () => {
  const f32 = await ready();
  const frozen = await f32.frozenState();
  const model = await f32.modelState();
  const f16 = make({ precision: "f16" }, { frozen, model });
  const [one, two] = [await steps(f32, 4), await steps(f16, 4)];
  for (const [i, told] of one.entries()) closeTo(two[i]!, told, { rtol: 2e-2, atol: 2e-2 });
  const [a, b] = [(await mapsOf(f32))[2]!, (await mapsOf(f16))[2]!];
  closeTo(b, a, { rtol: 0.1, atol: 0.05 * Math.max(...a) });
  expect((await f16.trainingState()).has("scaler.scale")).toBe(true);
  f32.dispose();
  f16.dispose();
});
