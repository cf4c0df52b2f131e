/**
 * The generator behind the golden fixtures of CFA and FOD: numbers drawn from a name instead of stored. U(name)[i] is draw i of
 * mulberry32 seeded with FNV-1a(name). (The fixtures of CDO and of the ops have another one, test/golden.ts.)
 */
import { hostTensor, type StateDict } from "../src/models/index.ts";
import { fnv } from "./golden.ts";

/** A stream in [0, 1). */
export function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** float32(lo + (hi − lo) · u), row-major. */
export function U(
  name: string,
  shape: readonly number[],
  lo = -1,
  hi = 1,
): Float32Array<ArrayBuffer> {
  const draw = mulberry32(fnv(name));
  const n = shape.reduce((a, b) => a * b, 1);
  return Float32Array.from({ length: n }, () => lo + (hi - lo) * draw());
}

/** Every entry of a state dict in PyTorch's layout, drawn by its name behind the prefix; counters are 0. */
export function fill(shapes: ReadonlyMap<string, readonly number[]>, prefix: string): StateDict {
  return new Map(
    [...shapes].map(([name, shape]) => {
      if (name.endsWith("num_batches_tracked")) {
        return [name, hostTensor("i64", shape, new BigInt64Array(1))];
      }
      return [name, hostTensor("f32", shape, U(prefix + name, shape, ...limits(name, shape)))];
    }),
  );
}

function limits(name: string, shape: readonly number[]): [lo: number, hi: number] {
  if (name.endsWith("running_mean") || name.endsWith("bias")) return [-0.1, 0.1];
  if (name.endsWith("running_var")) return [0.5, 1.5];
  if (!name.endsWith("weight")) throw new Error(`fill: no rule for ${name}`);
  if (shape.length === 1) return [0.5, 1];
  const bound = Math.sqrt(3 / shape.slice(1).reduce((a, b) => a * b, 1));
  return [-bound, bound];
}
