/** CDO as a detector: how it is made and freed, its two versions, its switches, and what training leaves behind. */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type Cdo, type CdoConfig, type CdoOptions, createCdo } from "../../src/cdo/index.ts";
import { type Device, openDevice, Rng } from "../../src/core/index.ts";
import type { StepPosition } from "../../src/detector/index.ts";
import { LoupeError } from "../../src/error.ts";
import { type HostTensor, type StateDict, writeSafetensors } from "../../src/models/index.ts";

let device: Device;
let drawn: Pick<CdoOptions, "frozen" | "model">;
beforeAll(async () => {
  device = await openDevice({ onWarning: () => {} });
  const cdo = make();
  drawn = { frozen: await cdo.frozenState(), model: await cdo.modelState() };
  cdo.dispose();
});
afterAll(() => {
  expect(device.memory.stats().liveBuffers).toBe(0);
  device.close();
});

const small = { backbone: "resnet18", imageSize: 32, batchSize: 2 } as const;
const make = (config: Partial<CdoConfig> = {}, rest: Partial<CdoOptions> = {}) =>
  createCdo({ device, config: { ...small, ...config }, seed: 1, ...rest });

/** Without drawing weights, for what does not depend on them. */
const makeQuickly = (config: Partial<CdoConfig> = {}) => make(config, drawn);

const side = 32;
const images = (seed = 1) =>
  device.tensor(new Rng(seed).normalHost(2 * side * side * 3), [2, side, side, 3]);
/** A square in the first image. */
const masks = (value = 1) => {
  const data = new Float32Array(2 * side * side);
  for (let y = 8; y < 20; y++) data.fill(value, y * side + 8, y * side + 20);
  return device.tensor(data, [2, side, side, 1]);
};
const start: StepPosition = { iteration: 0, epoch: 0, iterationsPerEpoch: 5 };

async function trainStep(cdo: Cdo, at = start, mask = 1): Promise<number> {
  const [loss] = await device.read(() => [cdo.trainStep(images(), masks(mask), at)]);
  return loss?.[0] as number;
}

const values = (state: StateDict, name: string) => (state.get(name) as HostTensor).data;
/** Everything that training changes. */
const bytesOf = async (cdo: Cdo) =>
  Buffer.from(
    writeSafetensors(new Map([...(await cdo.modelState()), ...(await cdo.trainingState())])),
  );
const frozenBytes = async (cdo: Cdo) => Buffer.from(writeSafetensors(await cdo.frozenState()));

/** The names without their prefix: how published weights look. */
const published = (state: StateDict): StateDict =>
  new Map([...state].map(([name, tensor]) => [name.replace(/^net_[ts]\./, ""), tensor]));

test("weights of another network are refused and leave nothing on the device", async () => {
  const other = make({ backbone: "resnet34" });
  const frozen = await other.frozenState();
  const model = await other.modelState();
  other.dispose();
  const before = device.memory.stats().liveBuffers;
  for (const options of [{ teacher: published(frozen) }, { frozen }, { model }]) {
    let error: unknown;
    try {
      make({}, options);
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(LoupeError);
    expect((error as LoupeError).code).toBe("checkpoint");
    expect((error as LoupeError).message).toContain("does not fit resnet18");
    expect(device.memory.stats().liveBuffers).toBe(before);
  }
});

test("states under other names are refused by name", async () => {
  const cdo = make();
  const frozen = await cdo.frozenState();
  const model = await cdo.modelState();
  cdo.dispose();
  expect(() => make({}, { model: frozen })).toThrow(
    'resnet18: names here begin with net_s., but one is "net_t.conv1.weight"; give the state of a cdo run',
  );
  expect(() => make({}, { frozen: model })).toThrow("names here begin with net_t.");
  expect(() => make({}, { model: published(model) })).toThrow('but one is "conv1.weight"');
  const less = new Map([...model].slice(1));
  expect(() => make({}, { model: less })).toThrow(
    /does not fit resnet18\s+1 missing: conv1\.weight/,
  );
  expect(() => make({}, { teacher: published(frozen), frozen })).toThrow(
    "cdo: teacher and frozen both give the frozen network; leave one of them out",
  );
});

test("settings that make no sense are refused before anything is made", () => {
  expect(() => make({ backbone: "vgg16" })).toThrow('there is no backbone "vgg16"');
  expect(() => make({ epochs: 1.5 })).toThrow("cdo: epochs must be a whole number");
  expect(() => make({}, { seed: -1 })).toThrow("Rng: seed must be a whole number");
  expect(device.memory.stats().liveBuffers).toBe(0);
});

test("dispose frees networks, moments and gradients", async () => {
  const cdo = make();
  const made = device.memory.stats().liveBuffers;
  await trainStep(cdo);
  const trained = device.memory.stats().liveBuffers;
  expect(trained).toBeGreaterThan(made); // the moments
  await trainStep(cdo, { ...start, iteration: 1 });
  expect(device.memory.stats().liveBuffers).toBe(trained);
  cdo.dispose();
  expect(device.memory.stats().liveBuffers).toBe(0);
  expect(device.leaks()).toEqual([]);
});

test("with both states given nothing is drawn, and the prediction is the same", async () => {
  const cdo = make();
  await trainStep(cdo);
  const [frozen, model] = [await cdo.frozenState(), await cdo.modelState()];
  const [want] = await device.read(() => [cdo.predict(images(2))]);
  cdo.dispose();

  const spies = (["normalHost", "uniformHost"] as const).map((name) =>
    vi.spyOn(Rng.prototype, name),
  );
  const again = make({}, { frozen, model, seed: 99 });
  for (const spy of spies) {
    expect(spy).not.toHaveBeenCalled();
    spy.mockRestore();
  }
  const [got] = await device.read(() => [again.predict(images(2))]);
  expect(got).toEqual(want);
  expect(again.hasRandomExpert).toBe(false);
  again.dispose();
});

test("the seed decides both networks, and a given expert does not change the apprentice", async () => {
  const [one, same, other] = [make(), make(), make({}, { seed: 2 })];
  expect(one.hasRandomExpert).toBe(true);
  expect(Buffer.compare(await frozenBytes(same), await frozenBytes(one))).toBe(0);
  expect(Buffer.compare(await frozenBytes(other), await frozenBytes(one))).not.toBe(0);
  const model = await bytesOf(one);
  expect(Buffer.compare(await bytesOf(same), model)).toBe(0);
  expect(Buffer.compare(await bytesOf(other), model)).not.toBe(0);
  const taught = make({}, { teacher: published(await other.frozenState()) });
  expect(taught.hasRandomExpert).toBe(false);
  expect(Buffer.compare(await bytesOf(taught), model)).toBe(0);
  other.loadFrozenState(await one.frozenState());
  expect(other.hasRandomExpert).toBe(false);
  for (const cdo of [one, same, other, taught]) cdo.dispose();
});

test("predicting between two steps changes neither", async () => {
  const [plain, asked] = [make(), make()];
  const predicted: Float32Array[] = [];
  for (const cdo of [plain, asked]) {
    await trainStep(cdo);
    if (cdo === asked) {
      const before = await bytesOf(cdo);
      for (let i = 0; i < 2; i++) {
        const [map] = await device.read(() => [cdo.predict(images())]);
        predicted.push(map as Float32Array);
      }
      expect(Buffer.compare(await bytesOf(cdo), before)).toBe(0);
    }
    await trainStep(cdo, { ...start, iteration: 1 });
  }
  expect(predicted[0]).toEqual(predicted[1]);
  expect(predicted[0]).toHaveLength(2 * side * side);
  expect(Buffer.compare(await bytesOf(plain), await bytesOf(asked))).toBe(0);
  for (const cdo of [plain, asked]) cdo.dispose();
});

test("checkpointed activations train to the same bits and keep less than half for the gradients", async () => {
  const results = [];
  for (const checkpointActivations of [true, false]) {
    const cdo = make({ checkpointActivations, imageSize: 64 }, drawn);
    const { activations } = cdo.trainingMemory().plan;
    const losses = [await trainStep(cdo), await trainStep(cdo, { ...start, iteration: 1 })];
    results.push({ activations, losses, bytes: await bytesOf(cdo) });
    cdo.dispose();
  }
  const [again, kept] = results as [(typeof results)[0], (typeof results)[0]];
  expect(again.losses).toEqual(kept.losses);
  expect(again.bytes.equals(kept.bytes)).toBe(true);
  expect(again.activations / kept.activations).toBeLessThan(0.5);
});

test("recorded steps give the bits of steps that are computed anew, over decays, odd batches and predictions", async () => {
  const config = { epochs: 5, clipNorm: 1, learningRate: 1e-3 };
  const results: { seen: unknown[]; bytes: Buffer }[] = [];
  for (const record of [true, false]) {
    const cdo = make(config, { ...drawn, record });
    const seen: unknown[] = [];
    for (let iteration = 0; iteration < 7; iteration++) {
      const n = iteration % 3 === 2 ? 1 : 2; // the last batch of an epoch may be smaller
      const [loss] = await device.read(() => {
        const x = device.tensor(new Rng(iteration).normalHost(n * side * side * 3), [
          n,
          side,
          side,
          3,
        ]);
        const m = n === 2 ? masks() : device.zeros([1, side, side, 1]);
        return [cdo.trainStep(x, m, { iteration, epoch: iteration, iterationsPerEpoch: 1 })];
      });
      seen.push(loss);
      if (iteration % 2) seen.push((await device.read(() => [cdo.predict(images(iteration))]))[0]);
    }
    results.push({ seen, bytes: await bytesOf(cdo) });
    cdo.dispose();
  }
  const [recorded, plain] = results as [(typeof results)[0], (typeof results)[0]];
  expect(recorded.seen).toEqual(plain.seen);
  expect(recorded.bytes.equals(plain.bytes)).toBe(true);
});

test("the memory of a step is known before it runs, and is what it then takes", async () => {
  const cdo = makeQuickly();
  const before = device.memory.stats().liveBytes;
  const { networks, optimiser, plan } = cdo.trainingMemory();
  expect(device.memory.stats().liveBytes).toBe(before);
  expect(networks + optimiser).toBeLessThan(before);
  expect(optimiser).toBeGreaterThan(0.8 * networks);
  const told: number[] = [];
  await cdo.prepareTraining({ onProgress: (done) => told.push(done) });
  const taken = device.memory.stats().liveBytes - before;
  expect(Math.abs(taken - plan.planned)).toBeLessThan(0.02 * plan.planned);
  expect(plan.peak).toBeLessThanOrEqual(plan.planned);
  // small shapes only: gradients of parameters lie with the optimiser, and few large tensors are left to fill the gaps
  expect(plan.planned).toBeLessThan(1.5 * plan.peak);
  await trainStep(cdo);
  expect(device.memory.stats().liveBytes - before).toBe(taken);
  cdo.dispose();
});

test("the expert never changes, and its features come in three levels", async () => {
  const cdo = make();
  const before = await frozenBytes(cdo);
  const [fine] = await device.read(() => cdo.features(images()));
  await trainStep(cdo);
  expect(Buffer.compare(await frozenBytes(cdo), before)).toBe(0);
  const shapes: (readonly number[])[] = [];
  const [again] = await device.read(() => {
    const levels = cdo.features(images());
    shapes.push(...levels.map(({ shape }) => shape));
    return levels;
  });
  expect(again).toEqual(fine);
  expect(shapes).toEqual([
    [2, 8, 8, 64],
    [2, 4, 4, 128],
    [2, 2, 2, 256],
  ]);
  cdo.dispose();
});

/** A number of the optimiser's settings. */
const setting = (state: StateDict, name: string) =>
  Number(values(state, `param_groups.${name}`)[0]);

test("2025 trains with Adam, and its rate drops to a tenth at 80 % of the epochs", async () => {
  const cdo = make({ batchSize: 32, epochs: 100 });
  const at = (iteration: number) => ({
    iteration,
    epoch: Math.floor(iteration / 7),
    iterationsPerEpoch: 7,
  });
  expect([0, 559, 560, 699].map((i) => cdo.learningRate(at(i)))).toEqual([
    1e-3,
    1e-3,
    1e-3 * 0.1,
    1e-3 * 0.1,
  ]);
  await trainStep(cdo, at(560));
  const state = await cdo.trainingState();
  expect(setting(state, "lr")).toBe(1e-3 * 0.1);
  expect(["beta1", "beta2", "eps", "weight_decay"].map((n) => setting(state, n))).toEqual([
    0.5, 0.999, 1e-8, 0,
  ]);
  cdo.dispose();
});

test("2023 trains with AdamW, and its rate falls by 5 % with every epoch", async () => {
  const cdo = make({ version: "2023" });
  const at = (epoch: number) => ({ iteration: 3 * epoch + 1, epoch, iterationsPerEpoch: 3 });
  expect([0, 1, 10].map((e) => cdo.learningRate(at(e)))).toEqual([
    4e-4,
    4e-4 * 0.95,
    4e-4 * 0.95 ** 10,
  ]);
  const before = values(await cdo.modelState(), "net_s.layer1.0.bn2.weight").slice();
  expect([...(before as Float32Array)]).toEqual(Array(64).fill(1)); // 2025 starts these from 0
  await trainStep(cdo, at(10));
  const state = await cdo.trainingState();
  expect(setting(state, "lr")).toBe(4e-4 * 0.95 ** 10);
  expect(["beta1", "beta2", "eps", "weight_decay"].map((n) => setting(state, n))).toEqual([
    0.9, 0.999, 1e-8, 1e-4,
  ]);
  cdo.dispose();
});

/** L2 norm of the gradient of the first step, from Adam's first moments (1 − β₁) · g. */
async function firstGradient(config: Partial<CdoConfig>): Promise<number> {
  const cdo = make(config);
  await trainStep(cdo);
  const state = await cdo.trainingState();
  cdo.dispose();
  let squares = 0;
  for (const [name, { data }] of state) {
    if (name.endsWith(".exp_avg")) for (const v of data as Float32Array) squares += v * v;
  }
  return Math.sqrt(squares) / (1 - setting(state, "beta1"));
}

test("the gradient is clipped to clipNorm, and 0 does not clip", async () => {
  const free = await firstGradient({ clipNorm: 0 });
  expect(free).toBeGreaterThan(5);
  expect(await firstGradient({})).toBeCloseTo(5, 4);
  expect(await firstGradient({ clipNorm: 0.5 })).toBeCloseTo(0.5, 5);
  expect(await firstGradient({ clipNorm: 1000 })).toBeCloseTo(free, 3);
});

test("without OOM every pixel weighs the same: the loss is that of γ = 0", async () => {
  const lossOf = async (config: Partial<CdoConfig>) => {
    const cdo = make(config);
    const loss = await trainStep(cdo);
    cdo.dispose();
    return loss;
  };
  const off = await lossOf({ oom: false });
  expect(await lossOf({ gamma: 0 })).toBe(off);
  expect(await lossOf({ oom: false, gamma: 3 })).toBe(off);
  expect(await lossOf({})).not.toBeCloseTo(off, 2);
});

test("without MOM images stay clean, and masks of zeros train", async () => {
  const cdo = make({ mom: false });
  expect(cdo.images).toEqual({ size: 32, filters: "2025", synthesis: "none", detour: true });
  const loss = await trainStep(cdo, start, 0);
  expect(loss).toBeGreaterThan(0);
  expect(Number.isFinite(loss)).toBe(true);
  expect(await trainStep(cdo, { ...start, iteration: 1 }, 0)).toBeLessThan(loss);
  cdo.dispose();
});

test("each version asks for its own synthesis", () => {
  const imagesOf = (config: Partial<CdoConfig>) => {
    const cdo = makeQuickly(config);
    cdo.dispose();
    return cdo.images;
  };
  expect(imagesOf({})).toEqual({ size: 32, filters: "2025", synthesis: "cdo2025", detour: true });
  expect(imagesOf({ detour: false })).toEqual({
    size: 32,
    filters: "2025",
    synthesis: "cdo2025",
    detour: false,
  });
  expect(imagesOf({ version: "2023" })).toEqual({
    size: 32,
    filters: "2023",
    synthesis: "cdo2023",
    detour: false,
  });
});

test("the score is the mean of the largest hundredth in 2025 and the maximum in 2023", () => {
  const map = Float32Array.from({ length: 400 }, (_, i) => i);
  const scoreOf = (config: Partial<CdoConfig>, of = map) => {
    const cdo = makeQuickly(config);
    cdo.dispose();
    return cdo.imageScore(of);
  };
  expect(scoreOf({})).toBe((399 + 398 + 397 + 396) / 4);
  expect(scoreOf({ version: "2023" })).toBe(399);
  expect(scoreOf({ scoreRatio: 0.5 })).toBe(299.5);
  expect(scoreOf({}, map.subarray(0, 50))).toBe(49); // the reference gives NaN below 100 pixels
});

test("images that are too small to train on are refused before training starts", () => {
  const check = (config: Partial<CdoConfig>, count: number) => {
    const cdo = makeQuickly(config);
    try {
      cdo.checkTraining(count);
    } finally {
      cdo.dispose();
    }
  };
  expect(() => check({}, 1)).not.toThrow();
  // the last of three images is alone in its batch
  expect(() => check({ imageSize: 16 }, 4)).not.toThrow();
  expect(() => check({ imageSize: 16 }, 3)).toThrow(
    "resnet18: image of 16 × 16: leaves a single value per channel at stride 16, too few for batch statistics; train with more than 16 pixels on a side, or with a batch of 2 or more",
  );
  expect(() => check({ imageSize: 16 }, 1)).toThrow("leaves a single value per channel");
  expect(() => check({ imageSize: 17 }, 3)).not.toThrow();
  const noise = "cdo: imageSize is 19, but white noise needs at least 20 without the detour";
  expect(() => check({ imageSize: 19, detour: false }, 4)).toThrow(noise);
  expect(() => check({ imageSize: 19, version: "2023" }, 4)).toThrow(noise);
  expect(() => check({ imageSize: 19, detour: false, mom: false }, 4)).not.toThrow();
  expect(() => check({ imageSize: 20, detour: false }, 4)).not.toThrow();
  expect(() => check({}, 0)).toThrow("cdo: there are no images to train on");
});

test("a step with images of another kind is refused and leaves nothing behind", async () => {
  const cdo = make();
  const before = device.memory.stats().liveBuffers;
  const step = device.read(() => [cdo.trainStep(device.zeros([2, 32, 32, 1]), masks(), start)]);
  await expect(step).rejects.toThrow(
    "resnet18: images are [N, H, W, 3], got Tensor f32 [2, 32, 32, 1]",
  );
  expect(device.memory.stats().liveBuffers).toBe(before);
  cdo.dispose();
});

test("a step needs little more memory than what its gradients read", async () => {
  const size = 64;
  const [n, bytes] = [8, 4];
  const own = await openDevice({ onWarning: () => {} });
  const cdo = createCdo({
    device: own,
    config: { ...small, imageSize: size, batchSize: n },
    ...drawn,
    seed: 1,
  });
  for (let iteration = 0; iteration < 3; iteration++) {
    await own.read(() => {
      const x = own.tensor(new Rng(iteration).normalHost(n * size * size * 3), [n, size, size, 3]);
      return [cdo.trainStep(x, own.zeros([n, size, size, 1]), { ...start, iteration })];
    });
  }
  // two networks, the gradients and two moments of one, and maps of 64 channels at stride 2
  const weights = 2.8e6 * 5 * bytes;
  const stem = n * (size / 2) ** 2 * 64 * bytes;
  expect(own.memory.stats().peakBytes).toBeLessThan(weights + 26 * stem);
  cdo.dispose();
  expect(own.memory.stats().liveBuffers).toBe(0);
  own.close();
});

test("the config is plain JSON that makes the same detector", () => {
  const cdo = make({ gamma: 1.5, version: "2023" });
  const config = JSON.parse(JSON.stringify(cdo.config)) as CdoConfig;
  cdo.dispose();
  const again = createCdo({ device, config, seed: 1 });
  expect(again.config).toEqual(cdo.config);
  expect([again.method, again.epochs, again.batchSize]).toEqual(["cdo", 50, 2]);
  again.dispose();
});
