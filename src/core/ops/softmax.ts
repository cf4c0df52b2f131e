/** Shares of a whole along an axis, and their logarithms, with gradients. */
import { softmaxGradKernel, softmaxKernel } from "../../kernels/index.ts";
import { track } from "../autograd.ts";
import { launch } from "../launch.ts";
import type { Tensor } from "../tensor.ts";
import { floatOf } from "./float.ts";
import { rowsAlong } from "./rows.ts";

/** e^x / Σ e^x along an axis, f32. */
export function softmax(x: Tensor, axis: number): Tensor {
  return shares("softmax", x, axis, false);
}

/** log(e^x / Σ e^x) along an axis, exact where softmax would round to 0; f32. */
export function logSoftmax(x: Tensor, axis: number): Tensor {
  return shares("logSoftmax", x, axis, true);
}

function shares(name: string, x: Tensor, axis: number, log: boolean): Tensor {
  const dtype = floatOf(x, name);
  const { shape } = rowsAlong(name, x, axis);
  const y = x.device.empty(x.shape);
  if (y.size) launch(softmaxKernel(shape, log, dtype), [x], [y]);
  return track(name, y, [x], (dy) => {
    const dx = x.device.empty(x.shape, dtype);
    if (dx.size) launch(softmaxGradKernel(shape, log, dtype), [y, dy], [dx]);
    return [dx];
  });
}
