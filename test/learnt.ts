/** A few steps of CFA and of FOD on drawn images and a prediction after them: in Node and in a browser they must be the same numbers. */
import { createCfa } from "../src/cfa/index.ts";
import { type Device, Rng } from "../src/core/index.ts";
import type { Batch } from "../src/data/index.ts";
import type { Detector } from "../src/detector/index.ts";
import { createFod } from "../src/fod/index.ts";

const side = 32;
const count = 2;
const steps = 3;
const net = { backbone: "resnet10_half", imageSize: side, batchSize: count } as const;
const makers = {
  cfa: (device: Device) => createCfa({ device, config: net, seed: 1 }),
  fod: (device: Device) =>
    createFod({ device, config: { ...net, widths: [32, 64], heads: 4 }, seed: 1 }),
};

/** Losses by step, and every 31st pixel of the map of the first image, by method. */
export type Learnt = Record<keyof typeof makers, { losses: number[]; map: number[] }>;

export async function learn(device: Device): Promise<Learnt> {
  return { cfa: await course(makers.cfa(device)), fod: await course(makers.fod(device)) };
}

async function course(detector: Detector): Promise<Learnt["cfa"]> {
  const { device } = detector;
  const rng = new Rng(7);
  const images = rng.uniformHost(count * side * side * 3).map((v) => 2 * v - 1);
  const masks = new Float32Array(count * side * side);
  const batch: Batch = {
    ...{ size: count, side, images, masks, labels: new Uint8Array(count) },
    ...{ paths: ["a", "b"], indices: Uint32Array.of(0, 1) },
  };
  const sample = { path: "a", label: 0, defect: "good", className: "drawn" } as const;
  const all = async function* () {
    yield batch;
  };
  await detector.beginTraining?.({ samples: [sample, sample], seed: 1, clean: all, probe: all });
  const upload = () => device.tensor(images, [count, side, side, 3]);
  const losses: number[] = [];
  for (let iteration = 0; iteration < steps; iteration++) {
    const at = { epoch: 0, iteration, iterationsPerEpoch: steps };
    const [told] = await device.read(() => [
      detector.trainStep(upload(), device.tensor(masks, [count, side, side, 1]), at),
    ]);
    losses.push((told as Float32Array)[0] as number);
  }
  const [maps] = await device.read(() => [detector.predict(upload())]);
  detector.dispose();
  return { losses, map: Array.from(maps as Float32Array).filter((_, i) => i % 31 === 0) };
}
