/** The fixtures of FOD's reference code, and networks with the weights of its runs. Their generator: test/golden-u.ts. */
import { readFileSync } from "node:fs";
import type { Device, Tensor } from "../../src/core/index.ts";
import { LevelNetwork, type LevelShape } from "../../src/fod/index.ts";
import { closeTo } from "../core/close.ts";
import { fill, U } from "../golden-u.ts";

/** A fixture file; its form is the test's business. */
export function golden<T>(name: string): T {
  const file = new URL(`../fixtures/fod/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8")) as T;
}

/** Lists in lists, as the files have tensors. */
export type Nested = number | readonly Nested[];

export function flat(values: Nested): number[] {
  return typeof values === "number" ? [values] : values.flatMap(flat);
}

/** A tensor too large to be stored. */
export interface Summary {
  readonly shape: readonly number[];
  readonly mean: number;
  readonly std: number;
  readonly min: number;
  readonly max: number;
  readonly sum_abs: number;
  readonly sample_index: readonly number[];
  readonly sample: readonly number[];
}

interface Tolerance {
  readonly rtol: number;
  /** Default 0. */
  readonly atol?: number;
}

/** Compares the samples, and the sums with the tolerance of the mean element. */
export function closeToSummary(
  actual: ArrayLike<number>,
  want: Summary,
  { rtol, atol = 0 }: Tolerance,
): void {
  const values = Float64Array.from(actual);
  const n = want.shape.reduce((a, b) => a * b, 1);
  if (values.length !== n) throw new Error(`got ${values.length} values, expected ${n}`);
  const picked = want.sample_index.map((i) => values[i] as number);
  closeTo(picked, want.sample, { rtol, atol });
  const size = want.sum_abs / n;
  closeTo([values.reduce((a, v) => a + Math.abs(v), 0) / n], [size], { rtol, atol });
  closeTo([values.reduce((a, v) => a + v, 0) / n], [want.mean], {
    rtol: 0,
    atol: atol + rtol * size,
  });
}

/** The network of fod-forward.json but for what is given, with weights by their names. */
export function network(device: Device, shape: Partial<LevelShape> = {}): LevelNetwork {
  const made = new LevelNetwork(
    { device, rng: undefined },
    {
      channels: 12,
      width: 16,
      heads: 4,
      layers: 3,
      grid: [8, 8],
      intra: true,
      inter: true,
      ...shape,
    },
  );
  made.loadStateDict(fill(made.stateShapes(), "fod."));
  return made;
}

/** Tokens `[1, L, C]`, uniform in 0 … 1. */
export const tokens = (device: Device, name: string, length = 64, channels = 12): Tensor =>
  device.tensor(U(name, [1, length, channels], 0, 1), [1, length, channels]);

/** Reference features of the fixtures, `[C, L]` there, as tokens. */
export function reference(
  device: Device,
  name = "ref.m.layer3",
  length = 64,
  channels = 12,
): Tensor {
  const stored = U(name, [channels, length], 0, 1);
  const data = new Float32Array(stored.length);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < length; i++) data[i * channels + c] = stored[c * length + i] as number;
  }
  return device.tensor(data, [1, length, channels]);
}
