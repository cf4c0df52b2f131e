/** Reference features: the reference code's mean, streamed; and their file, which says what it belongs to. */
import { expect, test } from "vitest";
import { avgPool2d } from "../../src/core/index.ts";
import type { Batch } from "../../src/data/index.ts";
import {
  type Reference,
  type ReferenceOrigin,
  readReference,
  streamReference,
  tokensOf,
  writeReference,
} from "../../src/fod/index.ts";
import { hostTensor } from "../../src/models/index.ts";
import { closeTo } from "../core/close.ts";
import { testDevice } from "../device.ts";
import { U } from "../golden-u.ts";
import { toNhwc } from "../models/golden.ts";
import { flat, golden, type Nested } from "./golden.ts";

const device = await testDevice();

const want = golden<{ avgpool3_s1_p1: Nested; mean_C_by_HW: Nested }>("ref-features");
const stored = U("rf.x", [3, 4, 5, 5], 0, 1);

/** `[N, C, L]` from `[N, L, C]`. */
function channelsFirst(data: Float32Array, n: number, length: number, channels: number): number[] {
  const at = (i: number) => {
    const [image, rest] = [Math.floor(i / (length * channels)), i % (length * channels)];
    return (image * length + (rest % length)) * channels + Math.floor(rest / length);
  };
  return Array.from({ length: n * length * channels }, (_, i) => data[at(i)] as number);
}

test("tokens are the reference's pooled features, also of halves and of grids that are not square", async () => {
  const [pooled, wide, means] = (await device.read(() => {
    const x = device.tensor(toNhwc(stored, [3, 4, 5, 5]), [3, 5, 5, 4]);
    const flatter = device.ones([2, 1, 3, 1]);
    expect(tokensOf(flatter).shape).toEqual([2, 3, 1]);
    const same = avgPool2d(flatter, { kernelSize: 3, stride: 1, padding: 1 });
    return [tokensOf(x), tokensOf(flatter), same];
  })) as Float32Array[];
  closeTo(channelsFirst(pooled!, 3, 25, 4), flat(want.avgpool3_s1_p1), { rtol: 1e-6, atol: 1e-7 });
  expect(wide).toEqual(means);
  closeTo(
    wide!,
    [2, 3, 2, 2, 3, 2].map((n) => n / 9),
    { rtol: 1e-6, atol: 0 },
  );
});

/** Batches of the sizes given, whose images hold what `features` looks up. */
async function* batchesOf(sizes: readonly number[]): AsyncGenerator<Batch> {
  let first = 0;
  for (const size of sizes) {
    const images = new Float32Array(size * 3).map((_, i) => first + Math.floor(i / 3));
    const [masks, labels] = [new Float32Array(size), new Uint8Array(size)];
    const paths = Array.from({ length: size }, (_, i) => `${first + i}.png`);
    const indices = new Uint32Array(size).map((_, i) => first + i);
    yield { size, side: 1, images, masks, labels, paths, indices };
    first += size;
  }
}

/** The fixture's features of as many images, the first ones or the rest. */
function streamed(sizes: readonly number[]): Promise<Reference> {
  let done = 0;
  const data = toNhwc(stored, [3, 4, 5, 5]);
  return streamReference(
    device,
    (images) => {
      const n = images.shape[0] as number;
      const part = data.slice(done * 100, (done + n) * 100);
      done += n;
      return [
        device.zeros([n, 9, 9, 1]),
        device.tensor(part, [n, 5, 5, 4]),
        device.zeros([n, 2, 2, 6]),
      ];
    },
    [1, 2],
    batchesOf(sizes),
  );
}

test("the mean over all images is the reference's, however they come in batches", async () => {
  for (const sizes of [[3], [1, 1, 1], [2, 1]]) {
    const { features, images } = await streamed(sizes);
    expect(images).toBe(3);
    expect([...features].map(([name, { shape }]) => [name, shape])).toEqual([
      ["layer1", [4, 25]],
      ["layer2", [6, 4]],
    ]);
    const mean = features.get("layer1")!.data as Float32Array;
    closeTo(mean, flat(want.mean_C_by_HW), { rtol: 1e-5, atol: 0 });
  }
});

test("without images there is no reference, and what fails leaves nothing behind", async () => {
  await expect(streamed([])).rejects.toThrow(
    "fod: reference features need one training image or more",
  );
  const before = device.memory.stats().liveBuffers;
  const broken = async function* () {
    yield* batchesOf([1]);
    throw new Error("a broken image");
  };
  const features = () => [device.ones([1, 2, 2, 3])];
  await expect(streamReference(device, features, [0], broken())).rejects.toThrow("a broken image");
  expect(device.memory.stats().liveBuffers).toBe(before);
});

const origin: ReferenceOrigin = {
  className: "bottle",
  backbone: "resnet18",
  weights: "ab12",
  imageSize: 256,
  fit: "stretch",
};
const features = () => new Map([["layer1", hostTensor("f32", [2, 4], U("f", [2, 4]))]]);

test("a file of reference features comes back with what it was made from", () => {
  const bytes = writeReference({ features: features(), images: 209 }, origin);
  const read = readReference("bottle.safetensors", bytes, origin);
  expect(read.images).toBe(209);
  expect(read.origin).toEqual(origin);
  expect(read.features).toEqual(features());
});

test("reference features of something else are refused with every value that differs", () => {
  const bytes = writeReference({ features: features(), images: 209 }, origin);
  const read = (other: Partial<ReferenceOrigin>) => () =>
    readReference("bottle.safetensors", bytes, { ...origin, ...other });
  const next =
    "; make them with `loupe fod reference-features` for this class, backbone, weights and size";
  expect(read({ className: "cable" })).toThrow(
    `bottle.safetensors: these reference features are of class "bottle" instead of "cable"${next}`,
  );
  expect(read({ imageSize: 320, backbone: "wide_resnet50_2", weights: "cd34" })).toThrow(
    'of backbone "resnet18" instead of "wide_resnet50_2", of weights "ab12" instead of "cd34", of image size 256 instead of 320',
  );
  expect(read({ fit: "crop" })).toThrow('of fit "stretch" instead of "crop"');
});

test("files that hold no reference features are refused", () => {
  const read = (bytes: Uint8Array) => () => readReference("x.safetensors", bytes, origin);
  expect(read(new Uint8Array(3))).toThrow("x.safetensors: safetensors: the file has 3 bytes");
  const none = writeReference({ features: new Map(), images: 1 }, origin);
  expect(read(none)).toThrow("x.safetensors: there are no reference features in it");
  const other = new TextEncoder().encode("{}      ");
  const empty = new Uint8Array([8, 0, 0, 0, 0, 0, 0, 0, ...other]);
  expect(read(empty)).toThrow('of class "unknown" instead of "bottle"');
  expect(read(empty)).toThrow('of image size "unknown" instead of ');
});
