/** CFA on a small network at 32 pixels, and images for it. */
import { type Cfa, type CfaOptions, createCfa } from "../../src/cfa/index.ts";
import { type Device, Rng } from "../../src/core/index.ts";
import type { Batch, Sample } from "../../src/data/index.ts";
import { type TrainingSet, upload } from "../../src/detector/index.ts";
import { these } from "../detector/fakes.ts";
import { blackBatch } from "./golden.ts";

export const side = 32;
const small = { backbone: "resnet10_half", imageSize: side, batchSize: 2, epochs: 2 } as const;

/** Images that are plain above and noise below. */
export function batchOf(name: string, size: number): Batch {
  const batch = blackBatch(size, side, name);
  batch.images.set(new Rng(7).fork(name).normalHost(batch.images.length));
  for (let i = 0; i < size; i++) batch.images.fill(2, 3 * i * side ** 2, (3 * i + 2) * side ** 2);
  return batch;
}

const sample = (path: string): Sample => ({ path, className: "c", label: 0, defect: "good" });

/** Five images in batches of two, the last one alone. */
export const images = ["a", "b", "c", "d", "e"];
export function setOf(names: readonly string[] = images): TrainingSet {
  const batches = (places: readonly number[]) =>
    Array.from({ length: Math.ceil(places.length / 2) }, (_, i) => {
      const chosen = places.slice(2 * i, 2 * i + 2);
      const batch = blackBatch(chosen.length, side, "clean");
      const one = 3 * side ** 2;
      chosen.forEach(
        (place, j) => void batch.images.set(batchOf(names[place]!, 1).images, j * one),
      );
      return batch;
    });
  return {
    samples: names.map(sample),
    seed: 1,
    clean: (places) => these(batches(places)),
    probe: () => {
      throw new Error("CFA paints nothing");
    },
  };
}

/** What the tests of a file make on its device. */
export function onDevice(device: Device) {
  const make = ({ config, ...rest }: Partial<CfaOptions> = {}): Cfa =>
    createCfa({ device, seed: 3, ...rest, config: { ...small, ...config } });
  return {
    make,
    /** One that has its memory bank. */
    async begun(given: Partial<CfaOptions> = {}): Promise<Cfa> {
      const cfa = make(given);
      await cfa.beginTraining(setOf());
      return cfa;
    },
    async step(cfa: Cfa, batch: Batch): Promise<number[]> {
      const at = { epoch: 0, iteration: 0, iterationsPerEpoch: 1 };
      const [told] = await device.read(() => [cfa.trainStep(...upload(device, batch), at)]);
      return [...told!];
    },
    async predicted(cfa: Cfa, batch: Batch): Promise<Float32Array> {
      const [maps] = await device.read(() => [cfa.predict(upload(device, batch)[0])]);
      return maps as Float32Array;
    },
  };
}
