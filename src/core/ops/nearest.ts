/**
 * The k nearest rows without the whole matrix of distances: it is computed in blocks that fit a budget, of each block the best k
 * are kept, and these compete with the best so far. Or by a product, see nearest-product.ts.
 */
import { LoupeError } from "../../error.ts";
import { nearestGradAKernel, nearestGradBKernel, sizeOf } from "../../kernels/index.ts";
import { carriesGrad, track } from "../autograd.ts";
import { deviceOf, launch, show } from "../launch.ts";
import type { Tensor } from "../tensor.ts";
import { distances, sizes, slopes } from "./cdist.ts";
import { pairTypes } from "./float.ts";
import { sortedIndex } from "./gather.ts";
import { searchByProduct, suitsProduct } from "./nearest-product.ts";
import { concat, slice } from "./shape.ts";
import { type Ordered, selectRows } from "./sort.ts";

export interface NearestOptions {
  /** Squared distances. */
  readonly squared?: boolean;
  /** How the rows are chosen, see `nearest`. Default "differences". */
  readonly by?: "differences" | "product";
  /** Most bytes for one block of distances. Default 64 MiB. Choosing by the product needs none. */
  readonly maxBytes?: number;
}

/**
 * The k smallest distances of each row of a `[…, M, D]` to the rows of b `[N, D]`, ascending, and which rows they belong to:
 * values f32 and indices i32, `[…, M, k]`. Of equal distances the first row comes first; NaN comes last. The values are those of
 * `cdist` bit for bit and have its gradient, along the chosen pairs only. Result and memory: `maxBytes` changes the memory only.
 *
 * With `by: "product"` rows are chosen by ‖b‖² − 2ab, several times as fast and with memory for M + N rows, where k is at most 16 (else, and
 * where b as f32 is too big for one buffer, as by default). At least k + 2 are chosen, and the k of them that are nearest by their
 * differences are the result, so values and order are as exact; but a row may be missed if more than two others are as near as it within
 * the product's rounding, about 2⁻²⁴ of ‖a − c‖ ‖b − c‖, c being the middle of b.
 */
export function nearest(a: Tensor, b: Tensor, k: number, options: NearestOptions = {}): Ordered {
  const { squared = false, by = "differences", maxBytes = 64 * 2 ** 20 } = options;
  deviceOf("nearest", [a, b]);
  pairTypes("nearest", a, b);
  check(a, b, k, { by, maxBytes });
  const rows = a.shape.slice(0, -1);
  const m = sizeOf(rows);
  const flat = a.view([m, a.shape.at(-1) as number]);
  const kept = b.view();
  const most = Math.min(maxBytes, a.device.limits.maxStorageBufferBindingSize);
  const product = by === "product" && k > 0 && suitsProduct(flat, kept, k);
  const found = product
    ? searchByProduct(flat, kept, k, squared)
    : search(flat, kept, k, squared, most);
  const [values, indices, chosen] = [
    found.values.view([...rows, k]),
    found.indices.view([...rows, k]),
    found.indices,
  ];
  found.values.dispose();
  track("nearest", values, [a, b], (dy) => {
    const w = slopes(dy, values, squared);
    return [
      carriesGrad(a) ? gradA(w, chosen, flat, kept).view(a.shape) : undefined,
      carriesGrad(b) ? gradB(w, chosen, flat, kept) : undefined,
    ];
  });
  if (!values.node) for (const t of [flat, kept, chosen]) t.dispose();
  return { values, indices };
}

function check(
  a: Tensor,
  b: Tensor,
  k: number,
  { by, maxBytes }: Required<Omit<NearestOptions, "squared">>,
): void {
  const { n } = sizes("nearest", a, b);
  if (b.shape.length !== 2) {
    throw new LoupeError("shape", `nearest: b must be [N, D], got ${show(b.shape)}`);
  }
  if (!Number.isInteger(k) || k < 0 || k > n) {
    throw new LoupeError("shape", `nearest: k is ${k}, b ${show(b.shape)} has ${n} rows`);
  }
  if (by !== "differences" && by !== "product") {
    const rule = 'by must be "differences" or "product"';
    throw new LoupeError("config", `nearest: ${rule}, got "${String(by)}"`);
  }
  if (!(maxBytes > 0)) {
    throw new LoupeError("config", `nearest: maxBytes must be positive, got ${maxBytes}`);
  }
}

/** Rows of a and of b per block; in multiples of 64 where there is room, so that blocks are views. */
export function blockSizes(m: number, n: number, maxBytes: number): [number, number] {
  const budget = Math.max(1, Math.floor(maxBytes / 4));
  const even = (most: number, all: number) =>
    most >= all ? all : most < 64 ? Math.max(1, most) : most - (most % 64);
  const rows = even(Math.floor(budget / Math.min(n, 1024)), m);
  return [rows, even(Math.floor(budget / rows), n)];
}

function search(a: Tensor, b: Tensor, k: number, squared: boolean, maxBytes: number): Ordered {
  const m = a.shape[0] as number;
  if (m * k === 0) {
    return { values: a.device.empty([m, k]), indices: a.device.empty([m, k], "i32") };
  }
  const [rows, columns] = blockSizes(m, b.shape[0] as number, maxBytes);
  const scope = a.device.scopes;
  const parts: Ordered[] = [];
  for (let start = 0; start < m; start += rows) {
    parts.push(
      scope.run(() => {
        const queries = rows === m ? a : slice(a, 0, start, Math.min(m, start + rows));
        return searchRows(queries, b, k, squared, columns);
      }),
    );
  }
  if (parts.length === 1) return parts[0] as Ordered;
  return scope.run(() => joined(parts, 0));
}

/** The k nearest of some queries, one block of b after the other. */
function searchRows(a: Tensor, b: Tensor, k: number, squared: boolean, columns: number): Ordered {
  const { device } = a;
  const n = b.shape[0] as number;
  let best: Ordered | undefined;
  for (let first = 0; first < n; first += columns) {
    const before = best;
    best = device.scopes.run(() => {
      const rows = columns === n ? b : slice(b, 0, first, Math.min(n, first + columns));
      const count = rows.shape[0] as number;
      const d = device.empty([a.shape[0] as number, count]);
      distances(a, rows, d, squared);
      const found = selectRows("nearest", d, Math.min(k, count), { descending: false, first });
      if (!before) return found;
      const all = joined([before, found], 1);
      const { indices } = all;
      const most = Math.min(k, indices.shape[1] as number);
      return selectRows("nearest", all.values, most, { descending: false, indices });
    });
  }
  return best as Ordered;
}

/** Pairs of values and indices one after the other; frees the parts. */
function joined(parts: readonly Ordered[], axis: number): Ordered {
  const values = concat(
    parts.map((p) => p.values),
    axis,
  );
  const indices = concat(
    parts.map((p) => p.indices),
    axis,
  );
  for (const p of parts) for (const t of [p.values, p.indices]) t.dispose();
  return { values, indices };
}

function gradA(w: Tensor, index: Tensor, a: Tensor, b: Tensor): Tensor {
  const y = a.device.empty(a.shape, a.dtype);
  if (y.size) launch(nearestGradAKernel(gradSizes(index, a, b)), [w, index, a, b], [y]);
  return y;
}

function gradB(w: Tensor, index: Tensor, a: Tensor, b: Tensor): Tensor {
  if (index.size === 0) return a.device.zeros(b.shape, b.dtype);
  const y = a.device.empty(b.shape, b.dtype);
  const { values, indices } = sortedIndex("nearest gradient", index.view([index.size]));
  if (y.size) launch(nearestGradBKernel(gradSizes(index, a, b)), [w, values, indices, a, b], [y]);
  return y;
}

function gradSizes(index: Tensor, a: Tensor, b: Tensor) {
  const [m, count] = index.shape as [number, number];
  const stored = pairTypes("nearest gradient", a, b);
  return { m, count, n: b.shape[0] as number, k: a.shape[1] as number, stored };
}
