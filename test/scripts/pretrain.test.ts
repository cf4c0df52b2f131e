/** Pretraining at a small size: it learns, and a training that was broken off ends with the same bits. */
import { expect, test } from "vitest";
import { drawBatch, placeLabels } from "../../scripts/pretrain/batch.ts";
import { halfPrecision } from "../../scripts/pretrain/export.ts";
import { noLabel } from "../../scripts/pretrain/network.ts";
import { Pretraining, usual } from "../../scripts/pretrain/training.ts";
import { createBackbone, hostTensor, readSafetensors } from "../../src/models/index.ts";
import { testDevice } from "../device.ts";

const device = await testDevice();
const small = { ...usual, batch: 2, size: 32, steps: 6 };

async function advance(training: Pretraining, steps: number): Promise<number[]> {
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) losses.push(await training.advance());
  return losses;
}

test("a training that was broken off goes on with the same losses and ends with the same bits", async () => {
  using whole = new Pretraining(device, small);
  const losses = await advance(whole, 6);
  using first = new Pretraining(device, small);
  await advance(first, 3);
  const saved = await first.save();
  using second = new Pretraining(device, small);
  second.load(saved);
  expect(second.step).toBe(3);
  expect(await advance(second, 3)).toEqual(losses.slice(3));
  expect(await second.save()).toEqual(await whole.save());
  expect(new Set(losses).size).toBe(6);
});

test("a checkpoint of other settings is refused with both", () => {
  const read = async () => {
    using training = new Pretraining(device, small);
    const saved = await training.save();
    using other = new Pretraining(device, { ...small, seed: 2 });
    other.load(saved);
  };
  return expect(read()).rejects.toThrow(/does not fit: it was saved with .*"seed":1.*"seed":2/);
});

test("the loss on one kind of picture falls", async () => {
  using training = new Pretraining(device, { ...small, steps: 40, lr: 0.003 });
  const losses = await advance(training, 40);
  const mean = (part: number[]) => part.reduce((a, b) => a + b) / part.length;
  expect(mean(losses.slice(30))).toBeLessThan(mean(losses.slice(0, 5)) - 0.3);
  const accuracy = await training.accuracy(2);
  expect(accuracy.length).toBe(3);
  expect(accuracy.every((a) => a >= 0 && a <= 1)).toBe(true);
});

test("what is published is a backbone in half precision that loads", async () => {
  using training = new Pretraining(device, small);
  await advance(training, 1);
  const state = await training.backbone();
  const bytes = halfPrecision(state, { licence: "MIT" });
  const { tensors, metadata } = readSafetensors(bytes);
  expect(metadata.get("licence")).toBe("MIT");
  expect([...tensors.values()].every((t) => t.dtype === "f16")).toBe(true);
  using backbone = createBackbone(small.backbone, { device, weights: tensors });
  const [a, b] = [await backbone.stateDict(), state] as const;
  const name = "layer3.0.conv1.weight";
  const [loaded, trained] = [a.get(name)!.data as Float32Array, b.get(name)!.data as Float32Array];
  loaded.forEach((v, i) => {
    expect(Math.abs(v - trained[i]!)).toBeLessThanOrEqual(Math.abs(trained[i]!) / 1024 + 2 ** -24);
  });
});

test("a number that half precision does not have is refused", () => {
  const state = new Map([["bn.running_var", hostTensor("f32", [1], Float32Array.of(70_000))]]);
  expect(() => halfPrecision(state, {})).toThrow(
    "pretrain: bn.running_var has values beyond half precision",
  );
});

test("a place has the name of the texture that takes enough of it", () => {
  const labels = Uint8Array.of(3, 3, 5, 6, 3, 4, 7, 8, 2, 2, 1, 1, 2, 2, 1, 1);
  const named = (purity: number) => {
    const out = new Int32Array(4);
    placeLabels(labels, 4, { stride: 2, purity }, out);
    return [...out];
  };
  expect(named(0.75)).toEqual([3, noLabel, 2, 1]);
  expect(named(1)).toEqual([noLabel, noLabel, 2, 1]);
});

test("batches belong to seed and step", () => {
  const first = drawBatch(small, 3);
  expect(drawBatch(small, 3)).toEqual(first);
  expect(drawBatch(small, 4).images).not.toEqual(first.images);
  expect(first.labels.map((l) => l.length)).toEqual([2 * 64, 2 * 16, 2 * 4]);
});

test("settings that can't be are refused", () => {
  for (const [change, rule] of [
    [{ size: 40 }, "size must be a multiple of 16, got 40"],
    [{ batch: 0 }, "batch must be a whole number from 1, got 0"],
    [{ steps: 1.5 }, "steps must be a whole number from 1, got 1.5"],
    [{ seed: -1 }, "seed must be whole, got -1"],
  ] as const) {
    expect(() => new Pretraining(device, { ...small, ...change })).toThrow(`pretrain: ${rule}`);
  }
});
