/** The principal branch of Lambert's W, the inverse of w·e^w, for SuperLoss. */
import { map, type Tensor } from "../../core/index.ts";

/** h = √(2(ez + 1)), the distance from the branch point z = −1/e, where W = −1 and is infinitely steep. */
const root = "sqrt(max(T(0), T(5.43656365691809) * z + T(2)))";
const series =
  "T(-1) + h * (T(1) + h * (T(-0.333333333333333) + h * (T(0.152777777777778) + h * (T(-0.0796296296296296) + h * T(0.0445023148148148)))))";
/** Winitzki's approximation, away from the branch point. */
const far = "q * (T(1) - log(T(1) + q) / (T(2) + q))";
/** One step of Halley's method; `w + 1` stays away from 0. */
const halley =
  "w - (w * exp(w) - z) / (exp(w) * (w + T(1)) - (w + T(2)) * (w * exp(w) - z) / (T(2) * w + T(2)))";

/**
 * W(z), elementwise, to a few units in the last place away from z = −1/e and to 5e-4 there. No gradient.
 * @param z −1/e or more
 */
export function lambertW(z: Tensor): Tensor {
  const h = map("lambertW", { f: root }, { z });
  const near = map("lambertW", { f: series }, { h });
  const q = map("lambertW", { f: "log(max(T(0.5), T(1) + z))" }, { z });
  const begin = { f: `select(${far}, near, z < T(-0.2))` };
  let w = map("lambertW", begin, { q, near, z });
  w = map("lambertW", { f: "max(w, T(-0.97))" }, { w });
  for (let k = 0; k < 3; k++) w = map("lambertW", { f: halley }, { w, z });
  return map("lambertW", { f: "select(w, near, h < T(0.1))" }, { w, near, h });
}
