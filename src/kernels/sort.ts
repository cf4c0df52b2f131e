/**
 * Stable sorting of rows. Blocks are sorted by counting: in shared memory an element's place is the number of elements before
 * it. Sorted runs are then merged pairwise in global memory, where an element's place is its own position plus that in the
 * partner run, found by bisection. Neither needs atomics, and places are unique, so results are the same bits each time.
 *
 * Keeping only the first `keep` of each block, and repeating, selects the k smallest without sorting the rest.
 */
import { type OrderedType, orderKey } from "./order.ts";
import { fold, type KernelSpec, kernel } from "./spec.ts";
import { wgsl } from "./wgsl.ts";

export interface SortRowsOptions {
  readonly name: string;
  readonly dtype: OrderedType;
  readonly descending: boolean;
  readonly rows: number;
  /** Length of a row. */
  readonly n: number;
}

export interface SelectOptions extends SortRowsOptions {
  /** Elements per block: 64 or 256. */
  readonly block: number;
  /** How many of each block to keep, smallest first (largest if descending). */
  readonly keep: number;
  /** Positions come as a second input; else they count from `first`. */
  readonly indexed: boolean;
  readonly first?: number;
}

/** Length of the rows that `selectKernel` writes. */
export function selectedLength(n: number, block: number, keep: number): number {
  const full = Math.ceil(n / block) - 1;
  return full * keep + Math.min(keep, n - full * block);
}

/** Values (as bits) and positions of the first `keep` of each block, in order. */
export function selectKernel(options: SelectOptions): KernelSpec {
  const { name, rows, n, block, keep, indexed, first = 0 } = options;
  const blocks = Math.ceil(n / block);
  return kernel({
    name,
    inputs: [{ name: "x_", type: "u32" }, ...(indexed ? [{ name: "xi_", type: "i32" }] : [])],
    outputs: [
      { name: "y_", type: "u32" },
      { name: "yi_", type: "i32" },
    ],
    params: {
      rows: ["u32", rows],
      n: ["u32", n],
      blocks: ["u32", blocks],
      keep: ["u32", keep],
      m: ["u32", selectedLength(n, block, keep)],
      first: ["i32", first],
      flip: ["u32", options.descending ? 0xffffffff : 0],
    },
    head: wgsl`${orderKey(options.dtype)}\nvar<workgroup> keys: array<u32, ${block}>;`,
    workgroup: [block],
    grid: fold(rows * blocks),
    body: wgsl`let row = flat / p.blocks;
if (row >= p.rows) { return; }
let start = (flat % p.blocks) * ${block}u;
let count = min(${block}u, p.n - start);
let at = row * p.n + start + lid.x;
var bits = 0u;
var key = 0u;
if (lid.x < count) { bits = x_[at]; key = orderKey(bits) ^ p.flip; }
keys[lid.x] = key;
workgroupBarrier();
if (lid.x >= count) { return; }
var place = 0u;
for (var j = 0u; j < count; j++) {
  let other = keys[j];
  place += select(0u, 1u, other < key || (other == key && j < lid.x));
}
if (place >= p.keep) { return; }
let to = row * p.m + (flat % p.blocks) * p.keep + place;
y_[to] = bits;
yi_[to] = ${indexed ? "xi_[at]" : "p.first + i32(start + lid.x)"};`,
  });
}

const workgroup = 256;

/** Merges neighbouring sorted runs of `run` elements in every row. */
export function mergeKernel(options: SortRowsOptions & { readonly run: number }): KernelSpec {
  const { name, rows, n, run } = options;
  return kernel({
    name,
    inputs: [
      { name: "x_", type: "u32" },
      { name: "xi_", type: "i32" },
    ],
    outputs: [
      { name: "y_", type: "u32" },
      { name: "yi_", type: "i32" },
    ],
    params: {
      count: ["u32", rows * n],
      n: ["u32", n],
      run: ["u32", run],
      flip: ["u32", options.descending ? 0xffffffff : 0],
    },
    head: orderKey(options.dtype),
    workgroup: [workgroup],
    grid: fold(Math.ceil((rows * n) / workgroup)),
    body: wgsl`let id = flat * ${workgroup}u + lid.x;
if (id >= p.count) { return; }
let i = id % p.n;
let row = id - i;
let left = i / (2u * p.run) * (2u * p.run);
let middle = min(left + p.run, p.n);
let bits = x_[id];
let key = orderKey(bits) ^ p.flip;
let second = i >= middle; // equal elements of the first run come first
var low = select(middle, left, second);
var high = select(min(middle + p.run, p.n), middle, second);
let start = low;
while (low < high) {
  let probe = (low + high) / 2u;
  let other = orderKey(x_[row + probe]) ^ p.flip;
  if (other < key || (second && other == key)) { low = probe + 1u; } else { high = probe; }
}
let own = i - select(left, middle, second);
let to = row + left + own + low - start;
y_[to] = bits;
yi_[to] = xi_[id];`,
  });
}

/** y[row, index[row, j]] = x[row, j]; the positions of a row differ, and y holds zeros before. */
export function placeKernel(options: {
  readonly name: string;
  readonly rows: number;
  readonly n: number;
  readonly k: number;
}): KernelSpec {
  const { name, rows, n, k } = options;
  return kernel({
    name,
    inputs: [
      { name: "x_", type: "f32" },
      { name: "index_", type: "i32" },
    ],
    outputs: [{ name: "y_", type: "f32" }],
    params: { count: ["u32", rows * k], n: ["u32", n], k: ["u32", k] },
    workgroup: [workgroup],
    grid: fold(Math.ceil((rows * k) / workgroup)),
    body: wgsl`let id = flat * ${workgroup}u + lid.x;
if (id >= p.count) { return; }
y_[id / p.k * p.n + u32(index_[id])] = x_[id];`,
  });
}
