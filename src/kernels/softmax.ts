/**
 * Shares and log-shares along the middle axis of `[outer, n, inner]`, from the largest element down so that nothing overflows:
 * softmax y = e^(x − m) / Σ e^(x − m), dx = (dy − Σ dy·y) · y; logSoftmax y = x − m − log Σ e^(x − m), dx = dy − e^y · Σ dy.
 */
import type { Float } from "./caps.ts";
import { type RowShape, rowsKernel } from "./rows.ts";
import type { KernelSpec } from "./spec.ts";

/** y (f32) from x. */
export function softmaxKernel(shape: RowShape, log: boolean, dtype: Float): KernelSpec {
  return rowsKernel({
    name: log ? "logSoftmax" : "softmax",
    shape,
    inputs: { x: "element" },
    passes: [
      { folds: { most: ["max", "x"] } },
      {
        folds: { total: ["sum", "exp(x - most)"] },
        after: log ? "let shift = log(total);" : "let share = 1.0 / total;",
      },
    ],
    each: { y: log ? "x - most - shift" : "exp(x - most) * share" },
    stored: { x: dtype },
  });
}

/** dx, of the given type, from y and dy (f32). */
export function softmaxGradKernel(shape: RowShape, log: boolean, dtype: Float): KernelSpec {
  return rowsKernel({
    name: log ? "logSoftmax gradient" : "softmax gradient",
    shape,
    inputs: { y: "element", g: "element" },
    passes: [{ folds: { total: ["sum", log ? "g" : "g * y"] } }],
    each: { x: log ? "g - exp(y) * total" : "(g - total) * y" },
    stored: { x: dtype },
  });
}
