/** Sums over either axis of a matrix. Counted are the bytes read: what is written is nothing beside them. */
import { sum } from "../src/core/index.ts";
import { drawn } from "./inputs.ts";
import { near, type Point, type Task } from "./task.ts";

export function sumTask(n: number, axis: 0 | 1): Task {
  return {
    name: `sum ${n}×${n} over axis ${axis}`,
    work: { bytes: 4 * n * n },
    open(device) {
      const host = drawn(n * n, 1);
      const x = device.tensor(host, [n, n]);
      return { queue: () => sum(x, axis), check: near(sumPoints(host, n, axis), 1e-4, 1e-2) };
    },
  };
}

/** The first, the last and a middle sum. */
export function sumPoints(x: Float32Array, n: number, axis: 0 | 1): Point[] {
  const [step, start] = axis === 0 ? [n, 1] : [1, n];
  return [0, n >> 1, n - 1].map((at) => {
    let total = 0;
    for (let i = 0; i < n; i++) total += x[at * start + i * step] as number;
    return [at, total];
  });
}
