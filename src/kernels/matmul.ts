/**
 * C[b] = A[b] · B[b], row-major, either operand read transposed. Each thread keeps a tile of four rows by four columns in
 * registers; the threads of a workgroup take neighbouring rows and share their columns of B.
 */
import { fold, type KernelSpec, kernel, unroll } from "./spec.ts";

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
}

const workgroup = 32;
const rows = 4;

export function matmulKernel(options: MatmulOptions): KernelSpec {
  const { batch, m, n, k, transposeA, transposeB, strideA, strideB } = options;
  const wideA = !transposeA && k % 4 === 0 && strideA % 4 === 0;
  const wideB = !transposeB && n % 4 === 0 && strideB % 4 === 0;
  const wideC = n % 4 === 0;
  const rowTiles = Math.ceil(m / (workgroup * rows));
  const columnTiles = Math.ceil(n / 4);
  return kernel({
    name: "matmul",
    inputs: [
      { name: "a_", type: wideA ? "vec4<f32>" : "f32" },
      { name: "b_", type: wideB ? "vec4<f32>" : "f32" },
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
    workgroup: [workgroup],
    grid: fold(rowTiles * columnTiles * batch),
    body: `let batch = flat / (p.rowTiles * p.columnTiles);
if (batch >= p.batch) { return; }
let column = (flat / p.rowTiles % p.columnTiles) * 4u;
let first = (flat % p.rowTiles) * ${workgroup * rows}u + lid.x;
let a0 = batch * p.strideA;
let b0 = batch * p.strideB;
${unroll(rows, (r) => `let r${r} = min(first + ${r * workgroup}u, p.m - 1u); var c${r} = vec4<f32>();`)}
for (var k = 0u; k < p.k; k += ${wideA ? 4 : 1}u) {
${unroll(rows, (r) => `  let x${r} = ${loadA(`r${r}`, wideA, transposeA)};`)}
${unroll(wideA ? 4 : 1, (q) => {
  const lane = wideA ? `[${q}]` : "";
  return `  { let w = ${loadB(`(k + ${q}u)`, wideB, transposeB)};
${unroll(rows, (r) => `    c${r} += x${r}${lane} * w;`)} }`;
})}
}
${unroll(rows, (r) => `if (first + ${r * workgroup}u < p.m) { ${storeC(`r${r}`, `c${r}`, wideC)} }`)}`,
  });
}

function loadA(row: string, wide: boolean, transposed: boolean): string {
  if (wide) return `a_[(a0 + ${row} * p.k + k) / 4u]`;
  return transposed ? `a_[a0 + k * p.m + ${row}]` : `a_[a0 + ${row} * p.k + k]`;
}

function loadB(k: string, wide: boolean, transposed: boolean): string {
  if (wide) return `b_[(b0 + ${k} * p.n + column) / 4u]`;
  const at = (q: number) => {
    const n = `min(column + ${q}u, p.n - 1u)`;
    return transposed ? `b_[b0 + ${n} * p.k + ${k}]` : `b_[b0 + ${k} * p.n + ${n}]`;
  };
  return `vec4<f32>(${[0, 1, 2, 3].map(at)})`;
}

function storeC(row: string, value: string, wide: boolean): string {
  const at = `(batch * p.m + ${row}) * p.n + column`;
  if (wide) return `c_[(${at}) / 4u] = ${value};`;
  return unroll(4, (q) => `if (column + ${q}u < p.n) { c_[${at} + ${q}u] = ${value}[${q}]; }`);
}
