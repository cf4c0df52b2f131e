/**
 * C[b] = A[b] · B[b], row-major, either operand read transposed. A thread owns a few rows of A; the threads of a workgroup take
 * neighbouring rows and share a tile of columns of B.
 */
import { elementType, type Float } from "../caps.ts";
import { fold, type KernelSpec, kernel, unroll } from "../spec.ts";
import { wgsl } from "../wgsl.ts";
import { columnsOf, putRows, putsOf, threadRows } from "./direct.ts";
import type { MatmulShape } from "./matmul-shape.ts";
import type { DirectPlan } from "./plans.ts";
import { declareSums, multiplyTile } from "./tile.ts";
import { type Epilogue, type ProductTypes, writer } from "./write.ts";

const workgroup = 32;

export function directMatmulKernel(
  s: MatmulShape,
  { subgroups }: DirectPlan,
  { operands, result }: ProductTypes,
  epilogue: Epilogue,
): KernelSpec {
  const { batch, m, n, k, transposeA, transposeB, strideA, strideB } = s;
  const wideA = !transposeA && k % 4 === 0 && strideA % 4 === 0;
  const write = writer({ width: "p.n", columns: 4, wide: n % 4 === 0, result, epilogue });
  const columns = columnsOf(n, 1);
  const rows = m > 2 * workgroup ? 4 : 2;
  const rowTiles = Math.ceil(m / (workgroup * rows));
  const columnTiles = Math.ceil(n / columns);
  const at = (row: string, column: string) => {
    const c = `min(column + ${column}, p.n - 1u)`;
    return transposeB ? `b0 + ${c} * p.k + k + ${row}` : `b0 + (k + ${row}) * p.n + ${c}`;
  };
  const step = wideA ? 4 : 1;
  const results = threadRows(rows, (r) => {
    return { row: `batch * p.m + r${r}`, inside: `first + ${r * workgroup}u < p.m` };
  });
  return kernel({
    name: "matmul",
    inputs: [
      { name: "a_", type: elementType(operands, wideA) },
      { name: "w_", type: operands },
      ...write.inputs,
    ],
    outputs: [write.output],
    head: write.head,
    params: {
      m: ["u32", m],
      n: ["u32", n],
      k: ["u32", k],
      rowTiles: ["u32", rowTiles],
      columnTiles: ["u32", columnTiles],
      batch: ["u32", batch],
      puts: ["u32", putsOf(rows, columns)],
      strideA: ["u32", strideA],
      strideB: ["u32", strideB],
    },
    subgroups,
    workgroup: [workgroup],
    grid: fold(rowTiles * columnTiles * batch),
    body: wgsl`let batch = flat / (p.rowTiles * p.columnTiles);
if (batch >= p.batch) { return; }
let column = (flat / p.rowTiles % p.columnTiles) * ${columns}u;
let first = (flat % p.rowTiles) * ${workgroup * rows}u + lid.x;
let a0 = batch * p.strideA;
let b0 = batch * p.strideB;
${unroll(rows, (r) => `let r${r} = min(first + ${r * workgroup}u, p.m - 1u);`)}
${declareSums(rows, columns)}
for (var k = 0u; k < p.k; k += ${step}u) {
${unroll(rows, (r) => `  let x${r} = ${loadA(`r${r}`, wideA, transposeA, operands)};`)}
${multiplyTile({ rows: step, columns, subgroups, at, dtype: operands }, rows, (r) => `x${r}`)}
}
${putRows(results, columns, "p.n")}`,
  });
}

function loadA(row: string, wide: boolean, transposed: boolean, dtype: Float): string {
  if (wide) return `vec4<f32>(a_[(a0 + ${row} * p.k + k) / 4u])`;
  const at = transposed ? `a0 + k * p.m + ${row}` : `a0 + ${row} * p.k + k`;
  return dtype === "f32" ? `a_[${at}]` : `f32(a_[${at}])`;
}
