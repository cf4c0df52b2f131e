/** CDO in half precision: close to full precision, resumed to the same bits, and steps that overflow are skipped. */
import { expect, test } from "vitest";
import { type CdoConfig, type CdoOptions, createCdo } from "../../src/cdo/index.ts";
import { capsOf, type Device, preferredPrecision, Rng } from "../../src/core/index.ts";
import type { MatrixCaps } from "../../src/kernels/index.ts";
import type { StateDict } from "../../src/models/index.ts";
import { hostTensor, writeSafetensors } from "../../src/models/index.ts";
import { testDevice } from "../device.ts";

const device = await testDevice();
/** Its matrix units are emulated. */
const withUnits = await testDevice();
const able = device.features.has("shader-f16");

const side = 64;
const small = { backbone: "resnet18", imageSize: side, batchSize: 4, learningRate: 1e-3 } as const;
const make = (config: Partial<CdoConfig> = {}, rest: Partial<CdoOptions> = {}) =>
  createCdo({ device, config: { ...small, ...config }, seed: 3, ...rest });

const images = (seed: number, on = device) =>
  on.tensor(new Rng(seed).normalHost(4 * side * side * 3), [4, side, side, 3]);
/** A square in every other image. */
const masks = (on = device) => {
  const data = new Float32Array(4 * side * side);
  for (const n of [0, 2]) {
    for (let y = 20; y < 44; y++)
      data.fill(1, (n * side + y) * side + 16, (n * side + y) * side + 40);
  }
  return on.tensor(data, [4, side, side, 1]);
};

type Cdo = ReturnType<typeof make>;
async function trainStep(cdo: Cdo, iteration: number): Promise<number> {
  const at = { iteration, epoch: 0, iterationsPerEpoch: 20 };
  const on = cdo.device;
  const [loss] = await on.read(() => [cdo.trainStep(images(iteration + 1, on), masks(on), at)]);
  return loss?.[0] as number;
}
async function train(cdo: Cdo, steps: number, from = 0): Promise<number[]> {
  const losses: number[] = [];
  for (let i = from; i < from + steps; i++) losses.push(await trainStep(cdo, i));
  return losses;
}
const bytesOf = async (cdo: Cdo) =>
  Buffer.from(
    writeSafetensors(new Map([...(await cdo.modelState()), ...(await cdo.trainingState())])),
  );
const scaleOf = async (cdo: Cdo) => (await cdo.trainingState()).get("scaler.scale")?.data[0];

for (const version of ["2025", "2023"] as const) {
  test(`the losses and maps of ${version} in f16 are those of f32 to a few thousandths`, async ({
    skip,
  }) => {
    if (!able) skip();
    const run = async (precision: "f32" | "f16") => {
      using cdo = disposable(make({ version, precision }));
      const losses = await train(cdo, 3);
      const [map] = await device.read(() => [cdo.predict(images(9))]);
      return { losses, map: Array.from(map as Float32Array) };
    };
    const [half, full] = [await run("f16"), await run("f32")];
    full.losses.forEach((want, i) => {
      expect(Math.abs(half.losses[i]! / want - 1)).toBeLessThan(5e-3);
    });
    const most = full.map.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    const worst = full.map.reduce((a, b, i) => Math.max(a, Math.abs(b - half.map[i]!)), 0);
    expect(worst / most).toBeLessThan(0.02);
    expect(worst).toBeGreaterThan(0);
  });
}

test("a recorded f16 step gives the bits of one that is not", async ({ skip }) => {
  if (!able) skip();
  using recorded = disposable(make({ precision: "f16" }));
  using plain = disposable(make({ precision: "f16" }, { record: false }));
  expect(await train(recorded, 3)).toEqual(await train(plain, 3));
  expect((await bytesOf(recorded)).equals(await bytesOf(plain))).toBe(true);
});

test("computing activations again in f16 gives the bits of keeping them", async ({ skip }) => {
  if (!able) skip();
  using kept = disposable(make({ precision: "f16" }));
  using again = disposable(make({ precision: "f16", checkpointActivations: true }));
  expect(await train(again, 2)).toEqual(await train(kept, 2));
  expect((await bytesOf(again)).equals(await bytesOf(kept))).toBe(true);
});

test("training in f16 goes on from its state to the same bits, the loss scale with it", async ({
  skip,
}) => {
  if (!able) skip();
  using whole = disposable(make({ precision: "f16" }));
  await train(whole, 2);
  const [model, training, frozen] = [
    await whole.modelState(),
    await whole.trainingState(),
    await whole.frozenState(),
  ];
  expect(training.get("scaler._growth_tracker")?.data[0]).toBe(2);
  using other = disposable(make({ precision: "f16" }, { model, frozen }));
  other.loadTrainingState(training);
  expect(await train(other, 2, 2)).toEqual(await train(whole, 2, 2));
  expect((await bytesOf(other)).equals(await bytesOf(whole))).toBe(true);
});

test("a step whose gradients overflow moves nothing but the loss scale, which is halved", async ({
  skip,
}) => {
  if (!able) skip();
  using cdo = disposable(make({ precision: "f16" }));
  await train(cdo, 1);
  const training = await cdo.trainingState();
  const huge: StateDict = new Map(training).set(
    "scaler.scale",
    hostTensor("f64", [], Float64Array.of(2 ** 60)),
  );
  cdo.loadTrainingState(huge);
  const before = new Map(
    [...(await cdo.modelState())].filter(([name]) => !/running|tracked/.test(name)),
  );
  const [loss] = await train(cdo, 1, 1);
  expect(Number.isFinite(loss)).toBe(true);
  const after = await cdo.modelState();
  for (const [name, { data }] of before) expect(after.get(name)?.data).toEqual(data);
  expect(await scaleOf(cdo)).toBe(2 ** 59);
  const steps = [...(await cdo.trainingState())].filter(([name]) => name.endsWith(".step"));
  expect(new Set(steps.map(([, { data }]) => Number(data[0])))).toEqual(new Set([1]));
});

test("tensor cores give the losses of plain kernels, and f16 is what such a GPU prefers", async ({
  skip,
}) => {
  if (!able) skip();
  const half = { componentType: "f16", resultComponentType: "f32", M: 16, N: 16, K: 16 };
  const matrix: MatrixCaps = {
    configs: [half],
    dialect: "emulated",
    subgroupSize: 32,
    pinned: false,
  };
  Object.assign(capsOf(withUnits), { matrix });
  expect([preferredPrecision(device), preferredPrecision(withUnits)]).toEqual(["f32", "f16"]);
  const run = async (on: Device) => {
    using cdo = disposable(make({ precision: "f16" }, { device: on }));
    return await train(cdo, 2);
  };
  const [got, want] = [await run(withUnits), await run(device)];
  const plansOf = ({ planner }: Device) =>
    planner.seen.flatMap(({ plans }) => plans[0]?.name ?? []);
  expect(plansOf(withUnits).some((name) => name.startsWith("matrix"))).toBe(true);
  expect(plansOf(device).some((name) => name.startsWith("matrix"))).toBe(false);
  want.forEach((loss, i) => void expect(Math.abs(got[i]! / loss - 1)).toBeLessThan(2e-3));
});

test("the precision is part of the config; full precision has no loss scale", async () => {
  using cdo = disposable(make());
  expect(cdo.config.precision).toBe("f32");
  await train(cdo, 1);
  const state = await cdo.trainingState();
  expect([...state.keys()].filter((name) => name.startsWith("scaler."))).toEqual([]);
  expect(() => make({ precision: "f8" as "f16" })).toThrow(
    'cdo: precision must be "f32" or "f16", got "f8"',
  );
  if (!able) return;
  using half = disposable(make({ precision: "f16" }));
  const text = "GradScaler: the state does not fit: growth_factor is missing";
  expect(() => half.loadTrainingState(state)).toThrow(text);
});

test("a device without f16 refuses it before anything is made", () => {
  const before = device.memory.stats().liveBuffers;
  const features = new Set([...device.features].filter((name) => name !== "shader-f16"));
  const own = Object.getOwnPropertyDescriptor(device, "features");
  Object.defineProperty(device, "features", { value: features, configurable: true });
  try {
    const text = "cdo: precision is f16, but";
    expect(() => make({ precision: "f16" })).toThrow(text);
    expect(() => make({ precision: "f16" })).toThrow("has no f16 (shader-f16); set it to f32");
  } finally {
    if (own) Object.defineProperty(device, "features", own);
    else Reflect.deleteProperty(device, "features");
  }
  expect(device.memory.stats().liveBuffers).toBe(before);
});

function disposable(cdo: Cdo): Cdo & Disposable {
  return Object.assign(cdo, { [Symbol.dispose]: () => cdo.dispose() });
}
