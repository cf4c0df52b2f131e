/** CFA as a detector on a small network: same bits however it is run, what it refuses, what it keeps. */
import { describe, expect, test } from "vitest";
import type { Cfa, CfaOptions } from "../../src/cfa/index.ts";
import type { Batch } from "../../src/data/index.ts";
import { fit, upload } from "../../src/detector/index.ts";
import { hostTensor, type StateDict, writeSafetensors } from "../../src/models/index.ts";
import { these } from "../detector/fakes.ts";
import { testDevice } from "../device.ts";
import { blackBatch } from "./golden.ts";
import { batchOf, images, onDevice, setOf, side } from "./small.ts";

const device = await testDevice();
const { make, begun, step, predicted } = onDevice(device);

const bytesOf = (state: StateDict) => Buffer.from(writeSafetensors(state)).toString("base64");
const everything = async (cfa: Cfa) =>
  bytesOf(new Map([...(await cfa.modelState()), ...(await cfa.trainingState())]));

describe("the same bits", () => {
  test("recorded and not: training and maps", async () => {
    const ends = [];
    for (const record of [true, false]) {
      const cfa = await begun({ record });
      const told = [];
      for (const name of images.slice(0, 4)) told.push(await step(cfa, batchOf(name, 2)));
      told.push([...(await predicted(cfa, batchOf("f", 3)))]);
      ends.push({ told, state: await everything(cfa) });
      cfa.dispose();
    }
    expect(ends[0]).toEqual(ends[1]);
    expect(ends[0]!.told[3]![0]).not.toBe(ends[0]!.told[0]![0]);
  });

  test("stopped within an epoch, saved, loaded and gone on with", async () => {
    const batches = (epoch: number, first: number) =>
      these(["x", "y", "z"].slice(first).map((name) => batchOf(`${name}${epoch}`, 2)));
    const losses = { whole: [] as number[], parts: [] as number[] };
    const options = (to: number[]) => ({
      batches,
      stepsPerEpoch: 3,
      onStep: ({ loss }: { loss: number }) => void to.push(loss),
    });
    const whole = await begun();
    await fit(whole, options(losses.whole));
    const want = await everything(whole);
    expect(whole.epochScalars()).toEqual({ r: expect.any(Number) });
    whole.dispose();

    const first = await begun();
    const stop = new AbortController();
    const start = await fit(first, {
      ...options(losses.parts),
      signal: stop.signal,
      onStep: ({ iteration, loss }) => {
        losses.parts.push(loss);
        if (iteration === 0) stop.abort();
      },
    });
    expect(start).toEqual({ epoch: 0, step: 2 });
    const frozen = await first.frozenState();
    const [model, training] = [await first.modelState(), await first.trainingState()];
    first.dispose();

    const second = make({ frozen, model, seed: 99 });
    expect(second.hasRandomExpert).toBe(false);
    second.loadTrainingState(training);
    await second.beginTraining({ ...setOf(), clean: () => never() });
    await fit(second, { ...options(losses.parts), start });
    expect(losses.parts).toEqual(losses.whole);
    expect(await everything(second)).toBe(want);
    second.dispose();
  });
});

/** A bank that was loaded needs no images. */
function never(): AsyncIterable<Batch> {
  throw new Error("the images were looked at again");
}

test("r grows from its start by about the learning rate in a step, and is told by epoch", async () => {
  const cfa = await begun();
  expect(cfa.epochScalars()).toEqual({});
  const [, r] = await step(cfa, batchOf("a", 2));
  expect(r).toBeCloseTo(1e-5 + 1e-3, 6);
  cfa.observe(Float32Array.of(r!), 0, batchOf("a", 1));
  expect(cfa.epochScalars()).toEqual({ r });
  expect(Number((await cfa.modelState()).get("r")?.data[0])).toBe(r);
  cfa.dispose();
});

test("training brings normal images closer and leaves the bank alone", async () => {
  const cfa = await begun({ config: { alpha: 0 } });
  const bank = bytesOf(new Map([["C", (await cfa.modelState()).get("C")!]]));
  const losses = [];
  for (let i = 0; i < 40; i++) losses.push((await step(cfa, batchOf(images[i % 5]!, 2)))[0]!);
  const mean = (of: number[]) => of.reduce((a, b) => a + b) / of.length;
  expect(mean(losses.slice(-5))).toBeLessThan(0.7 * mean(losses.slice(0, 5)));
  expect(bytesOf(new Map([["C", (await cfa.modelState()).get("C")!]]))).toBe(bank);
  cfa.dispose();
});

test("a training set of one image makes a bank and a step", async () => {
  const cfa = make();
  cfa.checkTraining(1);
  await cfa.beginTraining(setOf(["a"]));
  const before = await predicted(cfa, batchOf("a", 1));
  expect(Math.max(...before)).toBeLessThan(1e-3); // its patches are the bank
  expect((await step(cfa, batchOf("a", 1)))[0]).toBeGreaterThanOrEqual(0);
  expect(Math.max(...(await predicted(cfa, batchOf("b", 1))))).toBeGreaterThan(1e-2);
  expect(() => cfa.checkTraining(0)).toThrow("cfa: there are no images to train on");
  cfa.dispose();
  const empty = make();
  await expect(empty.beginTraining(setOf([]))).rejects.toThrow("there are no images to train on");
  empty.dispose();
});

test("predict is smooth of rawMaps, of the size of the images, and σ = 0 smoothes nothing", async () => {
  for (const sigma of [4, 0]) {
    const cfa = await begun({ config: { sigma } });
    const batch = batchOf("q", 3);
    const [maps, raw, smooth] = await device.read(() => {
      const [x] = upload(device, batch);
      const before = cfa.rawMaps(x);
      return [cfa.predict(x), before, cfa.smooth(before)];
    });
    expect(maps).toHaveLength(3 * side * side);
    expect(maps).toEqual(smooth);
    expect(Buffer.compare(Buffer.from(raw!.buffer), Buffer.from(maps!.buffer)) === 0).toBe(
      sigma === 0,
    );
    expect(cfa.imageScore(Float32Array.of(1, 5, 2))).toBe(5);
    cfa.dispose();
  }
});

describe("what is refused", () => {
  test("training, predicting and saving without a memory bank", async () => {
    const cfa = make();
    const batch = batchOf("a", 2);
    await expect(step(cfa, batch)).rejects.toThrow(
      "cfa: training needs the memory bank, which is empty; call beginTraining, or load the state of a trained run",
    );
    await expect(predicted(cfa, batch)).rejects.toThrow("cfa: predicting needs the memory bank");
    await expect(cfa.modelState()).rejects.toThrow("cfa: there is no memory bank to save");
    cfa.dispose();
  });

  test("images of another size", async () => {
    const cfa = await begun();
    await expect(predicted(cfa, blackBatch(1, 48, "x"))).rejects.toThrow(
      "cfa: the memory bank is for images [N, 32, 32, 3], got [1, 48, 48, 3]; frame them so, or make a detector with another imageSize",
    );
    cfa.dispose();
  });

  test("settings that leave no bank, before anything is made", () => {
    const of = (config: CfaOptions["config"]) => () => make(config ? { config } : {});
    expect(of({ gammaC: 65 })).toThrow("give a gammaC from 1 to 64, or a larger imageSize");
    expect(of({ imageSize: 8 })).toThrow(
      "neighbours + negatives is 3 + 3 = 6, but the memory bank has 4 centres",
    );
    expect(of({ imageSize: 3 })).toThrow("cfa: a single patch has no coordinates");
    expect(() => make({ teacher: new Map(), frozen: new Map() })).toThrow(
      "cfa: teacher and frozen both give the frozen network; leave one of them out",
    );
  });

  test("states of another size, network or method", async () => {
    const cfa = await begun();
    const model = await cfa.modelState();
    const wide = hostTensor("f32", [448, 64], new Float32Array(448 * 64));
    const other = new Map([...model, ["C", wide] as const]);
    expect(() => cfa.loadModelState(other)).toThrow(
      "cfa: the state of the model: its memory bank C is of 64 centres with 448 channels, the settings make 64 with 224; set backbone, imageSize, gammaC and gammaD to those that it was trained with",
    );
    const live = device.memory.stats().liveBuffers;
    expect(() => make({ config: { gammaC: 4 }, model })).toThrow("the settings make 16 with 224");
    expect(device.memory.stats().liveBuffers).toBe(live);
    const broken = hostTensor("f32", [224, 64], new Float32Array(224 * 64).fill(Number.NaN, 7, 8));
    const damaged = new Map([...model, ["C", broken] as const]);
    expect(() => cfa.loadModelState(damaged)).toThrow(
      "cfa: the state of the model: its memory bank C holds numbers that are NaN or infinite; use another run",
    );
    const without = new Map([...model].filter(([name]) => name !== "C"));
    expect(() => cfa.loadModelState(without)).toThrow("C");
    expect(() => cfa.loadFrozenState(model)).toThrow("names here begin with backbone.");
    cfa.dispose();
  });
});

test("a network that gives NaN makes no memory bank, and a damaged descriptor no map of zeros", async () => {
  const whole = await begun();
  const damage = (state: StateDict, name: string): StateDict => {
    const { data, shape } = state.get(name)!;
    const values = Float32Array.from(data as Float32Array).fill(Number.NaN, 0, 1);
    return new Map([...state, [name, hostTensor("f32", [...shape], values)]]);
  };
  const frozen = await whole.frozenState();
  const network = make({ frozen: damage(frozen, "backbone.bn1.bias") });
  const live = device.memory.stats().liveBuffers;
  await expect(network.beginTraining(setOf())).rejects.toThrow(
    "cfa: features of the training images are NaN or infinite, and so is the memory bank; use other weights",
  );
  expect(device.memory.stats().liveBuffers).toBe(live);
  const model = damage(await whole.modelState(), "Descriptor.layer.conv.bias");
  const descriptor = make({ frozen, model });
  expect((await predicted(descriptor, batchOf("q", 1))).every(Number.isNaN)).toBe(true);
  expect((await step(descriptor, batchOf("q", 2)))[0]).toBeNaN();
  for (const one of [whole, network, descriptor]) one.dispose();
});

test("a bank that is too large for the device leaves nothing behind", () => {
  const before = device.memory.stats().liveBuffers;
  expect(() => make({ config: { backbone: "resnet18", imageSize: 8192 } })).toThrow(
    "needs a buffer of",
  );
  expect(device.memory.stats().liveBuffers).toBe(before);
});

test("the reference's own state dict, with the pair it never uses, is taken", async () => {
  const cfa = await begun();
  const model = await cfa.modelState();
  const names = ["r", "C", "Descriptor.layer.conv.weight", "Descriptor.layer.conv.bias"];
  expect([...model.keys()]).toEqual(names);
  expect(model.get("C")?.shape).toEqual([224, 64]);
  expect(model.get("Descriptor.layer.conv.weight")?.shape).toEqual([224, 226, 1, 1]);
  const dead = (shape: number[]) =>
    hostTensor("f32", shape, new Float32Array(shape.reduce((a, b) => a * b)));
  const reference = new Map([
    ...model,
    ["Descriptor.layer.weight", dead([224, 224, 1, 1])] as const,
    ["Descriptor.layer.bias", dead([224])] as const,
  ]);
  const again = make({ frozen: await cfa.frozenState(), model: reference });
  const batch = batchOf("q", 1);
  expect(await predicted(again, batch)).toEqual(await predicted(cfa, batch));
  cfa.dispose();
  again.dispose();
});

describe("other networks", () => {
  const sizes = {
    vgg19_bn: [1280, 1280],
    efficientnet_b5: [1136, 568],
  } as const;
  for (const [backbone, [width, channels]] of Object.entries(sizes)) {
    test(`${backbone} makes a bank, a step and maps`, async () => {
      const cfa = await begun({ config: { backbone } });
      const [loss, r] = await step(cfa, batchOf("a", 2));
      expect(loss).toBeGreaterThan(0);
      expect(r).toBeCloseTo(1e-5 + 1e-3, 6);
      const maps = await predicted(cfa, batchOf("q", 1));
      expect(maps.every((v) => v > 0 && Number.isFinite(v))).toBe(true);
      const weight = (await cfa.modelState()).get("Descriptor.layer.conv.weight");
      expect(weight?.shape).toEqual([width, channels + 2, 1, 1]);
      cfa.dispose();
    });
  }
});

test("images are framed as the transforms say", () => {
  const framingOf = (config: CfaOptions["config"]) => {
    const cfa = make(config ? { config } : {});
    const { images: framing } = cfa;
    cfa.dispose();
    return framing;
  };
  const plain = { size: 32, filters: "lanczos", synthesis: "none", detour: false };
  expect(framingOf({})).toEqual({ ...plain, shorter: 37, dropLast: true });
  expect(framingOf({ transform: "r", wild: 10, dropLast: false })).toEqual({
    ...plain,
    shorter: 32,
    wild: { degrees: 10 },
    dropLast: false,
  });
});

test("half precision of the frozen network changes the maps by little", async () => {
  if (!device.features.has("shader-f16")) {
    expect(() => make({ config: { precision: "f16" } })).toThrow("precision is f16, but");
    return;
  }
  const [full, half] = [await begun(), await begun({ config: { precision: "f16" } })];
  const batch = batchOf("q", 1);
  const [a, b] = [await predicted(full, batch), await predicted(half, batch)];
  const worst = a.reduce((most, v, i) => Math.max(most, Math.abs(v - b[i]!) / v), 0);
  expect(worst).toBeLessThan(0.02);
  expect(worst).toBeGreaterThan(0);
  expect((await step(half, batch))[0]).toBeGreaterThan(0);
  full.dispose();
  half.dispose();
});
