/**
 * A frozen network without a download, for trying things out: random weights from the seed. Its BatchNorm statistics are taken
 * from training images, for with the initial ones the features of all pixels look nearly alike.
 */
import { type Device, noGrad, Rng } from "../core/index.ts";
import { batches, type Sample, testTransform } from "../data/index.ts";
import { upload } from "../detector/index.ts";
import { createBackbone, type StateDict } from "../models/index.ts";

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
