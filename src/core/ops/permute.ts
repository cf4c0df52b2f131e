/** Another order of axes. Always a copy: tensors stay contiguous. */
import { LoupeError } from "../../error.ts";
import { copyKernel, sizeOf, stridesOf, transposeKernel } from "../../kernels/index.ts";
import { track } from "../autograd.ts";
import { launch, show } from "../launch.ts";
import type { Tensor } from "../tensor.ts";

/** `permute(x, [0, 3, 1, 2])`: axis i of the result is axis `axes[i]` of x. */
export function permute(x: Tensor, axes: readonly number[]): Tensor {
  const normal = axes.map((a) => (a < 0 ? a + x.shape.length : a));
  if (normal.length !== x.shape.length || x.shape.some((_, i) => !normal.includes(i))) {
    throw new LoupeError(
      "shape",
      `permute: axes ${show(axes)} are no order of the axes of ${show(x.shape)}`,
    );
  }
  const back = normal.map((_, i) => normal.indexOf(i));
  return track("permute", permuteRaw(x, normal), [x], (dy) => [permuteRaw(dy, back)]);
}

/** Permutes outside the graph. */
export function permuteRaw(x: Tensor, axes: readonly number[]): Tensor {
  const shape = axes.map((a) => x.shape[a] as number);
  const moving = axes.filter((a) => x.shape[a] !== 1);
  if (moving.every((a, i) => i === 0 || a > (moving[i - 1] as number))) return x.view(shape);
  const y = x.device.empty(shape, x.dtype);
  if (sizeOf(shape) === 0) return y;
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const rank = axes.length;
  const swapsLast = axes.every((a, i) => a === (i < rank - 2 ? i : 2 * rank - 3 - i));
  if (swapsLast && rows % 4 === 0) {
    const batch = x.size / rows / columns;
    launch(transposeKernel({ batch, rows, columns }, x.dtype), [x], [y]);
    return y;
  }
  const strides = stridesOf(x.shape);
  const from = { start: 0, strides: axes.map((a) => strides[a] as number) };
  const to = { start: 0, strides: stridesOf(shape) };
  launch(copyKernel({ name: "permute", dtype: x.dtype, box: shape, from, to }), [x], [y]);
  return y;
}
