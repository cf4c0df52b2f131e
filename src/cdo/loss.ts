/**
 * The loss of CDO (collaborative discrepancy optimisation).
 *
 * Per level l and pixel i, with unit vectors e (expert) and a (apprentice):  d = ‖e − a‖².
 *
 *   normal pixels    wn = (d / μn)^γ,  μn = mean d over them      (OOM; γ = 0 turns it off)
 *   abnormal pixels  wa = (μa / d)^γ,  μa = mean d over them
 *   L_l = B · (Σ wn·d − Σ wa·d) / (Σ wn + Σ wa),   L = Σ_l L_l
 *
 * Weights carry no gradient. Every level is compared at the size of level 0.
 */
import {
  add,
  div,
  interpolate,
  map,
  mul,
  noGrad,
  normalize,
  recompute,
  reshape,
  sub,
  sum,
  type Tensor,
  unitDistance,
} from "../core/index.ts";
import { LoupeError } from "../error.ts";

export interface CdoLossOptions {
  readonly gamma: number;
  readonly oom: boolean;
  /** True: features are normalised before the resize and again after (2025); false: only after (2023). */
  readonly normaliseFirst: boolean;
  /** Resized features are not kept for the gradient but made again. Default false. */
  readonly recompute?: boolean;
}

/** Smallest d inside a weight. reference: d = 0 gave an infinite weight and a NaN loss. */
const leastDiscrepancy = 1e-12;

/**
 * @param teacher feature maps `[N, h, w, C]` of each level, finest first
 * @param student the same of the apprentice
 * @param mask `[N, H, W, 1]`; a pixel is abnormal where it is not 0, even by a fraction
 * @returns the loss, one element
 */
export function cdoLoss(
  teacher: readonly Tensor[],
  student: readonly Tensor[],
  mask: Tensor,
  options: CdoLossOptions,
): Tensor {
  const [first] = teacher;
  if (!first || teacher.length !== student.length) {
    throw new LoupeError(
      "shape",
      `cdoLoss: ${teacher.length} teacher levels, ${student.length} of the student`,
    );
  }
  const [n, h, w] = first.shape as [number, number, number];
  const size = [h, w] as const;
  const small = noGrad(() => reshape(interpolate(mask, { size, mode: "nearest" }), [n * h * w]));
  const levels = teacher.map((e, l) => {
    const a = student[l] as Tensor;
    const make = () => discrepancy(e, a, size, options.normaliseFirst);
    const d = options.recompute ? (recompute([e, a], () => [make()])[0] as Tensor) : make();
    return levelLoss(d, small, n, options);
  });
  return levels.reduce((a, b) => add(a, b));
}

/** d at the size of level 0, as a row of all pixels. The teacher's side has no gradient. */
function discrepancy(
  teacher: Tensor,
  student: Tensor,
  size: readonly [number, number],
  normaliseFirst: boolean,
): Tensor {
  const resized = (x: Tensor) => {
    const native = normaliseFirst ? normalize(x) : x;
    return interpolate(native, { size, mode: "bilinear", alignCorners: true });
  };
  const e = noGrad(() => teacher.device.scope(() => resized(teacher)));
  const d = unitDistance(resized(student), e);
  return reshape(d, [d.size]);
}

function levelLoss(d: Tensor, mask: Tensor, batch: number, { gamma, oom }: CdoLossOptions): Tensor {
  const weights = noGrad(() => signedWeights(d, mask, oom ? gamma : 0));
  const total = noGrad(() => sum(map("cdo total", { f: "abs(x)" }, { x: weights })));
  return div(mul(sum(mul(weights, d)), batch), total);
}

/** wn on normal pixels, −wa on abnormal ones. */
function signedWeights(d: Tensor, mask: Tensor, gamma: number): Tensor {
  if (gamma === 0) return map("cdo weights", { f: "select(T(-1), T(1), m == T(0))" }, { m: mask });
  const normal = map("cdo normal", { f: "select(T(0), T(1), m == T(0))" }, { m: mask });
  const meanOver = (where: Tensor) =>
    map(
      "cdo mean",
      { f: "max(s / max(c, T(1)), T(p.least))" },
      { s: sum(mul(where, d)), c: sum(where) },
      {
        least: leastDiscrepancy,
      },
    );
  const mn = meanOver(normal);
  const ma = meanOver(sub(1, normal));
  const f = `select(-pow_(ma / max(d, T(p.least)), T(p.gamma)), pow_(max(d, T(p.least)) / mn, T(p.gamma)), m == T(0))`;
  return map("cdo weights", { f }, { d, m: mask, mn, ma }, { gamma, least: leastDiscrepancy });
}
