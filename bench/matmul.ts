/** C = A · B for square matrices. The small one costs what a launch costs. */
import { matmul } from "../src/core/index.ts";
import { drawn } from "./inputs.ts";
import { matmulPoints } from "./reference.ts";
import { near, type Task } from "./task.ts";

export function matmulTask(n: number): Task {
  return {
    name: `matmul ${n}³`,
    work: { flops: 2 * n ** 3 },
    open(device) {
      const [a, b] = [drawn(n * n, 1), drawn(n * n, 2)];
      const [ta, tb] = [device.tensor(a, [n, n]), device.tensor(b, [n, n])];
      return {
        queue: () => matmul(ta, tb),
        check: near(matmulPoints(a, b, n), 1e-4, 1e-3),
      };
    },
  };
}
