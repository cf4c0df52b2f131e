/** A tensor as `[outer, n, inner]` around one axis: how ops along an axis see it. */
import { LoupeError } from "../../error.ts";
import { type RowShape, sizeOf } from "../../kernels/index.ts";
import { show } from "../launch.ts";
import type { Tensor } from "../tensor.ts";

/** The sizes before, on and after the axis, and the shape without it. */
export function rowsAlong(
  op: string,
  x: Tensor,
  axis: number,
): { readonly shape: RowShape; readonly rest: readonly number[] } {
  const a = axis < 0 ? axis + x.shape.length : axis;
  const n = x.shape[a];
  if (n === undefined) {
    throw new LoupeError("shape", `${op}: ${show(x.shape)} has no axis ${axis}`);
  }
  const [before, after] = [x.shape.slice(0, a), x.shape.slice(a + 1)];
  const shape = { outer: sizeOf(before), n, inner: sizeOf(after) };
  return { shape, rest: [...before, ...after] };
}
