/**
 * Unit vectors along the middle axis of `[outer, n, inner]`: y = x / max(‖x‖, ε), and with u = x / ‖x‖
 * dx = (dy − u · (u·dy)) / ‖x‖; below ε the length is a constant and dx = dy / ε.
 */
import type { Float } from "./caps.ts";
import { type RowShape, rowsKernel } from "./rows.ts";
import type { KernelSpec } from "./spec.ts";

/** y (f32) from x. */
export function normalizeKernel(shape: RowShape, eps: number, dtype: Float): KernelSpec {
  return rowsKernel({
    name: "normalize",
    shape,
    inputs: { x: "element" },
    passes: [
      { folds: { square: ["sum", "x * x"] }, after: "let size = max(sqrt(square), p.eps);" },
    ],
    each: { y: "x / size" },
    params: { eps },
    stored: { x: dtype },
  });
}

/** dx, of x's type, from x and dy (f32). */
export function normalizeGradKernel(shape: RowShape, eps: number, dtype: Float): KernelSpec {
  return rowsKernel({
    name: "normalize gradient",
    shape,
    inputs: { x: "element", g: "element" },
    passes: [
      {
        folds: { square: ["sum", "x * x"], dotted: ["sum", "x * g"] },
        after: `let size = max(sqrt(square), p.eps);
let along = select(0.0, dotted / size / size, sqrt(square) >= p.eps);`,
      },
    ],
    each: { y: "(g - x * along) / size" },
    params: { eps },
    stored: { x: dtype, y: dtype },
  });
}
