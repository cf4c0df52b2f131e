/**
 * From features to an anomaly map.
 *
 *   2025: s_l = 1 − cos(e, a) at the level's own size, resized (corners aligned), summed or multiplied, divided by 9
 *   2023: d_l = ‖e − a‖² at the size of level 0, resized (corners not aligned), summed
 *
 * and blurred with σ = 4 (SciPy's Gaussian, 33 taps, borders reflected).
 */
import {
  add,
  cosineSimilarity,
  gaussianBlur,
  interpolate,
  mul,
  normalize,
  reshape,
  square,
  sub,
  sum,
  type Tensor,
} from "../core/index.ts";
import type { CdoConfig } from "./config.ts";

type MapConfig = Pick<CdoConfig, "version" | "mapMode" | "mapScale" | "sigma">;

/**
 * @param teacher feature maps `[N, h, w, C]` of each level, finest first
 * @param size height and width of the map
 * @returns `[N, H, W]`, larger where more abnormal
 */
export function anomalyMap(
  teacher: readonly Tensor[],
  student: readonly Tensor[],
  size: readonly [number, number],
  config: MapConfig,
): Tensor {
  const levels = teacher.map((e, l) =>
    config.version === "2025"
      ? cosineMap(e, student[l] as Tensor, size)
      : distanceMap(e, student[l] as Tensor, teacher[0] as Tensor, size),
  );
  const joined = levels.reduce((a, b) => (config.mapMode === "add" ? add(a, b) : mul(a, b)));
  const divisor = { reference: levels.length ** 2, mean: levels.length, none: 1 }[config.mapScale];
  const scaled = config.mapMode === "add" && divisor !== 1 ? mul(joined, 1 / divisor) : joined;
  const blurred = config.sigma > 0 ? gaussianBlur(scaled, config.sigma) : scaled;
  return reshape(blurred, blurred.shape.slice(0, 3));
}

function cosineMap(e: Tensor, a: Tensor, size: readonly [number, number]): Tensor {
  // reference: the 2025 code normalises the features first, which the cosine undoes
  const distance = sub(1, cosineSimilarity(normalize(e), normalize(a)));
  const map = reshape(distance, [...distance.shape, 1]);
  return interpolate(map, { size, mode: "bilinear", alignCorners: true });
}

function distanceMap(
  e: Tensor,
  a: Tensor,
  finest: Tensor,
  size: readonly [number, number],
): Tensor {
  const level0 = [finest.shape[1] as number, finest.shape[2] as number] as const;
  const unit = (x: Tensor) =>
    normalize(interpolate(x, { size: level0, mode: "bilinear", alignCorners: true }));
  const d = sum(square(sub(unit(e), unit(a))), -1, true);
  return interpolate(d, { size, mode: "bilinear", alignCorners: false });
}
