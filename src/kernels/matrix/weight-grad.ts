/**
 * The gradient of a convolution's weight on matrix units: rows are (tap row, tap, channel), columns output channels, the summed
 * axis runs over all output pixels. There are few tiles and many pixels, so the pixels are cut into chunks; their sums are added
 * in a second pass, in a fixed order.
 */
import { type ConvShape, convParams } from "../gemm/conv-shape.ts";
import { type ProductTypes, writer } from "../gemm/write.ts";
import type { KernelSpec } from "../spec.ts";
import { type MatrixLayout, matrixKernel } from "./body.ts";
import { windowSpots } from "./conv.ts";
import { dense, widthOf, windowed } from "./operand.ts";

/** Workgroups that fill a large GPU: two on each of 132 multiprocessors. */
export const fullDevice = 264;
/** Blocks that a chunk has at least; fewer are not worth a second pass. */
const leastBlocks = 8;
/** Most partial sums: 64 MiB of f32. */
const mostPartials = 16 * 2 ** 20;

/** Chunks of pixels that are summed apart. */
export function matrixWeightGradChunks(s: ConvShape, { tile }: MatrixLayout): number {
  const rows = s.kh * s.kw * s.c;
  const tiles = Math.ceil(rows / tile.m) * Math.ceil(s.k / tile.n);
  const blocks = Math.ceil((s.n * s.oh * s.ow) / tile.k);
  const wanted = Math.ceil(fullDevice / tiles);
  const room = Math.floor(mostPartials / (rows * s.k));
  return Math.max(1, Math.min(wanted, Math.floor(blocks / leastBlocks), room));
}

/** dw in `chunks` parts: `[chunks, kh, kw, c, k]`, of x `[n, h, w, c]` and dy `[n, oh, ow, k]`. */
export function matrixWeightGradKernel(
  s: ConvShape,
  layout: MatrixLayout,
  { result }: ProductTypes,
  chunks: number,
): KernelSpec {
  const { tile } = layout;
  const blocks = Math.ceil((s.n * s.oh * s.ow) / tile.k);
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
    layers: chunks,
    params: convParams(s, { step: Math.ceil(blocks / chunks) * tile.k }),
    origin: `let mEnd = p.kh * p.kw * p.c; let nEnd = p.k;
let kFrom = layer * p.step; let kTo = min(kFrom + p.step, p.n * p.oh * p.ow);`,
    inputs: [],
    output: write.output,
    head: write.head,
    write: "put(layer * mEnd + row, column, nEnd, v);",
  });
}
