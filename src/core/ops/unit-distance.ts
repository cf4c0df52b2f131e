/** The squared distance between unit vectors along an axis, with the gradients. */
import { LoupeError } from "../../error.ts";
import { unitDistanceGradKernel, unitDistanceKernel } from "../../kernels/index.ts";
import { carriesGrad, track } from "../autograd.ts";
import { deviceOf, launch, show } from "../launch.ts";
import type { Tensor } from "../tensor.ts";
import { pairTypes } from "./float.ts";
import { checkEps, type NormalizeOptions } from "./normalize.ts";
import { rowsAlong } from "./rows.ts";

/**
 * ‖a / max(‖a‖, eps) − b / max(‖b‖, eps)‖² along an axis, from 0 to 4: `sum(square(sub(normalize(a), normalize(b))), axis)`
 * without its four tensors of the size of a.
 * @param options axis (default −1, the channels of a pixel), eps (default 1e-12)
 * @returns f32 of the shape without the axis
 */
export function unitDistance(a: Tensor, b: Tensor, options: NormalizeOptions = {}): Tensor {
  const { axis = -1, eps = 1e-12 } = options;
  deviceOf("unitDistance", [a, b]);
  const stored = pairTypes("unitDistance", a, b);
  checkEps("unitDistance", eps);
  if (a.shape.join() !== b.shape.join()) {
    const got = `got ${show(a.shape)} and ${show(b.shape)}`;
    throw new LoupeError("shape", `unitDistance: needs two tensors of one shape, ${got}`);
  }
  const { shape, rest } = rowsAlong("unitDistance", a, axis);
  const d = a.device.empty(rest);
  if (d.size) launch(unitDistanceKernel(shape, eps, stored), [a, b], [d]);
  return track("unitDistance", d, [a, b], (dd) => {
    const wanted = { a: carriesGrad(a), b: carriesGrad(b) };
    const da = wanted.a ? a.device.empty(a.shape, a.dtype) : undefined;
    const db = wanted.b ? b.device.empty(b.shape, b.dtype) : undefined;
    const outputs = [da, db].filter((t) => t !== undefined);
    const spec = unitDistanceGradKernel(shape, eps, wanted, stored);
    if (a.size) launch(spec, [a, b, dd], outputs);
    return [da, db];
  });
}
