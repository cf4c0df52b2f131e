/**
 * How abnormal a patch is: the distance d₁ to its nearest centre, weighted by how much nearer that is than the next ones,
 *
 *   s = d₁ · exp(−d₁) / Σ_k exp(−d_k),   k = 1 … K
 *
 * which is between d₁ / K and d₁.
 */
import { map, mul, neg, reshape, slice, softmax, type Tensor } from "../core/index.ts";

/**
 * @param squares `[…, K]` squared distances, ascending
 * @returns `[…]`
 */
export function softminScore(squares: Tensor): Tensor {
  // reference: a square computed as ‖a‖² + ‖b‖² − 2ab can be negative, and the score then NaN; what is NaN itself stays so
  const d = map("cfa distance", { f: "sqrt(select(t, T(0), t < T(0)))" }, { t: squares });
  const first = (t: Tensor) => slice(t, -1, 0, 1);
  // the softmax takes the largest −d out first; reference: exp(−d) alone is 0 / 0 from d = 104 on
  const scores = mul(first(d), first(softmax(neg(d), -1)));
  return reshape(scores, squares.shape.slice(0, -1));
}
