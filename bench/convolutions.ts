/**
 * Forward, input gradient and weight gradient, each on its own, of the convolutions that ResNet-18 at 128 × 128 and HRNet-W32 at
 * 256 × 256 really have: every kind of layer (kernel, stride, channels) at the size of map it meets.
 */
import {
  conv2d,
  type Device,
  grad,
  type Precision,
  type Tensor,
  withPrecision,
} from "../src/core/index.ts";
import { drawn, toHWIO, toNHWC } from "./inputs.ts";
import {
  type ConvSize,
  convFlops,
  convPoints,
  inputGradPoints,
  outSize,
  weightGradPoints,
} from "./reference.ts";
import { coarseness, type Job, near, type Point, suffixOf, type Task } from "./task.ts";

/** Size of the map, channels in and out, side of the kernel, stride. */
type Layer = readonly [size: number, c: number, k: number, kernel: number, stride: number];

const resnet18: readonly Layer[] = [
  [128, 3, 64, 7, 2],
  [32, 64, 64, 3, 1],
  [32, 64, 128, 3, 2],
  [32, 64, 128, 1, 2],
  [16, 128, 128, 3, 1],
  [16, 128, 256, 3, 2],
  [8, 256, 256, 3, 1],
];

const hrnetW32: readonly Layer[] = [
  [256, 3, 64, 3, 2],
  [128, 64, 64, 3, 2],
  [64, 64, 256, 1, 1],
  [64, 256, 64, 1, 1],
  [64, 256, 32, 3, 1],
  [64, 32, 32, 3, 1],
  [64, 32, 64, 3, 2],
  [32, 64, 64, 3, 1],
  [32, 64, 32, 1, 1],
  [16, 128, 128, 3, 1],
  [8, 256, 256, 3, 1],
  [8, 256, 32, 1, 1],
];

/** The layer of the competition's benchmark. */
const common: Layer = [64, 64, 64, 3, 1];

export const commonLayer: ConvSize = sizeOf(common, 4);

/** Which way through a layer. */
export type Pass = "forward" | "input gradient" | "weight gradient";
export const passes: readonly Pass[] = ["forward", "input gradient", "weight gradient"];

/** @param batch images of each layer */
export function convolutionTasks(batch: number, precision: Precision = "f32"): Task[] {
  const all = [common, ...resnet18, ...hrnetW32].map((layer) => sizeOf(layer, batch));
  const unique = new Map(all.map((s) => [nameOf(s), s]));
  return [...unique.values()].flatMap((s) =>
    passes.map((pass) => convolutionTask(s, pass, { precision })),
  );
}

function sizeOf([size, c, k, kernel, stride]: Layer, n: number): ConvSize {
  return { n, size, c, k, kernel, stride, padding: kernel >> 1 };
}

/** For example `conv 3×3/2 4×32²×64→128`. */
export function nameOf({ n, size, c, k, kernel, stride }: ConvSize): string {
  return `conv ${kernel}×${kernel}${stride > 1 ? `/${stride}` : ""} ${n}×${size}²×${c}→${k}`;
}

interface PassOptions {
  /** Of image, weight and result; sums and the weight's gradient are f32. */
  readonly precision?: Precision;
  readonly numbers?: () => Host;
}

export function convolutionTask(size: ConvSize, pass: Pass, options: PassOptions = {}): Task {
  const { precision = "f32", numbers = () => hostOf(size) } = options;
  return {
    name: `${nameOf(size)} ${pass}${suffixOf(precision)}`,
    work: { flops: convFlops(size) },
    open: (device) => openPass(device, size, pass, numbers(), precision),
  };
}

/** Forward and both gradients in one go, as a training step has them. */
export const convolutionTrainingTask: Task = {
  name: `${nameOf(commonLayer)} forward + both gradients`,
  work: { flops: 3 * convFlops(commonLayer) },
  open(device) {
    const { x, w, dy, options } = tensorsOf(device, commonLayer, commonNumbers());
    for (const leaf of [x, w]) leaf.setRequiresGrad(true);
    return {
      queue: () => grad(conv2d(x, w, undefined, options), [x, w], dy) as Tensor[],
      check: near(trainingPoints(), 1e-4, 2e-3),
    };
  },
};

/** The inputs that all engines share. */
export function commonNumbers(): Host {
  const { n, size, c, k, kernel } = commonLayer;
  return {
    x: toNHWC(drawn(n * c * size * size, 1), [n, c, size, size]),
    w: toHWIO(drawn(k * c * kernel ** 2, 2, 0.05), [k, c, kernel, kernel]),
    dy: toNHWC(drawn(n * k * size * size, 3), [n, k, size, size]),
  };
}

/** Values of the input's gradient, followed by the weight's. */
export function trainingPoints(): Point[] {
  const { x, w, dy } = commonNumbers();
  const behind = weightGradPoints(x, dy, commonLayer).map(
    ([at, value]): Point => [x.length + at, value],
  );
  return [...inputGradPoints(dy, w, commonLayer), ...behind];
}

interface Host {
  readonly x: Float32Array<ArrayBuffer>;
  readonly w: Float32Array<ArrayBuffer>;
  readonly dy: Float32Array<ArrayBuffer>;
}

function hostOf(s: ConvSize): Host {
  const scale = 1 / Math.sqrt(s.c * s.kernel ** 2);
  return {
    x: drawn(s.n * s.size ** 2 * s.c, 1),
    w: drawn(s.kernel ** 2 * s.c * s.k, 2, scale),
    dy: drawn(s.n * outSize(s) ** 2 * s.k, 3),
  };
}

function tensorsOf(device: Device, s: ConvSize, host: Host, precision: Precision = "f32") {
  const out = outSize(s);
  return {
    x: device.tensor(host.x, [s.n, s.size, s.size, s.c]),
    w: device.tensor(host.w, [s.kernel, s.kernel, s.c, s.k]),
    dy: device.tensor(host.dy, [s.n, out, out, s.k], precision),
    options: { stride: s.stride, padding: s.padding },
  };
}

function openPass(device: Device, s: ConvSize, pass: Pass, host: Host, precision: Precision): Job {
  const coarse = coarseness(precision);
  const { x, w, dy, options } = tensorsOf(device, s, host, precision);
  if (pass === "forward") {
    const check = near(convPoints(host.x, host.w, s), 1e-4 * coarse, 1e-3 * coarse);
    const image = device.tensor(host.x, x.shape, precision);
    const weight = device.tensor(host.w, w.shape, precision);
    return { queue: () => conv2d(image, weight, undefined, options), check };
  }
  const leaf = (pass === "input gradient" ? x : w).setRequiresGrad(true);
  // the graph is made once, so that only its gradient is timed
  const y = withPrecision(precision, () => conv2d(x, w, undefined, options));
  const points =
    pass === "input gradient"
      ? inputGradPoints(host.dy, host.w, s)
      : weightGradPoints(host.x, host.dy, s);
  return {
    queue: () => grad(y, [leaf], dy)[0] as Tensor,
    check: near(points, 1e-4 * coarse, 1e-3 * coarse * Math.sqrt(s.n)),
  };
}
