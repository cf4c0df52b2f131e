/**
 * Distances between rows, d(a, b)² = Σ (aₖ − bₖ)², from the differences themselves: |a|² + |b|² − 2ab costs half as many
 * instructions but loses all digits where rows are close or far from zero. Each thread keeps a tile of four rows of A by four
 * of B in registers; the threads of a workgroup take neighbouring rows of A and share theirs of B.
 *
 * The gradient of A is Σⱼ wᵢⱼ (aᵢ − bⱼ) with w = dL/dd / d, again from differences; that of B is the same with A and B exchanged.
 */
import { fold, type KernelSpec, kernel, unroll } from "./spec.ts";
import { storedType } from "./stored.ts";
import type { PairTypes } from "./unit-distance.ts";
import { wgsl } from "./wgsl.ts";

export interface CdistOptions {
  readonly batch: number;
  /** Rows of A, rows of B, and their length. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Elements from one batch of A (or B) to the next; 0 shares it. */
  readonly strideA: number;
  readonly strideB: number;
  /** Squared distances. */
  readonly squared: boolean;
  /** Distances are f32. */
  readonly stored: PairTypes;
}

const lanes = 32;
const tile = 4;

/** a `[batch, m, k]`, b `[batch, n, k]` to `[batch, m, n]`. */
export function cdistKernel(options: CdistOptions): KernelSpec {
  const { batch, m, n, k, strideA, strideB, squared, stored } = options;
  const wide = k % 4 === 0; // rows of a batch then start at a multiple of four, too
  const size = wide ? 4 : 1;
  const rowTiles = Math.ceil(m / (lanes * tile));
  const type = wide ? "vec4<f32>" : "f32";
  const square = wide ? "dot(e, e)" : "e * e";
  return kernel({
    name: "cdist",
    inputs: [
      { name: "a_", type: storedType(type, stored.a) },
      { name: "b_", type: storedType(type, stored.b) },
    ],
    outputs: [{ name: "y_", type: "f32" }],
    params: {
      batch: ["u32", batch],
      m: ["u32", m],
      n: ["u32", n],
      k: ["u32", k / size],
      rowTiles: ["u32", rowTiles],
      columnTiles: ["u32", Math.ceil(n / tile)],
      strideA: ["u32", strideA / size],
      strideB: ["u32", strideB / size],
    },
    workgroup: [lanes],
    grid: fold(rowTiles * Math.ceil(n / tile) * batch),
    body: wgsl`let batch = flat / (p.rowTiles * p.columnTiles);
if (batch >= p.batch) { return; }
let column = (flat / p.rowTiles % p.columnTiles) * ${tile}u;
let first = (flat % p.rowTiles) * ${lanes * tile}u + lid.x;
${unroll(
  tile,
  (r) => `let r${r} = first + ${r * lanes}u; var c${r} = vec4<f32>();
let a${r} = batch * p.strideA + min(r${r}, p.m - 1u) * p.k;
let b${r} = batch * p.strideB + min(column + ${r}u, p.n - 1u) * p.k;`,
)}
for (var k = 0u; k < p.k; k++) {
${unroll(tile, (q) => `  let w${q} = ${type}(b_[b${q} + k]);`)}
${unroll(
  tile,
  (r) => `  { let x = ${type}(a_[a${r} + k]);
${unroll(tile, (q) => `    { let e = x - w${q}; c${r}[${q}] += ${square}; }`)} }`,
)}
}
${unroll(
  tile,
  (
    r,
  ) => `if (r${r} < p.m) { let d = ${squared ? `c${r}` : `sqrt(c${r})`}; let to = (batch * p.m + r${r}) * p.n + column;
${unroll(tile, (q) => `  if (column + ${q}u < p.n) { y_[to + ${q}u] = d[${q}]; }`)} }`,
)}`,
  });
}

export interface CdistGradOptions {
  readonly batch: number;
  /** Rows of the gradient, rows it is summed over, and their length. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly strideA: number;
  readonly strideB: number;
  /** Elements of w between neighbouring rows of the gradient, and between those summed over. */
  readonly stepM: number;
  readonly stepN: number;
  /** w is f32, the result has the type of a. */
  readonly stored: PairTypes;
}

/** y[i] = Σⱼ w[i, j] · (a[i] − b[j]): w `[batch, m, n]` (or transposed), a `[batch, m, k]`, b `[batch, n, k]`. */
export function cdistGradKernel(options: CdistGradOptions): KernelSpec {
  const { batch, m, n, k, strideA, strideB, stepM, stepN, stored } = options;
  const wide = k % 4 === 0;
  const size = wide ? 4 : 1;
  const rowTiles = Math.ceil(m / (lanes * tile));
  const type = wide ? "vec4<f32>" : "f32";
  return kernel({
    name: "cdist gradient",
    inputs: [
      { name: "w_", type: "f32" },
      { name: "a_", type: storedType(type, stored.a) },
      { name: "b_", type: storedType(type, stored.b) },
    ],
    outputs: [{ name: "y_", type: storedType(type, stored.a) }],
    params: {
      batch: ["u32", batch],
      m: ["u32", m],
      n: ["u32", n],
      k: ["u32", k / size],
      rowTiles: ["u32", rowTiles],
      strideA: ["u32", strideA / size],
      strideB: ["u32", strideB / size],
      stepM: ["u32", stepM],
      stepN: ["u32", stepN],
    },
    workgroup: [lanes],
    grid: fold(rowTiles * (k / size) * batch),
    body: wgsl`let batch = flat / (p.rowTiles * p.k);
if (batch >= p.batch) { return; }
let column = flat / p.rowTiles % p.k;
let first = (flat % p.rowTiles) * ${lanes * tile}u + lid.x;
${unroll(
  tile,
  (r) => `let r${r} = min(first + ${r * lanes}u, p.m - 1u); var c${r} = ${type}();
let a${r} = ${type}(a_[batch * p.strideA + r${r} * p.k + column]);
let w${r} = batch * p.m * p.n + r${r} * p.stepM;`,
)}
for (var j = 0u; j < p.n; j++) {
  let b = ${type}(b_[batch * p.strideB + j * p.k + column]);
${unroll(tile, (r) => `  c${r} += w_[w${r} + j * p.stepN] * (a${r} - b);`)}
}
${unroll(tile, (r) => `if (first + ${r * lanes}u < p.m) { y_[(batch * p.m + r${r}) * p.k + column] = ${storedType(type, stored.a)}(c${r}); }`)}`,
  });
}
