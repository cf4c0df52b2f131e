/** Arithmetic of the engine itself, outside the graph: how gradients meet, and how elements move. */
import { pointwiseKernel } from "../../kernels/index.ts";
import { launch } from "../launch.ts";
import type { Tensor } from "../tensor.ts";

/** The sum of two tensors of one shape, without a gradient of its own. */
export function accumulate(a: Tensor, b: Tensor): Tensor {
  const args = [
    { name: "a", dtype: a.dtype, shape: a.shape },
    { name: "b", dtype: b.dtype, shape: b.shape },
  ];
  const y = a.device.empty(a.shape, a.dtype);
  if (y.size === 0) return y;
  const { shape, dtype } = a;
  launch(
    pointwiseKernel({ name: "accumulate", expression: "a + b", args, shape, dtype }),
    [a, b],
    [y],
  );
  return y;
}

/** Writes the elements of x into y, of as many elements. */
export function copyElements(x: Tensor, y: Tensor): void {
  if (y.size === 0) return;
  const { dtype } = y;
  const shape = [y.size];
  const compute = dtype === "i32" || dtype === "u32" ? dtype : "f32";
  const args = [{ name: "a", dtype: x.dtype, shape }];
  launch(pointwiseKernel({ name: "copy", expression: "a", args, shape, dtype, compute }), [x], [y]);
}
