/** The blur that methods give their maps. */
import { gaussianBlur, reshape, type Tensor } from "../core/index.ts";

/**
 * @param maps `[N, H, W]`
 * @param sigma standard deviation, pixels; 0 changes nothing
 */
export function smoothed(maps: Tensor, sigma: number): Tensor {
  const blurred = gaussianBlur(reshape(maps, [...maps.shape, 1]), sigma);
  return reshape(blurred, maps.shape);
}
