/**
 * Which rows of B are nearest to each row of A, by a product: with c any point, best the middle of B,
 *
 *   ½‖a − b‖² − ½‖a − c‖² = ½‖b − c‖² − (a − c)·(b − c)
 *
 * so for one row of A the right side orders the rows of B as their distances do, and it is a product of matrices. The closer c, the
 * more digits it has. A thread owns a few rows of A and walks along B, sixteen rows at a time, which its workgroup shares; the best of
 * each of its rows stay in registers, and nothing of size M × N is stored. What is found are candidates, for `nearestOrderKernel`.
 */
import type { Float } from "./caps.ts";
import { declareSums, multiplyTile, sumNames } from "./gemm/tile.ts";
import { fold, type KernelSpec, kernel, unroll } from "./spec.ts";
import { storedType } from "./stored.ts";
import { wgsl } from "./wgsl.ts";

/** Rows of B that are worked on together. */
export const nearestTile = 16;
const groups = nearestTile / 4;
const lanes = 32;
/** Rows of A of a thread. */
const rows = 4;

export interface PackOptions {
  readonly n: number;
  /** Length of a row. */
  readonly k: number;
  /** Of b. */
  readonly stored: Float;
}

/** The average of up to 64 rows of b `[n, k]`, near enough to their middle; what is no number is left out. c `[k]`. */
export function nearestMiddleKernel({ n, k, stored }: PackOptions): KernelSpec {
  const workgroup = 64;
  return kernel({
    name: "nearest middle",
    inputs: [{ name: "b_", type: stored }],
    outputs: [{ name: "c_", type: "f32" }],
    params: { n: ["u32", n], k: ["u32", k], step: ["u32", Math.ceil(n / 64)] },
    workgroup: [workgroup],
    grid: fold(Math.ceil(k / workgroup)),
    body: wgsl`let k = flat * ${workgroup}u + lid.x;
if (k >= p.k) { return; }
var sum = 0.0; var count = 0.0;
for (var row = 0u; row < p.n; row += p.step) {
  let b = f32(b_[row * p.k + k]);
  let finite = (bitcast<u32>(b) & 0x7f800000u) != 0x7f800000u;
  sum += select(0.0, b, finite); count += select(0.0, 1.0, finite);
}
c_[k] = sum / max(count, 1.0);`,
  });
}

/** b − c, sixteen rows side by side and zeros behind the last: b `[n, k]` and c `[k]` to `[⌈n / 16⌉, k, 16]`. */
export function nearestPackKernel({ n, k, stored }: PackOptions): KernelSpec {
  const count = Math.ceil(n / nearestTile) * k * nearestTile;
  const workgroup = 256;
  return kernel({
    name: "nearest columns",
    inputs: [
      { name: "b_", type: stored },
      { name: "c_", type: "f32" },
    ],
    outputs: [{ name: "y_", type: "f32" }],
    params: { count: ["u32", count], n: ["u32", n], k: ["u32", k] },
    workgroup: [workgroup],
    grid: fold(Math.ceil(count / workgroup)),
    body: wgsl`let id = flat * ${workgroup}u + lid.x;
if (id >= p.count) { return; }
let k = id / ${nearestTile}u % p.k;
let row = id / ${nearestTile}u / p.k * ${nearestTile}u + id % ${nearestTile}u;
if (row < p.n) { y_[id] = f32(b_[row * p.k + k]) - c_[k]; } else { y_[id] = 0.0; }`,
  });
}

export interface CandidateOptions {
  readonly m: number;
  readonly n: number;
  /** Length of a row. */
  readonly k: number;
  /** Rows of B to find for each of A in each part. */
  readonly count: number;
  /** Pieces of B that are searched apart. */
  readonly parts: number;
  readonly stored: Float;
  readonly subgroups: boolean;
}

/**
 * Inputs: a `[m, k]`, packed b − c, ½‖b − c‖² of each of its rows, c. Outputs, best first: the value of each candidate and its row
 * of B, `[m, parts, count]`; −1 where there is none. What is no number counts as far away.
 */
export function nearestCandidatesKernel(options: CandidateOptions): KernelSpec {
  const { m, n, k, count, parts, stored, subgroups } = options;
  const wide = k % 4 === 0;
  const step = wide ? 4 : 1;
  const type = wide ? "vec4<f32>" : "f32";
  const tiles = Math.ceil(n / nearestTile);
  const rowTiles = Math.ceil(m / (lanes * rows));
  return kernel({
    name: "nearest by product",
    inputs: [
      { name: "a_", type: storedType(type, stored) },
      { name: "w_", type: subgroups ? "f32" : "vec4<f32>" },
      { name: "half_", type: "vec4<f32>" },
      { name: "c_", type },
    ],
    outputs: [
      { name: "y_", type: "f32" },
      { name: "yi_", type: "i32" },
    ],
    params: {
      m: ["u32", m],
      n: ["u32", n],
      k: ["u32", k / step],
      rowTiles: ["u32", rowTiles],
      parts: ["u32", parts],
      tiles: ["u32", tiles],
      each: ["u32", Math.ceil(tiles / parts)],
      // in this order: what is no number, an empty place, taken
      far: ["f32", 3.2e38],
      none: ["f32", 3.3e38],
      taken: ["f32", 3.4e38],
    },
    subgroups,
    workgroup: [lanes],
    grid: fold(rowTiles * parts),
    body: wgsl`let part = flat / p.rowTiles;
if (part >= p.parts) { return; }
let first = (flat % p.rowTiles) * ${lanes * rows}u + lid.x;
${unroll(
  rows,
  (r) => `let r${r} = min(first + ${r * lanes}u, p.m - 1u);
${unroll(count, (q) => `var v${r}_${q} = p.none; var i${r}_${q} = -1;`)}`,
)}
for (var t = part * p.each; t < min((part + 1u) * p.each, p.tiles); t++) {
  ${declareSums(rows, nearestTile)}
  for (var k = 0u; k < p.k; k++) {
    let start = (t * p.k + k) * ${(step * nearestTile) / (subgroups ? 1 : 4)}u;
    let c = c_[k];
${unroll(rows, (r) => `    let x${r} = ${type}(a_[r${r} * p.k + k]) - c;`)}
${subgroups ? handedRound(step) : loaded(step)}
  }
  let column = t * ${nearestTile}u;
${unroll(groups, (g) => `  let h${g} = half_[t * ${groups}u + ${g}u]; let e${g} = vec4<u32>(column) + vec4<u32>(${[0, 1, 2, 3].map((q) => `${4 * g + q}u`)}) < vec4<u32>(p.n);`)}
${unroll(rows, (r) => keepBest(r, count))}
}
${unroll(
  rows,
  (r) => `if (first + ${r * lanes}u < p.m) { let to = (r${r} * p.parts + part) * ${count}u;
${unroll(count, (q) => `  y_[to + ${q}u] = v${r}_${q}; yi_[to + ${q}u] = i${r}_${q};`)} }`,
)}`,
  });
}

/** Adds products with sixteen rows of B, which eight threads load together. */
function handedRound(step: 1 | 4): string {
  const at = (row: string, column: string) => `start + ${row} * ${nearestTile}u + ${column}`;
  const tile = { rows: step, columns: nearestTile, subgroups: true, at, dtype: "f32" } as const;
  return multiplyTile(tile, rows, (r) => `x${r}`);
}

/** The same where every thread loads all of them. */
function loaded(step: 1 | 4): string {
  return unroll(step * groups, (i) => {
    const lane = step === 1 ? "" : `[${Math.floor(i / groups)}]`;
    const sums = unroll(
      rows,
      (r) => `${sumNames(r, nearestTile)[i % groups]} += x${r}${lane} * u;`,
    );
    return `{ let u = w_[start + ${i}u]; ${sums} }`;
  });
}

/** Takes the smallest of the tile's values out and puts it in its place, as long as it is one of the best. */
function keepBest(r: number, count: number): string {
  const sums = sumNames(r, nearestTile);
  const least = `let l = min(min(s0, s1), min(s2, s3)); best = min(min(l.x, l.y), min(l.z, l.w));`;
  const fromEnd = Array.from({ length: nearestTile }, (_, i) => nearestTile - 1 - i);
  return `{
${sums
  .map(
    (sum, g) =>
      `  var s${g} = h${g} - ${sum}; s${g} = select(vec4<f32>(p.taken), select(vec4<f32>(p.far), s${g}, s${g} < vec4<f32>(p.far)), e${g});`,
  )
  .join("\n")}
  var best = 0.0; { ${least} }
  for (var more = best < v${r}_${count - 1}; more;) {
    var place = 0u;
${fromEnd.map((i) => `    place = select(place, ${i}u, s${Math.floor(i / 4)}[${i % 4}] == best);`).join("\n")}
${fromEnd.map((i) => `    s${Math.floor(i / 4)}[${i % 4}] = select(s${Math.floor(i / 4)}[${i % 4}], p.taken, place == ${i}u);`).join("\n")}
    var value = best; var at = i32(column + place);
${unroll(
  count,
  (q) =>
    `    { let less = value < v${r}_${q}; let v = v${r}_${q}; let i = i${r}_${q};
      v${r}_${q} = select(v, value, less); i${r}_${q} = select(i, at, less); value = select(value, v, less); at = select(at, i, less); }`,
)}
    { ${least} }
    more = best < v${r}_${count - 1};
  }
}`;
}
