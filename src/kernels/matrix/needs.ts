/** What the choice of a plan must know of a product: how its operands lie in memory, and its size. */
import type { ConvShape } from "../gemm/conv-shape.ts";
import type { MatmulShape } from "../gemm/index.ts";
import { sizeOf } from "../spec.ts";
import { isPointwise, pointwiseProduct } from "./conv.ts";
import { type LoadWidth, widthOf } from "./operand.ts";

/** How an operand is read, as far as its staging depends on it. */
export interface OperandNeeds {
  readonly alongK: boolean;
  readonly width: LoadWidth;
  readonly spots: boolean;
}

/** A product as far as the choice of a plan depends on it. */
export interface ProductNeeds {
  readonly a: OperandNeeds;
  readonly b: OperandNeeds;
  readonly rows: number;
  readonly columns: number;
  readonly sum: number;
  readonly layers: number;
  /** Elements of the largest tensor. */
  readonly largest: number;
}

export function matmulNeeds(s: MatmulShape): ProductNeeds {
  const { batch, m, n, k, transposeA, transposeB, strideA, strideB } = s;
  return {
    a: { alongK: !transposeA, width: widthOf(transposeA ? m : k, strideA), spots: false },
    b: { alongK: transposeB, width: widthOf(transposeB ? k : n, strideB), spots: false },
    rows: m,
    columns: n,
    sum: k,
    layers: batch,
    largest: batch * Math.max(m * k, k * n, m * n),
  };
}

export function convNeeds(s: ConvShape): ProductNeeds {
  if (isPointwise(s)) return matmulNeeds(pointwiseProduct(s, false));
  return {
    a: { alongK: true, width: widthOf(s.c), spots: true },
    b: { alongK: false, width: widthOf(s.k), spots: false },
    rows: s.n * s.oh * s.ow,
    columns: s.k,
    sum: s.kh * s.kw * s.c,
    layers: 1,
    largest: largestOf(s),
  };
}

export function inputGradNeeds(s: ConvShape): ProductNeeds {
  if (isPointwise(s)) return matmulNeeds(pointwiseProduct(s, true));
  const phases = s.strideH * s.strideW;
  const pixels = s.n * Math.ceil(s.h / s.strideH) * Math.ceil(s.w / s.strideW);
  return {
    a: { alongK: true, width: widthOf(s.k), spots: true },
    b: { alongK: true, width: widthOf(s.k), spots: false },
    rows: pixels,
    columns: s.c,
    sum: Math.ceil((s.kh * s.kw) / phases) * s.k,
    layers: phases,
    largest: largestOf(s),
  };
}

export function weightGradNeeds(s: ConvShape): ProductNeeds {
  return {
    a: { alongK: false, width: widthOf(s.c), spots: true },
    b: { alongK: false, width: widthOf(s.k), spots: false },
    rows: s.kh * s.kw * s.c,
    columns: s.k,
    sum: s.n * s.oh * s.ow,
    layers: 1,
    largest: largestOf(s),
  };
}

function largestOf(s: ConvShape): number {
  return Math.max(
    sizeOf([s.n, s.h, s.w, s.c]),
    sizeOf([s.n, s.oh, s.ow, s.k]),
    s.kh * s.kw * s.c * s.k,
  );
}
