/**
 * The gradient of a convolution's weight on matrix units: rows are (tap row, tap, channel), columns output channels, the summed
 * axis runs over all output pixels. There are few tiles and many pixels, so plans cut the sum into parts.
 */
import { type ConvShape, convParams } from "../gemm/conv-shape.ts";
import { type ProductTypes, writer } from "../gemm/write.ts";
import type { KernelSpec } from "../spec.ts";
import { type MatrixLayout, matrixKernel } from "./body.ts";
import { windowSpots } from "./conv.ts";
import { dense, widthOf, windowed } from "./operand.ts";

/** dw (or `[parts, kh, kw, c, k]` of its sums) of x `[n, h, w, c]` and dy `[n, oh, ow, k]`. */
export function matrixWeightGradKernel(
  s: ConvShape,
  layout: MatrixLayout,
  { result }: ProductTypes,
): KernelSpec {
  const write = writer({ width: "p.k", columns: 4, wide: s.k % 4 === 0, result });
  return matrixKernel({
    name: "conv2d weight gradient",
    layout,
    a: windowed({
      buffer: "x_",
      prefix: "a",
      alongK: false,
      width: widthOf(s.c),
      height: "p.h",
      rowLength: "p.w",
      channels: "p.c",
      taps: "p.kw",
      stepY: "i32(p.dilationH)",
      stepX: "i32(p.dilationW)",
      spots: windowSpots("kTo"),
      innerEnd: "mEnd",
    }),
    b: dense({
      buffer: "d_",
      alongK: false,
      width: widthOf(s.k),
      base: "0u",
      outerEnd: "kTo",
      innerEnd: "p.k",
      pitch: "p.k",
    }),
    rows: s.kh * s.kw * s.c,
    columns: s.k,
    layers: 1,
    height: s.kh * s.kw * s.c,
    params: convParams(s, {}),
    origin: "let kEnd = p.n * p.oh * p.ow; let mEnd = p.kh * p.kw * p.c; let nEnd = p.k;",
    inputs: [],
    output: write.output,
    head: write.head,
    write: "put(part0 + row, column, nEnd, v);",
  });
}
