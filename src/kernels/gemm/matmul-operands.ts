/** A product of matrices for the tiled kernel: C[b] = A[b] · B[b], either operand read transposed. */
import type { MatmulShape } from "./matmul-shape.ts";
import type { Operand } from "./operand.ts";
import type { Product } from "./tiled.ts";
import { type Epilogue, type ProductTypes, writer } from "./write.ts";

const place = "return select(r.x + c.x, -1, r.x < 0 || c.x < 0);";
const part = (value: string, ok: string) =>
  `return vec4<i32>(select(-1, i32(${value}), ${ok}), 0, 0, 0);`;

export function matmulProduct(s: MatmulShape, types: ProductTypes, epilogue: Epilogue): Product {
  const { batch, m, n, k, transposeA, transposeB, strideA, strideB } = s;
  const dtype = types.operands;
  const a: Operand = {
    ...{ along: transposeA ? "outer" : "k", dtype },
    wide: (transposeA ? m : k) % 4 === 0 && strideA % 4 === 0,
    row: part(`batch * p.strideA + outer${transposeA ? "" : " * p.k"}`, "outer < p.m"),
    col: part(transposeA ? "k * p.m" : "k", "k < p.k"),
    at: place,
  };
  const b: Operand = {
    ...{ along: transposeB ? "k" : "outer", dtype },
    wide: (transposeB ? k : n) % 4 === 0 && strideB % 4 === 0,
    row: part(`batch * p.strideB + outer${transposeB ? " * p.k" : ""}`, "outer < p.n"),
    col: part(transposeB ? "k" : "k * p.n", "k < p.k"),
    at: place,
  };
  return {
    name: "matmul",
    ...{ m, n, batches: batch, rows: batch * m },
    ...{ a, b },
    write: writer({ width: "p.n", columns: 4, wide: n % 4 === 0, result: types.result, epilogue }),
    params: {
      ...{ m: ["u32", m], n: ["u32", n], k: ["u32", k] },
      ...{ strideA: ["u32", strideA], strideB: ["u32", strideB] },
    },
    depth: "p.k",
    rowOf: "return i32(batch * p.m + m);",
    firstColumn: "0u",
  };
}
