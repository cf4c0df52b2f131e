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
  concat,
  cosineSimilarity,
  gaussianBlur,
  interpolate,
  mul,
  norm,
  normalize,
  reshape,
  sub,
  type Tensor,
  unitDistance,
} from "../core/index.ts";
import type { CdoConfig } from "./config.ts";

type MapConfig = Pick<
  CdoConfig,
  "version" | "mapMode" | "mapDistance" | "mapScale" | "levelWeights" | "sigma"
>;
type Size = readonly [height: number, width: number];

/**
 * @param teacher feature maps `[N, h, w, C]` of each level, finest first
 * @param size of the map
 * @returns `[N, H, W]`, larger where more abnormal
 */
export function anomalyMap(
  teacher: readonly Tensor[],
  student: readonly Tensor[],
  size: Size,
  config: MapConfig,
): Tensor {
  const joined =
    config.version === "2025"
      ? map2025(teacher, student, size, config)
      : map2023(teacher, student, size);
  const blurred = config.sigma > 0 ? gaussianBlur(joined, config.sigma) : joined;
  return reshape(blurred, blurred.shape.slice(0, 3));
}

function map2025(
  teacher: readonly Tensor[],
  student: readonly Tensor[],
  size: Size,
  config: MapConfig,
): Tensor {
  const expert = teacher.map((e) => normalize(e));
  const apprentice = student.map((a) => normalize(a));
  const { mapMode, mapDistance, mapScale, levelWeights } = config;
  const distance = (e: Tensor, a: Tensor) =>
    interpolate(distanceOf(e, a, mapDistance), { size, mode: "bilinear", alignCorners: true });
  if (mapMode === "concat") return distance(sideBySide(expert), sideBySide(apprentice));
  const levels = expert.map((e, l) => distance(e, apprentice[l] as Tensor));
  if (mapMode === "mul") return levels.reduce((a, b) => mul(a, b));
  const weights = levels.map((_, l) => levelWeights[l] ?? 1);
  const weighted = levels.map((m, l) => (weights[l] === 1 ? m : mul(m, weights[l] as number)));
  const total = weights.reduce((a, b) => a + b, 0);
  const divisor = { reference: levels.length * total, mean: total, none: 1 }[mapScale];
  return mul(
    weighted.reduce((a, b) => add(a, b)),
    1 / divisor,
  );
}

function distanceOf(e: Tensor, a: Tensor, how: MapConfig["mapDistance"]): Tensor {
  const one = how === "cosine" ? sub(1, cosineSimilarity(e, a)) : norm(sub(e, a), -1);
  return reshape(one, [...one.shape, 1]);
}

/** All levels at the size of the finest, their channels one after the other. */
function sideBySide(levels: readonly Tensor[]): Tensor {
  const size = sizeOf(levels);
  const same = levels.map((x) => interpolate(x, { size, mode: "bilinear", alignCorners: true }));
  return concat(same, -1);
}

function map2023(teacher: readonly Tensor[], student: readonly Tensor[], size: Size): Tensor {
  const finest = sizeOf(teacher);
  const resized = (x: Tensor) =>
    interpolate(x, { size: finest, mode: "bilinear", alignCorners: true });
  const levels = teacher.map((e, l) => {
    const d = unitDistance(resized(e), resized(student[l] as Tensor));
    const map = reshape(d, [...d.shape, 1]);
    return interpolate(map, { size, mode: "bilinear", alignCorners: false });
  });
  return levels.reduce((a, b) => add(a, b));
}

function sizeOf([finest]: readonly Tensor[]): Size {
  return [finest?.shape[1] ?? 0, finest?.shape[2] ?? 0];
}
