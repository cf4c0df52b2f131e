/**
 * The start of k-means, k-means++ (Arthur and Vassilvitskii 2007) with several trials for each centre: of the trials, drawn with
 * probabilities that grow with the squared distance to the nearest centre so far, the one stays that leaves the smallest sum of such
 * distances. Two launches for each centre, and nothing is read back between them.
 */
import { fold, type KernelSpec, kernel, unroll } from "./spec.ts";
import { wgsl } from "./wgsl.ts";

export interface StartOptions {
  readonly rows: number;
  /** Length of a row. */
  readonly k: number;
  /** Candidates for each centre, at most 32. */
  readonly trials: number;
}

const lanes = 32;

/**
 * What the squared distances to the nearest centre would be with each candidate: min(nearest, ‖x − x[candidate]‖²).
 * Inputs: x `[rows, k]`, nearest `[rows]`, candidates `[trials]`. Output `[trials, rows]`.
 */
export function startDistancesKernel({ rows, k, trials }: StartOptions): KernelSpec {
  const wide = k % 4 === 0;
  return kernel({
    name: "kmeans++ distances",
    inputs: [
      { name: "x_", type: wide ? "vec4<f32>" : "f32" },
      { name: "nearest_", type: "f32" },
      { name: "candidate_", type: "i32" },
    ],
    outputs: [{ name: "y_", type: "f32" }],
    params: { rows: ["u32", rows], k: ["u32", wide ? k / 4 : k] },
    workgroup: [lanes],
    grid: fold(Math.ceil(rows / lanes)),
    body: wgsl`let row = flat * ${lanes}u + lid.x;
if (row >= p.rows) { return; }
${unroll(trials, (q) => `let c${q} = u32(candidate_[${q}]) * p.k; var d${q} = 0.0;`)}
for (var k = 0u; k < p.k; k++) {
  let x = x_[row * p.k + k];
${unroll(trials, (q) => `  { let e = x - x_[c${q} + k]; d${q} += ${wide ? "dot(e, e)" : "e * e"}; }`)}
}
let nearest = nearest_[row];
${unroll(trials, (q) => `y_[${q}u * p.rows + row] = min(nearest, d${q});`)}`,
  });
}

export interface ChooseOptions {
  readonly rows: number;
  readonly trials: number;
  /** Which centre it is that is chosen. */
  readonly centre: number;
}

/**
 * Chooses the best candidate and draws the next ones, in one workgroup. Inputs: distances `[trials, rows]`, numbers in [0, 1)
 * `[centres, trials]`. Changed in place: nearest `[rows]`, candidates `[trials]`, centres (rows of x) `[centres]`.
 */
export function startChooseKernel({ rows, trials, centre }: ChooseOptions): KernelSpec {
  const threads = 128;
  return kernel({
    name: "kmeans++ choice",
    inputs: [
      { name: "distance_", type: "f32" },
      { name: "u_", type: "f32" },
    ],
    outputs: [
      { name: "nearest_", type: "f32" },
      { name: "candidate_", type: "i32" },
      { name: "centre_", type: "i32" },
    ],
    params: {
      rows: ["u32", rows],
      each: ["u32", Math.ceil(rows / threads)],
      trials: ["u32", trials],
      threads: ["u32", threads],
      centre: ["u32", centre],
    },
    head: `var<workgroup> part: array<f32, ${threads * (trials + 1)}>;`,
    workgroup: [threads],
    grid: [1, 1, 1],
    body: wgsl`for (var t = 0u; t < p.trials; t++) {
  var sum = 0.0;
  for (var i = lid.x; i < p.rows; i += p.threads) { sum += distance_[t * p.rows + i]; }
  part[t * p.threads + lid.x] = sum;
}
workgroupBarrier();
if (lid.x < p.trials) {
  var sum = 0.0;
  for (var i = 0u; i < p.threads; i++) { sum += part[lid.x * p.threads + i]; }
  part[p.trials * p.threads + lid.x] = sum;
}
workgroupBarrier();
var best = 0u;
for (var t = 1u; t < p.trials; t++) {
  if (part[p.trials * p.threads + t] < part[p.trials * p.threads + best]) { best = t; }
}
if (lid.x == 0u) { centre_[p.centre] = candidate_[best]; }
let start = min(lid.x * p.each, p.rows);
let end = min(start + p.each, p.rows);
var own = 0.0;
for (var i = start; i < end; i++) {
  let d = distance_[best * p.rows + i];
  nearest_[i] = d;
  own += d;
}
part[lid.x] = own;
workgroupBarrier();
if (lid.x == 0u) { // running sums over the threads
  for (var i = 1u; i < p.threads; i++) { part[i] += part[i - 1u]; }
}
workgroupBarrier();
if (lid.x >= p.trials) { return; }
let wanted = u_[p.centre * p.trials + lid.x] * part[p.threads - 1u];
var piece = 0u;
while (piece < p.threads - 1u && part[piece] <= wanted) { piece++; }
var sum = 0.0;
if (piece > 0u) { sum = part[piece - 1u]; }
var drawn = 0u;
for (var i = piece * p.each; i < min((piece + 1u) * p.each, p.rows) && sum <= wanted; i++) {
  let d = distance_[best * p.rows + i];
  sum += d;
  if (d > 0.0) { drawn = i; } // never a row that is a centre, however sums are rounded
}
candidate_[lid.x] = i32(drawn);`,
  });
}
