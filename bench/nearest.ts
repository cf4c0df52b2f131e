/** The k smallest distances of every feature vector to a bank of them, as memory-bank methods ask for. */
import { nearest } from "../src/core/index.ts";
import { drawn } from "./inputs.ts";
import { near, type Point, type Task } from "./task.ts";

/** Vectors asked about, vectors in the bank, their length, how many neighbours. */
const [m, n, d, k] = [3136, 1024, 128, 3];

export const nearestTask: Task = {
  name: `nearest ${k} of ${n} for ${m} vectors of ${d}`,
  work: { flops: 3 * m * n * d },
  open(device) {
    const [a, b] = [drawn(m * d, 1), drawn(n * d, 2)];
    const [ta, tb] = [device.tensor(a, [m, d]), device.tensor(b, [n, d])];
    return { queue: () => nearest(ta, tb, k).values, check: near(points(a, b)) };
  },
};

function points(a: Float32Array, b: Float32Array): Point[] {
  return [0, m >> 1, m - 1].flatMap((row) => {
    const distances = Array.from({ length: n }, (_, i) => {
      let total = 0;
      for (let j = 0; j < d; j++)
        total += ((a[row * d + j] as number) - (b[i * d + j] as number)) ** 2;
      return Math.sqrt(total);
    }).sort((p, q) => p - q);
    return distances.slice(0, k).map((value, i): Point => [row * k + i, value]);
  });
}
