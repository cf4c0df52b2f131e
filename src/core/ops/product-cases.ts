/**
 * Products as the planner sees them: the class that a shape belongs to, and how its plans are tried. Of a convolution the channels, taps
 * and steps count as they are, for plans depend on what divides them; its pixels only as a power of two.
 */
import type { ConvShape, MatmulShape, Plan, ProductTypes } from "../../kernels/index.ts";
import { countClass, type Trial } from "../planner.ts";
import type { Tensor } from "../tensor.ts";

/** Such as `3x3 64-128 s2 @16384 f32`: @ is the class of the pixels of the result. */
export function convClass(s: ConvShape, types: ProductTypes): string {
  const pair = (a: number, b: number) => (a === b ? `${a}` : `${a},${b}`);
  const parts = [
    `${s.kh}x${s.kw} ${s.c}-${s.k}`,
    s.strideH * s.strideW > 1 ? `s${pair(s.strideH, s.strideW)}` : "",
    s.dilationH * s.dilationW > 1 ? `d${pair(s.dilationH, s.dilationW)}` : "",
    s.groups > 1 ? `g${s.groups}` : "",
    `@${countClass(s.n * s.oh * s.ow)}`,
    typeName(types),
  ];
  return parts.filter((part) => part !== "").join(" ");
}

/** Such as `@4096x64x576 nt f32`: rows (of all matrices together) as a class, then columns and products. */
export function matmulClass(s: MatmulShape, types: ProductTypes): string {
  const flags = `${s.transposeA ? "t" : "n"}${s.transposeB ? "t" : "n"}`;
  const shared = s.strideA === 0 || s.strideB === 0;
  const batch = s.batch === 1 ? "" : ` ${shared ? "shared" : "batch"} ${countClass(s.batch)}`;
  return `@${countClass(s.m)}x${s.n}x${s.k}${batch} ${flags} ${typeName(types)}`;
}

const typeName = ({ operands, result }: ProductTypes) =>
  operands === result ? operands : `${operands}-${result}`;

/** A product of two tensors by a given plan. */
type Product<P> = (a: Tensor, b: Tensor, plan: P) => Tensor;

const ofTwo =
  <P extends Plan>(run: Product<P>): Trial<P>["run"] =>
  ([a, b], plan) =>
    run(a as Tensor, b as Tensor, plan);

/** Trials of the three products of one convolution; `run` is one of them by a given plan. */
export function convTrial<P extends Plan>(
  which: "y" | "dx" | "dw",
  s: ConvShape,
  { operands: dtype }: ProductTypes,
  run: Product<P>,
): Trial<P> {
  const x = { shape: [s.n, s.h, s.w, s.c], dtype };
  const weight = { shape: [s.kh, s.kw, s.c / s.groups, s.k], dtype };
  const y = { shape: [s.n, s.oh, s.ow, s.k], dtype };
  const taps = s.kh * s.kw;
  const inputs = { y: [x, weight], dx: [y, weight], dw: [x, y] }[which];
  const depth = {
    y: (taps * s.c) / s.groups,
    dx: (taps * s.k) / s.groups,
    dw: s.n * s.oh * s.ow,
  }[which];
  const flops = (2 * taps * s.n * s.oh * s.ow * s.c * s.k) / s.groups;
  return { inputs, flops, depth, run: ofTwo(run) };
}

export function matmulTrial<P extends Plan>(
  s: MatmulShape,
  { operands: dtype }: ProductTypes,
  run: Product<P>,
): Trial<P> {
  const of = (rows: number, columns: number, transposed: boolean, stride: number) => {
    const own = transposed ? [columns, rows] : [rows, columns];
    return { shape: stride === 0 ? own : [s.batch, ...own], dtype };
  };
  return {
    inputs: [of(s.m, s.k, s.transposeA, s.strideA), of(s.k, s.n, s.transposeB, s.strideB)],
    flops: 2 * s.batch * s.m * s.n * s.k,
    depth: s.k,
    run: ofTwo(run),
  };
}
