/**
 * C[b] = A[b] · B[b], row-major, either operand read transposed. A thread owns two rows of A; the threads of a workgroup take
 * neighbouring rows and share a tile of eight columns of B.
 */
import { fold, type KernelSpec, kernel, unroll } from "./spec.ts";
import { declareSums, multiplyTile } from "./tile.ts";
import { wgsl } from "./wgsl.ts";

export interface MatmulOptions {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** A is stored `[k, m]`. */
  readonly transposeA: boolean;
  /** B is stored `[n, k]`. */
  readonly transposeB: boolean;
  /** Elements from one batch of A (or B) to the next; 0 shares it. */
  readonly strideA: number;
  readonly strideB: number;
  readonly subgroups: boolean;
}

const workgroup = 32;
const rows = 2;
const columns = 8;

export function matmulKernel(options: MatmulOptions): KernelSpec {
  const { batch, m, n, k, transposeA, transposeB, strideA, strideB, subgroups } = options;
  const wideA = !transposeA && k % 4 === 0 && strideA % 4 === 0;
  const wideC = n % 4 === 0;
  const rowTiles = Math.ceil(m / (workgroup * rows));
  const columnTiles = Math.ceil(n / columns);
  const at = (row: string, column: string) => {
    const c = `min(column + ${column}, p.n - 1u)`;
    return transposeB ? `b0 + ${c} * p.k + k + ${row}` : `b0 + (k + ${row}) * p.n + ${c}`;
  };
  const step = wideA ? 4 : 1;
  const along = transposeB ? "row" : "column";
  return kernel({
    name: "matmul",
    inputs: [
      { name: "a_", type: wideA ? "vec4<f32>" : "f32" },
      { name: "w_", type: "f32" },
    ],
    outputs: [{ name: "c_", type: wideC ? "vec4<f32>" : "f32" }],
    params: {
      m: ["u32", m],
      n: ["u32", n],
      k: ["u32", k],
      rowTiles: ["u32", rowTiles],
      columnTiles: ["u32", columnTiles],
      batch: ["u32", batch],
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
${unroll(rows, (r) => `  let x${r} = ${loadA(`r${r}`, wideA, transposeA)};`)}
${multiplyTile({ rows: step, columns, subgroups, along, at }, rows, (r) => `x${r}`)}
}
${unroll(rows, (r) => `if (first + ${r * workgroup}u < p.m) { ${storeRow(r, wideC)} }`)}`,
  });
}

function loadA(row: string, wide: boolean, transposed: boolean): string {
  if (wide) return `a_[(a0 + ${row} * p.k + k) / 4u]`;
  return transposed ? `a_[a0 + k * p.m + ${row}]` : `a_[a0 + ${row} * p.k + k]`;
}

function storeRow(row: number, wide: boolean): string {
  const at = `(batch * p.m + r${row}) * p.n + column`;
  return unroll(columns / 4, (group) => {
    const value = `a${row}_${group}`;
    const here = `column + ${group * 4}u`;
    if (wide) return `if (${here} < p.n) { c_[(${at}) / 4u + ${group}u] = ${value}; }`;
    return unroll(
      4,
      (q) => `if (${here} + ${q}u < p.n) { c_[${at} + ${group * 4 + q}u] = ${value}[${q}]; }`,
    );
  });
}
