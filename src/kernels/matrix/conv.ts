/**
 * Convolution on matrix units without writing the unfolded image: rows are output pixels, the summed axis is (tap row, tap,
 * channel) with the channel fastest, so that one load stays inside one tap.
 */
import { type ConvShape, convParams } from "../gemm/conv-shape.ts";
import { type Epilogue, type ProductTypes, writer } from "../gemm/write.ts";
import type { KernelSpec } from "../spec.ts";
import { type MatrixLayout, matrixKernel } from "./body.ts";
import { matrixMatmulKernel } from "./matmul.ts";
import { dense, type Spots, widthOf, windowed } from "./operand.ts";

/** Entry of output pixel `q`: where its window begins. Beyond `end` it begins nowhere. */
export function windowSpots(end: string): Spots {
  return {
    code: `let ox = q % p.ow; let oy = q / p.ow % p.oh; let image = i32(q / p.ow / p.oh);
let y = i32(oy * p.strideH) - i32(p.padTop); let x = i32(ox * p.strideW) - i32(p.padLeft);
let offset = ((image * i32(p.h) + y) * i32(p.w) + x) * i32(p.c);`,
    value: `vec4<i32>(select(${nowhere}, y, q < ${end}), x, offset, 0)`,
  };
}

/** A row so far above the image that no tap reaches it. */
export const nowhere = "-1073741824";

/** One tap, no stride, no padding: a plain product of pixels and channels. */
export function isPointwise(s: ConvShape): boolean {
  const padded = s.padTop + s.padLeft > 0 || s.oh !== s.h || s.ow !== s.w;
  return s.kh * s.kw === 1 && s.strideH === 1 && s.strideW === 1 && !padded;
}

/** Pixels times channels. */
export function pointwiseProduct(s: ConvShape, backward: boolean) {
  const [n, k] = backward ? [s.c, s.k] : [s.k, s.c];
  const m = s.n * s.h * s.w;
  return {
    batch: 1,
    m,
    n,
    k,
    transposeA: false,
    transposeB: backward,
    strideA: 0,
    strideB: 0,
  };
}

/** y of x `[n, h, w, c]` and weight `[kh, kw, c, k]`, and the epilogue's inputs. */
export function matrixConvKernel(
  s: ConvShape,
  layout: MatrixLayout,
  types: ProductTypes,
  epilogue: Epilogue,
): KernelSpec {
  if (isPointwise(s)) {
    return matrixMatmulKernel(pointwiseProduct(s, false), layout, types, epilogue, "conv2d");
  }
  const { result } = types;
  const write = writer({ width: "p.k", columns: 4, wide: s.k % 4 === 0, result, epilogue });
  return matrixKernel({
    name: "conv2d",
    layout,
    a: windowed({
      buffer: "x_",
      prefix: "a",
      alongK: true,
      width: widthOf(s.c),
      height: "p.h",
      rowLength: "p.w",
      channels: "p.c",
      taps: "p.kw",
      stepY: "i32(p.dilationH)",
      stepX: "i32(p.dilationW)",
      spots: windowSpots("mEnd"),
      innerEnd: "kTo",
    }),
    b: dense({
      buffer: "w_",
      alongK: false,
      width: widthOf(s.k),
      base: "0u",
      outerEnd: "kTo",
      innerEnd: "p.k",
      pitch: "p.k",
    }),
    rows: s.n * s.oh * s.ow,
    columns: s.k,
    layers: 1,
    height: s.n * s.oh * s.ow,
    params: convParams(s, {}),
    origin: "let kEnd = p.kh * p.kw * p.c; let mEnd = p.n * p.oh * p.ow; let nEnd = p.k;",
    inputs: write.inputs,
    output: write.output,
    head: write.head,
    write: "put(part0 + row, column, nEnd, v);",
  });
}
