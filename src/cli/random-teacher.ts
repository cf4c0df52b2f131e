/**
 * A frozen network without a download, for trying things out: random weights from the seed. Its BatchNorm statistics are taken
 * from training images, for with the initial ones the features of all pixels look nearly alike.
 */
import { createHash } from "node:crypto";
import { type Device, noGrad, Rng } from "../core/index.ts";
import { batches, type Framing, framingOf, type Sample, testTransform } from "../data/index.ts";
import { type Detector, upload } from "../detector/index.ts";
import { createBackbone, type StateDict } from "../models/index.ts";
import type { RunData } from "./class-data.ts";
import type { Method } from "./method.ts";
import type { Teacher } from "./session.ts";
import { disposable } from "./train-finish.ts";

/** BatchNorm moves its statistics a tenth of the way with each batch. */
const updates = 20;

export interface RandomTeacherOptions {
  readonly backbone: string;
  /** How the method sees images. */
  readonly framing: Framing;
  readonly batchSize: number;
  readonly seed: number;
}

/** The same device, images and options give the same weights. */
export async function randomTeacher(
  device: Device,
  samples: readonly Sample[],
  { backbone, framing, batchSize, seed }: RandomTeacherOptions,
): Promise<StateDict> {
  const rng = new Rng(seed).fork("teacher");
  using network = createBackbone(backbone, { device, rng, zeroInitLast: false });
  network.train();
  const transform = testTransform(framing);
  for (let done = 0; done < updates; ) {
    for await (const batch of batches(samples, { batchSize, side: framing.size, transform })) {
      await device.read(() => noGrad(() => network.forward(upload(device, batch)[0]).slice(-1)));
      if (++done === updates) break;
    }
  }
  return network.stateDict();
}

/** A teacher that has weights: a random one gets them from the seed and these images. */
export async function completeTeacher(
  teacher: Teacher,
  method: Method,
  config: Readonly<Record<string, unknown>>,
  { device, dataset, seed }: { device: Device; dataset: RunData; seed: number },
): Promise<Teacher> {
  if (teacher.state) return teacher;
  const { images, batchSize } = untrained(method, device, config, seed);
  const backbone = String(config.backbone);
  const options = { backbone, framing: framingOf(images), batchSize, seed };
  const state = await randomTeacher(device, dataset.train, options);
  const record = { ...teacher.record, seed, statistics: "training images", sha256: hashOf(state) };
  return { state, record };
}

/** What the method's detector says of images; the detector itself is gone again. */
function untrained(
  method: Method,
  device: Device,
  config: Readonly<Record<string, unknown>>,
  seed: number,
): Pick<Detector, "images" | "batchSize"> {
  using detector = disposable(method.create({ device, config, seed }));
  const { images, batchSize } = detector;
  return { images, batchSize };
}

function hashOf(state: StateDict): string {
  const hash = createHash("sha256");
  for (const [name, { data }] of state) {
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest("hex");
}
