/**
 * How hard a batch is, part by part, for the rules that weigh it. An image has up to two parts: its normal and its abnormal pixels,
 * which the loss treats in opposite ways, and mean discrepancy d, from 0 to 4, says of each how far it is from what it should be:
 *
 *   normal part    ℓ = mean d            abnormal part    ℓ = mean (4 − d)
 *
 * Means over the pixels of the part and all levels. The loss itself won't do: it is signed, and its value depends on how large
 * the anomalies are that happen to be painted.
 */
import { add, concat, map, mul, reshape, slice, sub, sum, type Tensor } from "../core/index.ts";
import { LoupeError } from "../error.ts";

/** ℓ of a part without a pixel. */
export const absent = -1;

/**
 * @param distances d of all pixels of the batch `[N · P]`, for each level
 * @param mask of the same pixels; abnormal where it is not 0
 * @returns `[2 · N]`: the normal parts of all images, then the abnormal ones; −1 where an image has none
 */
export function partLosses(distances: readonly Tensor[], mask: Tensor, batch: number): Tensor {
  const d = distances.reduce((a, b) => add(a, b));
  const perImage = [batch, mask.size / batch];
  const normal = map("cdo normal", { f: "select(T(0), T(1), m == T(0))" }, { m: mask });
  const far = map(
    "cdo closeness",
    { f: "max(T(0), T(4) - d * T(p.scale))" },
    { d },
    { scale: 1 / distances.length },
  );
  const meanOver = (where: Tensor, loss: Tensor, scale: number) => {
    const args = {
      s: sum(reshape(mul(where, loss), perImage), 1),
      c: sum(reshape(where, perImage), 1),
    };
    const f = "select(s * T(p.scale) / max(c, T(1)), T(p.absent), c == T(0))";
    return map("cdo part", { f }, args, { scale, absent });
  };
  return concat([meanOver(normal, d, 1 / distances.length), meanOver(sub(1, normal), far, 1)], 0);
}

/** The weight of each pixel `[N · P]` from those of the parts. */
export function spreadParts(weights: Tensor, mask: Tensor, batch: number): Tensor {
  if (weights.shape.length !== 1 || weights.size !== 2 * batch) {
    const text = `weigh must give [${2 * batch}], one for each part, got ${weights}`;
    throw new LoupeError("shape", `cdoLoss: ${text}`);
  }
  const of = (first: number) => reshape(slice(weights, 0, first, first + batch), [batch, 1]);
  const m = reshape(mask, [batch, mask.size / batch]);
  const args = { m, vn: of(0), va: of(batch) };
  const spread = map("cdo shares", { f: "select(va, vn, m == T(0))" }, args);
  return reshape(spread, [mask.size]);
}
