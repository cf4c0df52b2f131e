/**
 * Gradients of the distances to the nearest rows: only the pairs that were chosen count.
 *
 *   da[i] = Σ_c w[i, c] · (a[i] − b[index[i, c]])        db[j] = Σ_{i, c: index[i, c] = j} w[i, c] · (b[j] − a[i])
 *
 * The second needs the chosen rows in order (`key`, and `order` for where each was): each row of B finds its own by bisection.
 */
import { fold, type KernelSpec, kernel } from "./spec.ts";
import { storedType } from "./stored.ts";
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

const lanes = 32;

/** A workgroup has a row of the gradient to itself, so that weights and positions are the same for all its threads. */
function parts(name: string, { m, n, k, count }: NearestGradOptions, rows: number) {
  return {
    name,
    params: {
      rows: ["u32", rows],
      k: ["u32", k % 4 === 0 ? k / 4 : k],
      count: ["u32", count],
      pairs: ["u32", m * count],
      n: ["u32", n],
    },
    workgroup: [lanes],
    grid: fold(rows),
  } as const;
}

/** `low`: the first of the sorted pairs that chose the row, if any did. */
const firstOf = `var low = 0u; var high = p.pairs;
while (low < high) {
  let probe = (low + high) / 2u;
  if (key_[probe] < i32(row)) { low = probe + 1u; } else { high = probe; }
}`;

const head = `let row = flat;
if (row >= p.rows) { return; }`;

/** Numbers of a row that a thread takes at once. */
const typeOf = (k: number) => (k % 4 === 0 ? "vec4<f32>" : "f32");

/** Inputs: w `[m, count]`, index `[m, count]`, a `[m, k]`, b `[n, k]`. */
export function nearestGradAKernel(options: NearestGradOptions): KernelSpec {
  const type = typeOf(options.k);
  const [a, b] = [storedType(type, options.stored.a), storedType(type, options.stored.b)];
  return kernel({
    ...parts("nearest gradient", options, options.m),
    inputs: [
      { name: "w_", type: "f32" },
      { name: "index_", type: "i32" },
      { name: "a_", type: a },
      { name: "b_", type: b },
    ],
    outputs: [{ name: "y_", type: a }],
    body: wgsl`${head}
for (var column = lid.x; column < p.k; column += ${lanes}u) {
  let a = ${type}(a_[row * p.k + column]);
  var sum = ${type}();
  for (var c = row * p.count; c < (row + 1u) * p.count; c++) {
    sum += w_[c] * (a - ${type}(b_[u32(index_[c]) * p.k + column]));
  }
  y_[row * p.k + column] = ${a}(sum);
}`,
  });
}

/** Inputs: w `[m, count]`, key and order `[m · count]`, a `[m, k]`, b `[n, k]`. */
export function nearestGradBKernel(options: NearestGradOptions): KernelSpec {
  const type = typeOf(options.k);
  const [a, b] = [storedType(type, options.stored.a), storedType(type, options.stored.b)];
  return kernel({
    ...parts("nearest gradient", options, options.n),
    inputs: [
      { name: "w_", type: "f32" },
      { name: "key_", type: "i32" },
      { name: "order_", type: "i32" },
      { name: "a_", type: a },
      { name: "b_", type: b },
    ],
    outputs: [{ name: "y_", type: b }],
    body: wgsl`${head}
${firstOf}
for (var column = lid.x; column < p.k; column += ${lanes}u) {
  let b = ${type}(b_[row * p.k + column]);
  var sum = ${type}();
  for (var i = low; i < p.pairs; i++) {
    if (key_[i] != i32(row)) { break; }
    let c = u32(order_[i]);
    sum += w_[c] * (b - ${type}(a_[c / p.count * p.k + column]));
  }
  y_[row * p.k + column] = ${b}(sum);
}`,
  });
}
