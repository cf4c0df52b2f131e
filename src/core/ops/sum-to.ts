/** Undoes broadcasting: sums a gradient back to the shape its argument had. */
import type { Shape, Tensor } from "../tensor.ts";
import { reduceAxes } from "./fold.ts";

/** `x` summed over the axes that were broadcast, as a tensor of `shape`. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (x.shape.join() === shape.join()) return x;
  const offset = x.shape.length - shape.length;
  const axes = x.shape.flatMap((n, i) =>
    i < offset || (shape[i - offset] === 1 && n !== 1) ? [i] : [],
  );
  const y = axes.length ? reduceAxes(x, axes, { name: "sum", fold: "sum" }) : x;
  return y.view(shape);
}
