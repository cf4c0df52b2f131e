/** Undoes broadcasting: sums a gradient back to the shape its argument had. */
import { emptyGrad } from "../autograd.ts";
import type { Shape, Tensor } from "../tensor.ts";
import { reduceAxes } from "./fold.ts";

/**
 * `x` summed over the axes that were broadcast, as a tensor of `shape`: the gradient of `input`, and of its type, where that is
 * given.
 */
export function sumTo(x: Tensor, shape: Shape, input?: Tensor): Tensor {
  if (x.shape.join() === shape.join()) return x;
  const offset = x.shape.length - shape.length;
  const axes = x.shape.flatMap((n, i) =>
    i < offset || (shape[i - offset] === 1 && n !== 1) ? [i] : [],
  );
  if (axes.length === 0) return x.view(shape);
  const into = input ? { into: emptyGrad(input) } : {};
  return reduceAxes(x, axes, { name: "sum", fold: "sum", ...into }).view(shape);
}
