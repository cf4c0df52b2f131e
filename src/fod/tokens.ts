/** Features as a sequence: each cell of a level, averaged with its neighbours, is a token. */
import { avgPool2d, cast, reshape, type Tensor } from "../core/index.ts";

/**
 * Means over 3 × 3 cells, always divided by 9 also at the border, in rows one after the other.
 * @param features `[N, h, w, C]`
 * @returns `[N, h · w, C]`, f32
 */
export function tokensOf(features: Tensor): Tensor {
  const pooled = avgPool2d(cast(features, "f32"), { kernelSize: 3, stride: 1, padding: 1 });
  const [n, h, w, c] = pooled.shape as [number, number, number, number];
  return reshape(pooled, [n, h * w, c]);
}
