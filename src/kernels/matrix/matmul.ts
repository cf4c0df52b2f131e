/** C[b] = A[b] · B[b] on matrix units, row-major, either operand read transposed: memory is staged as it lies, fragments turn it. */
import type { MatmulShape } from "../gemm/index.ts";
import { type Epilogue, type ProductTypes, writer } from "../gemm/write.ts";
import type { KernelSpec } from "../spec.ts";
import { type MatrixLayout, matrixKernel } from "./body.ts";
import { dense, widthOf } from "./operand.ts";

export function matrixMatmulKernel(
  s: MatmulShape,
  layout: MatrixLayout,
  { result }: ProductTypes,
  epilogue: Epilogue,
  name = "matmul",
): KernelSpec {
  const { batch, m, n, k, transposeA, transposeB, strideA, strideB } = s;
  const write = writer({ width: "p.n", columns: 4, wide: n % 4 === 0, result, epilogue });
  return matrixKernel({
    name,
    layout,
    a: dense({
      buffer: "a_",
      alongK: !transposeA,
      width: widthOf(transposeA ? m : k, strideA),
      base: "layer * p.strideA",
      outerEnd: transposeA ? "kTo" : "p.m",
      innerEnd: transposeA ? "p.m" : "kTo",
      pitch: transposeA ? "p.m" : "p.k",
    }),
    b: dense({
      buffer: "b_",
      alongK: transposeB,
      width: widthOf(transposeB ? k : n, strideB),
      base: "layer * p.strideB",
      outerEnd: transposeB ? "p.n" : "kTo",
      innerEnd: transposeB ? "kTo" : "p.n",
      pitch: transposeB ? "p.k" : "p.n",
    }),
    rows: m,
    columns: n,
    layers: batch,
    height: batch * m,
    params: {
      m: ["u32", m],
      n: ["u32", n],
      k: ["u32", k],
      strideA: ["u32", strideA],
      strideB: ["u32", strideB],
    },
    origin: "let kEnd = p.k; let mEnd = p.m; let nEnd = p.n;",
    inputs: write.inputs,
    output: write.output,
    head: write.head,
    write: "put(part0 + layer * p.m + row, column, nEnd, v);",
  });
}
