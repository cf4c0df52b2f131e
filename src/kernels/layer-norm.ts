/**
 * Layer normalisation of the rows of `[rows, n]`: y = (x − μ) · r · w + b with r = 1 / √(σ² + ε), μ and σ² of the row.
 * With x̂ = (x − μ) · r: dx = r · (dy·w − mean(dy·w) − x̂ · mean(dy·w · x̂)).
 */
import type { Float } from "./caps.ts";
import { type RowBuffer, rowsKernel } from "./rows.ts";
import type { KernelSpec } from "./spec.ts";

export interface LayerNormShape {
  readonly rows: number;
  readonly n: number;
  readonly weight: boolean;
  readonly bias: boolean;
  /** Of x and its gradient; the rest is f32. */
  readonly dtype: Float;
}

const rowsOf = (s: LayerNormShape) => ({ outer: s.rows, n: s.n, inner: 1 });

/** y, and on request μ and r `[rows]`, from x and, where present, weight and bias `[n]`. */
export function layerNormKernel(s: LayerNormShape, eps: number, saved: boolean): KernelSpec {
  const { weight, bias } = s;
  const inputs: Record<string, RowBuffer> = {
    x: "element",
    ...(weight && { w: "column" }),
    ...(bias && { b: "column" }),
  };
  return rowsKernel({
    name: "layerNorm",
    shape: rowsOf(s),
    inputs,
    passes: [
      { folds: { total: ["sum", "x"] }, after: "let mean = total / p.n;" },
      {
        folds: { square: ["sum", "(x - mean) * (x - mean)"] },
        after: "let scale = 1.0 / sqrt(square / p.n + p.eps);",
      },
    ],
    each: { y: `(x - mean) * scale${weight ? " * w" : ""}${bias ? " + b" : ""}` },
    ...(saved && { once: { m: "mean", r: "scale" } }),
    params: { eps },
    stored: { x: s.dtype },
  });
}

/** dx from x, dy, μ, r and, where present, weight. */
export function layerNormGradKernel(s: LayerNormShape): KernelSpec {
  const d = s.weight ? "(g * w)" : "g";
  return rowsKernel({
    name: "layerNorm gradient",
    shape: rowsOf(s),
    inputs: {
      x: "element",
      g: "element",
      m: "row",
      r: "row",
      ...(s.weight && { w: "column" as const }),
    },
    passes: [
      {
        folds: { total: ["sum", d], dotted: ["sum", `${d} * (x - m)`] },
        after: "let mean = total / p.n; let along = dotted * r * r / p.n;",
      },
    ],
    each: { y: `r * (${d} - mean - (x - m) * along)` },
    stored: { x: s.dtype, y: s.dtype },
  });
}
