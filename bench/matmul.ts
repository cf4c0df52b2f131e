/** C = A · B for square matrices. The small one costs what a launch costs. */
import { matmul, type Precision, type Tensor } from "../src/core/index.ts";
import { drawn } from "./inputs.ts";
import { matmulPoints } from "./reference.ts";
import { coarseness, near, suffixOf, type Task } from "./task.ts";

/** @param precision of the operands and the result; sums are f32 */
export function matmulTask(n: number, precision: Precision = "f32"): Task {
  return {
    name: `matmul ${n}³${suffixOf(precision)}`,
    work: { flops: 2 * n ** 3 },
    open(device) {
      const [a, b] = [drawn(n * n, 1), drawn(n * n, 2)];
      const [ta, tb] = [a, b].map((values) => device.tensor(values, [n, n], precision));
      const coarse = coarseness(precision);
      return {
        queue: () => matmul(ta as Tensor, tb as Tensor),
        check: near(matmulPoints(a, b, n), 1e-4 * coarse, 1e-3 * coarse),
      };
    },
  };
}
