/** What the tests of attention draw, and one number from all that it gives. */
import { type Attended, add, type Device, mul, sum, type Tensor } from "../../src/core/index.ts";
import { rnd } from "../golden.ts";

/** q, k, v `[batch, n, heads · width]` and σ. */
export function attentionInputs(
  device: Device,
  name: string,
  batch: number,
  n: number,
  heads: number,
  width: number,
): [q: Tensor, k: Tensor, v: Tensor, sigma: Tensor] {
  const random = (side: string, shape: number[], lo = -1, hi = 1) =>
    device.tensor(Float32Array.from(rnd(`${name}/${side}`, shape, lo, hi)), shape);
  const rows = [batch, n, heads * width];
  const sigma = random("sigma", [batch, n, heads, 2], 0.3, 2);
  return [random("q", rows), random("k", rows), random("v", rows), sigma];
}

/** Everything that attention gives, weighted so that no two gradients are alike. */
export function attentionTotal({ out, mapDivergence, priorDivergence, entropy }: Attended): Tensor {
  const rows = [mapDivergence, mul(priorDivergence, -0.7), mul(entropy, 0.3)];
  return rows.map((t) => sum(t)).reduce(add, sum(mul(out, out)));
}
