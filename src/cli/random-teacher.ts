/**
 * A frozen network without a download, for trying things out: random weights from the seed. Its BatchNorm statistics are taken
 * from training images, for with the initial ones the features of all pixels look nearly alike.
 */
import { createHash } from "node:crypto";
import { type Device, noGrad, Rng } from "../core/index.ts";
import { batches, type Sample, testTransform } from "../data/index.ts";
import { upload } from "../detector/index.ts";
import { createBackbone, type StateDict } from "../models/index.ts";
import type { RunData } from "./class-data.ts";
import type { Teacher } from "./session.ts";

/** BatchNorm moves its statistics a tenth of the way with each batch. */
const updates = 20;

export interface RandomTeacherOptions {
  readonly backbone: string;
  /** Side of the images, pixels. */
  readonly size: number;
  readonly batchSize: number;
  readonly seed: number;
}

/** The same device, images and options give the same weights. */
export async function randomTeacher(
  device: Device,
  samples: readonly Sample[],
  { backbone, size, batchSize, seed }: RandomTeacherOptions,
): Promise<StateDict> {
  const rng = new Rng(seed).fork("teacher");
  using network = createBackbone(backbone, { device, rng, zeroInitLast: false });
  network.train();
  const transform = testTransform({ size });
  for (let done = 0; done < updates; ) {
    for await (const batch of batches(samples, { batchSize, side: size, transform })) {
      await device.read(() => noGrad(() => network.forward(upload(device, batch)[0]).slice(-1)));
      if (++done === updates) break;
    }
  }
  return network.stateDict();
}

/** A teacher that has weights: a random one gets them from the seed and these images. */
export async function completeTeacher(
  teacher: Teacher,
  config: Readonly<Record<string, unknown>>,
  { device, dataset, seed }: { device: Device; dataset: RunData; seed: number },
): Promise<Teacher> {
  if (teacher.state) return teacher;
  const { backbone, imageSize, batchSize } = config as {
    backbone: string;
    imageSize: number;
    batchSize: number;
  };
  const options = { backbone, size: imageSize, batchSize, seed };
  const state = await randomTeacher(device, dataset.train, options);
  const record = { ...teacher.record, seed, statistics: "training images", sha256: hashOf(state) };
  return { state, record };
}

function hashOf(state: StateDict): string {
  const hash = createHash("sha256");
  for (const [name, { data }] of state) {
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest("hex");
}
