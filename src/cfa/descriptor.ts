/**
 * The patch descriptor φ: a 1 × 1 convolution over the three maps of the frozen network, 3 × 3-averaged and side by side at the size
 * of the finest, and two channels of coordinates.
 *
 *   φ = W · [p₀, up(p₁), up(p₂), y, x] + b = W₀ · [p₀, y, x] + b + up(W₁p₁) + up(W₂p₂)
 *
 * A 1 × 1 convolution and a resize commute, so each map is convolved at its own size: a quarter of the work, and nothing has the
 * width of all maps at the size of the finest.
 */
import {
  avgPool2d,
  cast,
  concat,
  conv2d,
  type Device,
  expand,
  interpolateSum,
  mul,
  noGrad,
  slice,
  type Tensor,
} from "../core/index.ts";
import { LoupeError } from "../error.ts";
import { type Build, Conv2d, Module } from "../models/index.ts";

export interface DescriptorShape {
  /** Channels of each map. */
  readonly channels: readonly number[];
  /** Channels of the result. */
  readonly width: number;
  /** Rows and columns of the finest map; 2 or more of each. */
  readonly grid: readonly [rows: number, columns: number];
}

/** What `layer` is in the reference's checkpoints: a convolution inside a convolution of which nothing is used. */
const used = "layer.conv";

export class Descriptor extends Module {
  readonly conv: Conv2d;
  /** First row of the weight for each map, and for the coordinates. */
  readonly #first: readonly number[];
  /** `[1, rows, columns, 2]` */
  readonly #places: Tensor;

  constructor(build: Build, { channels, width, grid }: DescriptorShape) {
    super();
    const first = [0];
    for (const [i, count] of channels.entries()) first.push((first[i] as number) + count);
    const all = first.at(-1) as number;
    this.conv = this.child(used, new Conv2d(build, all + 2, width, { kernelSize: 1 }));
    this.#first = first;
    this.#places = coordinates(build.device, grid).keep();
  }

  /**
   * @param maps `[N, h, w, C]` of each level, finest first, as `pooled` gives them
   * @returns `[N, rows, columns, width]`
   */
  forward(maps: readonly Tensor[]): Tensor {
    const { weight, bias } = this.conv;
    const rows = (i: number) => slice(weight, 2, this.#first[i] as number, this.#first[i + 1]);
    const [finest, ...coarser] = maps as readonly [Tensor, ...Tensor[]];
    const placed = noGrad(() => this.#withPlaces(finest));
    const fine = conv2d(placed, concat([rows(0), rows(maps.length)], 2), bias);
    return interpolateSum(
      fine,
      coarser.map((x, i) => conv2d(x, rows(i + 1))),
    );
  }

  #withPlaces(x: Tensor): Tensor {
    const [n, h, w] = x.shape as [number, number, number];
    return concat([x, expand(this.#places, [n, h, w, 2])], 3);
  }

  override dispose(): void {
    super.dispose();
    this.#places.dispose();
  }
}

/**
 * Means over 3 × 3 pixels, of which those outside are zeros; f32.
 * @param byChannels divides each map by its number of channels
 */
export function pooled(levels: readonly Tensor[], byChannels: boolean): Tensor[] {
  return noGrad(() =>
    levels.map((x) => {
      const y = cast(avgPool2d(x, { kernelSize: 3, stride: 1, padding: 1 }), "f32");
      return byChannels ? mul(y, 1 / (x.shape[3] as number)) : y;
    }),
  );
}

/**
 * Places on a grid: rows from −1 to 1, then columns. Liu et al., "An intriguing failing of convolutional neural networks and the CoordConv
 * solution" (NeurIPS 2018).
 * @returns `[1, rows, columns, 2]`
 * @throws LoupeError `shape` for a single row or column, which would be at 0 / 0
 */
export function coordinates(
  device: Device,
  [rows, columns]: readonly [rows: number, columns: number],
): Tensor {
  if (![rows, columns].every((n) => Number.isInteger(n) && n >= 2)) {
    const rule = "a grid with coordinates has 2 rows and 2 columns or more";
    throw new LoupeError("shape", `coordinates: ${rule}, got ${rows} × ${columns}`);
  }
  const at = (i: number, count: number) => (2 * i) / (count - 1) - 1;
  const values = new Float32Array(rows * columns * 2);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      values.set([at(y, rows), at(x, columns)], 2 * (y * columns + x));
    }
  }
  return device.tensor(values, [1, rows, columns, 2]);
}
