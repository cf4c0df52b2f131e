/** Compares tensors with what the golden fixtures store of them: a summary and a few values, in PyTorch's order. */
import { expect } from "vitest";
import type { Device } from "../../src/core/index.ts";
import type { Backbone } from "../../src/models/index.ts";
import { U } from "../golden-u.ts";
import { toNchw, toNhwc } from "./golden.ts";

type Four = readonly [number, number, number, number];

export interface Summary {
  shape: number[];
  mean: number;
  std: number;
  min: number;
  max: number;
  sum_abs: number;
  sample_index: number[];
  sample: number[];
}

export interface Golden {
  input: { name: string; shape: number[]; lo: number; hi: number };
  outputs: Summary[];
}

/** Every number to a ten-thousandth of itself, and what rounding of the largest may leave. */
export function check(values: Float64Array, shape: readonly number[], want: Summary): void {
  expect(shape).toEqual(want.shape);
  const near = (what: string, got: number, wanted: number) =>
    expect(Math.abs(got - wanted), what).toBeLessThan(1e-4 * Math.abs(wanted) + 5e-6 * want.std);
  const sum = (of: (x: number) => number) => values.reduce((a, x) => a + of(x), 0);
  const mean = sum((x) => x) / values.length;
  near("mean", mean, want.mean);
  near("std", Math.sqrt(sum((x) => (x - mean) ** 2) / values.length), want.std);
  near(
    "min",
    values.reduce((a, x) => Math.min(a, x)),
    want.min,
  );
  near(
    "max",
    values.reduce((a, x) => Math.max(a, x)),
    want.max,
  );
  near("sum_abs", sum(Math.abs), want.sum_abs);
  for (const [i, at] of want.sample_index.entries()) near(`at ${at}`, values[at]!, want.sample[i]!);
}

/** The images of a fixture in our layout. */
export function imagesOf({ input }: Golden): { data: Float32Array<ArrayBuffer>; shape: Four } {
  const [n, c, h, w] = input.shape as unknown as Four;
  return {
    data: toNhwc(U(input.name, input.shape, input.lo, input.hi), [n, c, h, w]),
    shape: [n, h, w, c],
  };
}

/** Compares the last levels of a backbone, as many as are stored. */
export async function checkLevels(
  device: Device,
  forward: Backbone["forward"],
  golden: Golden,
): Promise<void> {
  const { data, shape } = imagesOf(golden);
  const { outputs } = golden;
  const shapes: Four[] = [];
  const maps = await device.read(() => {
    const wanted = forward(device.tensor(data, shape)).slice(-outputs.length);
    shapes.push(...wanted.map((level) => level.shape as unknown as Four));
    return wanted;
  });
  outputs.forEach((want, i) => {
    const [n, h, w, c] = shapes[i]!;
    check(toNchw(maps[i]!, [n, h, w, c]), [n, c, h, w], want);
  });
}

/** ‖a − b‖ / ‖b‖. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [above, below] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    above += (a[i]! - b[i]!) ** 2;
    below += b[i]! ** 2;
  }
  return Math.sqrt(above / below);
}
