/**
 * Gradients of the distances to the nearest rows: only the pairs that were chosen count.
 *
 *   da[i] = Σ_c w[i, c] · (a[i] − b[index[i, c]])        db[j] = Σ_{i, c: index[i, c] = j} w[i, c] · (b[j] − a[i])
 *
 * The second needs the chosen rows in order (`key`, and `order` for where each was): each row of B finds its own by bisection.
 */
import { fold, type KernelSpec, kernel } from "./spec.ts";
import type { PairTypes } from "./unit-distance.ts";
import { wgsl } from "./wgsl.ts";

export interface NearestGradOptions {
  readonly m: number;
  readonly n: number;
  /** Length of a row. */
  readonly k: number;
  /** Rows chosen for each of A. */
  readonly count: number;
  /** Of a, b and their gradients; w is f32. */
  readonly stored: PairTypes;
}

const workgroup = 256;

function parts(name: string, { m, n, k, count }: NearestGradOptions, rows: number, type: string) {
  return {
    name,
    outputs: [{ name: "y_", type }],
    params: {
      rows: ["u32", rows],
      k: ["u32", k],
      count: ["u32", count],
      pairs: ["u32", m * count],
      n: ["u32", n],
    },
    workgroup: [workgroup],
    grid: fold(Math.ceil((rows * k) / workgroup)),
  } as const;
}

const head = `let id = flat * ${workgroup}u + lid.x;
if (id >= p.rows * p.k) { return; }
let row = id / p.k; let column = id % p.k;
var sum = 0.0;`;

/** Inputs: w `[m, count]`, index `[m, count]`, a `[m, k]`, b `[n, k]`. */
export function nearestGradAKernel(options: NearestGradOptions): KernelSpec {
  return kernel({
    ...parts("nearest gradient", options, options.m, options.stored.a),
    inputs: [
      { name: "w_", type: "f32" },
      { name: "index_", type: "i32" },
      { name: "a_", type: options.stored.a },
      { name: "b_", type: options.stored.b },
    ],
    body: wgsl`${head}
let a = f32(a_[id]);
for (var c = row * p.count; c < (row + 1u) * p.count; c++) {
  sum += w_[c] * (a - f32(b_[u32(index_[c]) * p.k + column]));
}
y_[id] = ${options.stored.a}(sum);`,
  });
}

/** Inputs: w `[m, count]`, key and order `[m · count]`, a `[m, k]`, b `[n, k]`. */
export function nearestGradBKernel(options: NearestGradOptions): KernelSpec {
  return kernel({
    ...parts("nearest gradient", options, options.n, options.stored.b),
    inputs: [
      { name: "w_", type: "f32" },
      { name: "key_", type: "i32" },
      { name: "order_", type: "i32" },
      { name: "a_", type: options.stored.a },
      { name: "b_", type: options.stored.b },
    ],
    body: wgsl`${head}
let b = f32(b_[id]);
var low = 0u; var high = p.pairs;
while (low < high) {
  let probe = (low + high) / 2u;
  if (key_[probe] < i32(row)) { low = probe + 1u; } else { high = probe; }
}
for (; low < p.pairs; low++) {
  if (key_[low] != i32(row)) { break; }
  let c = u32(order_[low]);
  sum += w_[c] * (b - f32(a_[c / p.count * p.k + column]));
}
y_[id] = ${options.stored.b}(sum);`,
  });
}
