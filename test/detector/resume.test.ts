/** A run that is stopped in the middle of an epoch, saved, and taken up again ends in the same bits as one that was not. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cdo, type CdoConfig, createCdo } from "../../src/cdo/index.ts";
import { type Device, openDevice, Rng } from "../../src/core/index.ts";
import type { Batch } from "../../src/data/index.ts";
import {
  type FitOptions,
  fit,
  type Progress,
  RunFolder,
  type RunRecord,
} from "../../src/detector/index.ts";
import { writeSafetensors } from "../../src/models/index.ts";
import { these } from "./fakes.ts";

let device: Device;
let folder: string;
beforeAll(async () => {
  device = await openDevice({ onWarning: () => {} });
  folder = await mkdtemp(join(tmpdir(), "loupe-resume-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  expect(device.memory.stats().liveBuffers).toBe(0);
  device.close();
});

const side = 32;
const stepsPerEpoch = 3;

/** Batches of 2, 2 and 1 noisy images with a square of abnormal pixels. */
function batchOf(epoch: number, step: number): Batch {
  const size = step === stepsPerEpoch - 1 ? 1 : 2;
  const rng = new Rng(7).fork(epoch).fork(step);
  const masks = new Float32Array(size * side * side);
  for (let y = 4; y < 20; y++) masks.fill(1, y * side + 8, y * side + 20);
  const paths = Array.from({ length: size }, (_, i) => `epoch${epoch}-step${step}-${i}.png`);
  return {
    size,
    side,
    images: rng.normalHost(size * side * side * 3),
    masks,
    labels: new Uint8Array(size),
    paths,
    indices: new Uint32Array(size),
  };
}

const batches: FitOptions["batches"] = (epoch, first) =>
  these(Array.from({ length: stepsPerEpoch - first }, (_, i) => batchOf(epoch, first + i)));

/** 2025: the learning rate drops in step 6 of 9; 2023: after every epoch. */
const config = (version: "2025" | "2023"): Partial<CdoConfig> => ({
  version,
  backbone: "resnet18",
  imageSize: side,
  batchSize: 2,
  epochs: 3,
});

const record = (cdo: Cdo): RunRecord => ({
  method: cdo.method,
  config: cdo.config,
  data: {},
  seed: 3,
  weights: { source: "random" },
  environment: {},
});

/** Trains on from `start`; stops after the step with iteration `last`. */
async function train(cdo: Cdo, start: Progress, last?: number) {
  const controller = new AbortController();
  const losses: number[] = [];
  const end = await fit(cdo, {
    batches,
    stepsPerEpoch,
    start,
    signal: controller.signal,
    onStep: ({ iteration, loss }) => {
      losses.push(loss);
      if (iteration === last) controller.abort();
    },
  });
  return { end, losses };
}

async function save(cdo: Cdo, run: RunFolder, progress: Progress): Promise<void> {
  const model = await cdo.modelState();
  const training = await cdo.trainingState();
  await run.saveCheckpoint({ progress, model, training, extra: {} });
}

/** Everything that training changes, as the bytes of a file. */
async function bytesOf(cdo: Cdo): Promise<Uint8Array> {
  return writeSafetensors(new Map([...(await cdo.modelState()), ...(await cdo.trainingState())]));
}

/** A detector made anew from what lies in the folder. */
async function reopen(path: string): Promise<{ cdo: Cdo; progress: Progress; run: RunFolder }> {
  const run = await RunFolder.open(path);
  const { config: saved, seed } = await run.record();
  const frozen = await run.loadFrozen();
  const checkpoint = await run.loadCheckpoint();
  if (!checkpoint) throw new Error("there is no checkpoint");
  await run.goOn(checkpoint);
  const { model, training, progress } = checkpoint;
  const cdo = createCdo({ device, config: saved, frozen, model, seed });
  cdo.loadTrainingState(training);
  return { cdo, progress, run };
}

const beginning = { epoch: 0, step: 0 };

for (const version of ["2025", "2023"] as const) {
  test(`${version}: two stops, inside an epoch and after one, change no bit`, async () => {
    const whole = createCdo({ device, config: config(version), seed: 3 });
    const all = await train(whole, beginning);
    const wanted = await bytesOf(whole);
    const counter = (await whole.modelState()).get("net_s.bn1.num_batches_tracked");
    expect(counter?.data[0]).toBe(9n);
    whole.dispose();

    const path = join(folder, version);
    const first = createCdo({ device, config: config(version), seed: 3 });
    const run = await RunFolder.create(path, record(first));
    await run.saveFrozen(await first.frozenState());
    const one = await train(first, beginning, 3);
    expect(one.end).toEqual({ epoch: 1, step: 2 });
    await save(first, run, one.end);
    first.dispose();

    const second = await reopen(path);
    expect(second.cdo.hasRandomExpert).toBe(false);
    const two = await train(second.cdo, second.progress, 5);
    expect(two.end).toEqual({ epoch: 2, step: 0 });
    await save(second.cdo, second.run, two.end);
    second.cdo.dispose();

    const third = await reopen(path);
    const three = await train(third.cdo, third.progress);
    expect(three.end).toEqual({ epoch: 3, step: 0 });
    expect([...one.losses, ...two.losses, ...three.losses]).toEqual(all.losses);
    expect(Buffer.compare(await bytesOf(third.cdo), wanted)).toBe(0);
    third.cdo.dispose();
  });
}

test("a run that went on in another step, or with another optimiser state, would not end in the same bits", async () => {
  // what the comparison above is worth
  const ends: string[] = [];
  for (const change of ["none", "step", "state"]) {
    const { cdo, progress } = await reopen(join(folder, "2025"));
    if (change === "state") {
      const state = await cdo.trainingState();
      for (const [name, { data }] of state) if (name.endsWith("exp_avg")) data[0] = 1e-3;
      cdo.loadTrainingState(state);
    }
    await train(cdo, change === "step" ? { ...progress, step: 1 } : progress);
    ends.push(Buffer.from(await bytesOf(cdo)).toString("base64"));
    cdo.dispose();
  }
  expect(new Set(ends).size).toBe(3);
});

test("training that diverges names step and images, and the checkpoint before it still resumes", async () => {
  const path = join(folder, "diverging");
  const cdo = createCdo({ device, config: { ...config("2025"), learningRate: 1e30 }, seed: 3 });
  const run = await RunFolder.create(path, record(cdo));
  await run.saveFrozen(await cdo.frozenState());
  await save(cdo, run, beginning);
  const before = await readFile(run.file("checkpoint.safetensors"));
  await expect(train(cdo, beginning)).rejects.toThrow(
    /^cdo: the loss is (NaN|-?Infinity) at step \d of 3 in epoch \d of 3; .*epoch\d-step\d-0\.png/,
  );
  await expect(save(cdo, run, { epoch: 0, step: 2 })).rejects.toThrow(
    /checkpoint\.safetensors: not written: net_s\..* NaN or infinite, so training diverged; what was saved before is kept/,
  );
  await expect(run.saveModel(await cdo.modelState(), {})).rejects.toThrow("not written");
  cdo.dispose();
  expect(Buffer.compare(before, await readFile(run.file("checkpoint.safetensors")))).toBe(0);
  expect((await readdir(path)).sort()).toEqual([
    "checkpoint.safetensors",
    "frozen.safetensors",
    "run.json",
  ]);
  const again = await reopen(path);
  expect(again.progress).toEqual(beginning);
  again.cdo.dispose();
});
