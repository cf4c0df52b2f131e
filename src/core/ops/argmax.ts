/** Positions of the largest and smallest elements. They have no gradient. */
import { LoupeError } from "../../error.ts";
import { argmaxChunks, argmaxKernel, sizeOf } from "../../kernels/index.ts";
import { launch, show } from "../launch.ts";
import type { Tensor } from "../tensor.ts";
import { normalAxes } from "./fold.ts";
import { orderedType } from "./sort.ts";

/**
 * Position of the largest element along `axis` (without one: in the whole tensor, row-major), as i32; of equal ones the first.
 * NaN counts as larger than everything. f32, i32 or u32.
 */
export function argmax(x: Tensor, axis?: number, keepDim = false): Tensor {
  return position("argmax", x, axis, keepDim);
}

/** Position of the smallest element; see `argmax`. NaN counts as smaller than everything. */
export function argmin(x: Tensor, axis?: number, keepDim = false): Tensor {
  return position("argmin", x, axis, keepDim);
}

function position(
  name: "argmax" | "argmin",
  x: Tensor,
  axis: number | undefined,
  keepDim: boolean,
): Tensor {
  const dtype = orderedType(name, x);
  const axes = normalAxes(name, x.shape.length, axis);
  const kept = x.shape.map((n, i) => (axes.includes(i) ? 1 : n));
  const shape = keepDim ? kept : x.shape.filter((_, i) => !axes.includes(i));
  const n = sizeOf(axes.map((a) => x.shape[a] as number));
  if (n === 0) throw new LoupeError("shape", `${name}: no elements in ${show(x.shape)}`);
  const y = x.device.empty(shape, "i32");
  if (y.size === 0) return y;
  const outer = axis === undefined ? 1 : sizeOf(x.shape.slice(0, axes[0]));
  const inner = x.size / outer / n;
  const base = { name, smallest: name === "argmin", dtype, outer, n, inner };
  const chunks = argmaxChunks(base, x.device.adapter.software);
  if (chunks === 1) {
    launch(argmaxKernel({ ...base, chunks }), [x], [y]);
    return y;
  }
  const parts = x.device.empty([outer, chunks, inner], "i32");
  launch(argmaxKernel({ ...base, chunks }), [x], [parts]);
  launch(argmaxKernel({ ...base, chunks: 1, candidates: chunks }), [x, parts], [y]);
  parts.dispose();
  return y;
}
