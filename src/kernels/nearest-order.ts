/**
 * Candidates for the nearest rows, put in order by their true distances. Each thread takes the distance of one candidate from differences,
 * as `cdist` does; its place is the number of candidates of the same row that come before it.
 */
import { orderKey } from "./order.ts";
import { fold, type KernelSpec, kernel } from "./spec.ts";
import { storedType } from "./stored.ts";
import type { PairTypes } from "./unit-distance.ts";
import { wgsl } from "./wgsl.ts";

export interface OrderOptions {
  readonly m: number;
  /** Length of a row. */
  readonly k: number;
  /** Candidates of a row of A, at most 32. */
  readonly count: number;
  /** How many of them to keep. */
  readonly keep: number;
  readonly squared: boolean;
  readonly stored: PairTypes;
}

/**
 * The first of the candidates; of equal distances the first row comes first, NaN last. Inputs: a `[m, k]`, b `[n, k]`, candidates `[m, count]`, −1 for none. Outputs: values and rows of B, `[m, keep]`.
 */
export function nearestOrderKernel(options: OrderOptions): KernelSpec {
  const { m, k, count, keep, squared, stored } = options;
  const wide = k % 4 === 0;
  const type = wide ? "vec4<f32>" : "f32";
  const together = Math.floor(64 / count);
  const threads = together * count;
  return kernel({
    name: "nearest order",
    inputs: [
      { name: "a_", type: storedType(type, stored.a) },
      { name: "b_", type: storedType(type, stored.b) },
      { name: "i_", type: "i32" },
    ],
    outputs: [
      { name: "y_", type: "f32" },
      { name: "yi_", type: "i32" },
    ],
    params: { m: ["u32", m], k: ["u32", wide ? k / 4 : k], keep: ["u32", keep] },
    head: `${orderKey("f32")}
var<workgroup> keys: array<u32, ${threads}>;
var<workgroup> rows: array<u32, ${threads}>;`,
    workgroup: [threads],
    grid: fold(Math.ceil(m / together)),
    body: wgsl`let own = lid.x / ${count}u;
let row = flat * ${together}u + own;
let inside = row < p.m;
let at = min(row, p.m - 1u);
let index = i_[at * ${count}u + lid.x % ${count}u];
let other = u32(max(index, 0)) * p.k;
var sum = 0.0;
for (var k = 0u; k < p.k; k++) {
  let e = ${type}(a_[at * p.k + k]) - ${type}(b_[other + k]);
  sum += ${wide ? "dot(e, e)" : "e * e"};
}
let value = ${squared ? "sum" : "sqrt(sum)"};
let key = orderKey(bitcast<u32>(value));
keys[lid.x] = key;
rows[lid.x] = u32(index); // none is larger than any row
workgroupBarrier();
var place = 0u;
for (var j = own * ${count}u; j < (own + 1u) * ${count}u; j++) {
  let earlier = keys[j] < key || (keys[j] == key && rows[j] < u32(index));
  place += select(0u, 1u, rows[j] < 0x80000000u && (earlier || index < 0));
}
if (inside && index >= 0 && place < p.keep) {
  y_[row * p.keep + place] = value;
  yi_[row * p.keep + place] = index;
}`,
  });
}
