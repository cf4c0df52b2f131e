/**
 * The nearest rows by a product: a few more candidates than are asked for, found in one walk over tiles of a · b, then put in order by
 * their distances from differences. Memory grows with M + N.
 */
import {
  nearestCandidatesKernel,
  nearestMiddleKernel,
  nearestOrderKernel,
  nearestPackKernel,
  nearestTile,
} from "../../kernels/index.ts";
import { launch } from "../launch.ts";
import type { Tensor } from "../tensor.ts";
import { floatOf, pairTypes } from "./float.ts";
import { foldMiddle } from "./fold.ts";
import { type Ordered, selectRows } from "./sort.ts";

/** Sizes of a row's list of candidates, which is shader text; at least two are more than asked for. */
const lists = [4, 8, 20] as const;
/** Most rows of b for each of a. */
const most = 16;

/** True where the product serves: not for long lists, and not where b as f32 is more than a kernel may bind. */
export function suitsProduct(a: Tensor, b: Tensor, k: number): boolean {
  const packed = 4 * b.size + 4 * nearestTile * (b.shape[1] as number);
  return k <= most && a.size * b.size > 0 && packed <= a.device.limits.maxStorageBufferBindingSize;
}

/** The k nearest rows of b `[N, D]` to those of a `[M, D]`, k from 1 to 16. */
export function searchByProduct(a: Tensor, b: Tensor, k: number, squared: boolean): Ordered {
  const { device } = a;
  const [m, width] = a.shape as [number, number];
  const count = lists.find((length) => length >= k + 2) as number;
  return device.scopes.run(() => {
    const index = candidates(a, b, count);
    const values = device.empty([m, k]);
    const indices = device.empty([m, k], "i32");
    const spec = nearestOrderKernel({
      ...{ m, k: width, count, keep: k, squared },
      stored: pairTypes("nearest", a, b),
    });
    launch(spec, [a, b, index], [values, indices]);
    return { values, indices };
  });
}

/** Rows of b, `[M, count]`, −1 where there are no more. */
function candidates(a: Tensor, b: Tensor, count: number): Tensor {
  const { device } = a;
  const [m, k] = a.shape as [number, number];
  const n = b.shape[0] as number;
  const tiles = Math.ceil(n / nearestTile);
  const middle = device.empty([k]);
  const packed = device.empty([tiles, k, nearestTile]);
  const pack = { n, k, stored: floatOf(b) };
  launch(nearestMiddleKernel(pack), [b], [middle]);
  launch(nearestPackKernel(pack), [b, middle], [packed]);
  const half = { name: "nearest", fold: "sum", map: "x * x", finish: "a * p.scale" } as const;
  const halves = foldMiddle(packed, tiles, k, nearestTile, { ...half, scale: 0.5 });
  const parts = partsOf(m, tiles, device.adapter.software);
  const values = device.empty([m, parts * count]);
  const indices = device.empty([m, parts * count], "i32");
  const { subgroups } = device;
  const spec = nearestCandidatesKernel({ m, n, k, count, parts, stored: floatOf(a), subgroups });
  launch(spec, [a, packed, halves, middle], [values, indices]);
  if (parts === 1) return indices;
  return selectRows("nearest", values, count, { descending: false, indices }).indices;
}

/** Pieces of b that are searched apart, so that few rows of a keep the adapter busy. */
function partsOf(m: number, tiles: number, software: boolean): number {
  const wanted = Math.ceil((software ? 64 : 2048) / Math.ceil(m / 128));
  return Math.min(wanted, Math.ceil(tiles / 8), 32);
}
