/** Stand-ins for what the loop and the folder don't look into: a detector without a GPU, batches of given paths, small states. */
import type { Device, Tensor } from "../../src/core/index.ts";
import type { Batch, Sample } from "../../src/data/index.ts";
import type { Detector, StepPosition } from "../../src/detector/index.ts";
import { hostTensor, type StateDict } from "../../src/models/index.ts";

/** A device that hands out host arrays for tensors. */
const hostDevice = {
  tensor: (data: Float32Array) => data,
  read: async (fn: () => readonly Float32Array[]) => fn(),
} as unknown as Device;

interface FakeOptions {
  readonly epochs?: number;
  /** The loss of each step; default: its iteration. */
  readonly loss?: (at: StepPosition) => number;
  /** The map of each pixel of an image; default: its first channel. */
  readonly map?: (pixel: number) => number;
  /** Of each pixel before smoothing, if the method has such maps; the map is then of these. */
  readonly raw?: (pixel: number) => number;
}

/** Remembers the steps it was asked for. */
export function fakeDetector({ epochs = 3, loss, map, raw }: FakeOptions = {}) {
  const steps: StepPosition[] = [];
  const eachPixel = (values: Tensor, channels: number, value = (v: number) => v) => {
    const from = values as unknown as Float32Array;
    const to = Float32Array.from({ length: from.length / channels }, (_, i) =>
      value(from[channels * i]!),
    );
    return to as unknown as Tensor;
  };
  const detector: Partial<Detector> = {
    method: "fake",
    config: {},
    device: hostDevice,
    epochs,
    trainStep(_images, _masks, at) {
      steps.push(at);
      return Float32Array.of(loss?.(at) ?? at.iteration) as unknown as Tensor;
    },
    preparePrediction: async () => {},
    predict: (images) => eachPixel(raw ? eachPixel(images, 3, raw) : images, raw ? 1 : 3, map),
    ...(raw && {
      rawMaps: (images) => eachPixel(images, 3, raw),
      smooth: (maps) => eachPixel(maps, 1, map),
    }),
    imageScore: (one) => one.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
  };
  return { detector: detector as Detector, steps };
}

/** A batch of images of one colour each. */
export function batchOf(
  paths: readonly string[],
  options: { side?: number; first?: number; labels?: readonly number[]; mask?: number } = {},
): Batch {
  const { side = 1, first = 0, labels, mask = 0 } = options;
  const size = paths.length;
  return {
    size,
    side,
    images: Float32Array.from({ length: size * side * side * 3 }, (_, i) =>
      Math.floor(i / (side * side * 3) + first),
    ),
    masks: new Float32Array(size * side * side).fill(mask),
    labels: Uint8Array.from(labels ?? paths.map(() => 0)),
    paths,
    indices: Uint32Array.from(paths, (_, i) => first + i),
  };
}

export const sampleOf = (path: string, label: 0 | 1 = 0, maskPath?: string): Sample => ({
  path,
  label,
  defect: label ? "crack" : "good",
  className: "bottle",
  ...(maskPath === undefined ? {} : { maskPath }),
});

export async function* these<T>(values: Iterable<T>): AsyncGenerator<T, void, undefined> {
  yield* values;
}

/** `name` with the values 1 … n. */
export function stateOf(name: string, n: number, start = 1): StateDict {
  const data = Float32Array.from({ length: n }, (_, i) => start + i);
  return new Map([[name, hostTensor("f32", [n], data)]]);
}
