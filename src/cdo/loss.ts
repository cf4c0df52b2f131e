/**
 * The loss of CDO (collaborative discrepancy optimisation).
 *
 * Per level l and pixel i, with unit vectors e (expert) and a (apprentice):  d = ‖e − a‖².
 *
 *   normal pixels    wn = (d / μn)^γ,  μn = mean d over them      (OOM; γ = 0 turns it off)
 *   abnormal pixels  wa = (μa / d)^γ,  μa = mean d over them
 *   L_l = B · (Σ wn·d − Σ wa·d) / (Σ wn + Σ wa),   L = Σ_l L_l
 *
 * Weights carry no gradient. Every level is compared at the size of level 0. Where parts of images have weights v of their own, each
 * pixel counts v times, in μ too: a part of weight 0 is as if it were not there.
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
  slice,
  sub,
  sum,
  type Tensor,
  unitDistance,
} from "../core/index.ts";
import { LoupeError } from "../error.ts";
import { partLosses, spreadParts } from "./part-losses.ts";

export interface CdoLossOptions {
  /**
   * A number; or, where it changes, a tensor: `[1]`, or one for normal and one for abnormal pixels `[2]`. Then d and μ are at least
   * 1e-6 below a negative power, and no weight is above 1000; everything else has the bits of the number.
   */
  readonly gamma: number | Tensor;
  readonly oom: boolean;
  /** True: features are normalised before the resize and again after (2025); false: only after (2023). */
  readonly normaliseFirst: boolean;
  /** Resized features are not kept for the gradient but made again. Default false. */
  readonly recompute?: boolean;
  /**
   * From the losses ℓ of the parts `[2 · N]` to their weights v, of the same shape; called once, without a graph. See `partLosses`.
   * Weights of 1 give the bits of the loss without.
   */
  readonly weigh?: (parts: Tensor) => Tensor;
}

/** The loss, one element, and, where there are weights, ℓ of the parts `[2 · N]`. */
export interface CdoLosses {
  readonly loss: Tensor;
  readonly parts?: Tensor;
}

/** Smallest d inside a weight. reference: d = 0 gave an infinite weight and a NaN loss. */
const leastDiscrepancy = 1e-12;
/** The same below a negative power whose exponent moves, and the largest weight then. */
const moving = { floor: 1e-6, most: 1000, logMost: Math.log2(1000) };

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
  return cdoLosses(teacher, student, mask, options).loss;
}

/** As `cdoLoss`, with what the weights were made from. */
export function cdoLosses(
  teacher: readonly Tensor[],
  student: readonly Tensor[],
  mask: Tensor,
  options: CdoLossOptions,
): CdoLosses {
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
  const distances = teacher.map((e, l) => {
    const a = student[l] as Tensor;
    const make = () => discrepancy(e, a, size, options.normaliseFirst);
    return options.recompute ? (recompute([e, a], () => [make()])[0] as Tensor) : make();
  });
  const { weigh } = options;
  const parts = weigh && noGrad(() => partLosses(distances, small, n));
  const shares = parts && noGrad(() => spreadParts(weigh(parts), small, n));
  const exponent = options.oom ? options.gamma : 0;
  const levels = distances.map((d) => {
    const weights = noGrad(() => signedWeights(d, small, exponent, shares));
    return levelLoss(d, weights, n);
  });
  const loss = levels.reduce((a, b) => add(a, b));
  return parts ? { loss, parts } : { loss };
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

function levelLoss(d: Tensor, weights: Tensor, batch: number): Tensor {
  const total = noGrad(() => sum(map("cdo total", { f: "abs(x)" }, { x: weights })));
  return div(mul(sum(mul(weights, d)), batch), total);
}

/** v·wn on normal pixels, −v·wa on abnormal ones. */
function signedWeights(
  d: Tensor,
  mask: Tensor,
  gamma: number | Tensor,
  shares: Tensor | undefined,
): Tensor {
  const signed = gamma === 0 ? signs(mask) : oomWeights(d, mask, gamma, shares);
  return shares ? mul(signed, shares) : signed;
}

function signs(m: Tensor): Tensor {
  return map("cdo weights", { f: "select(T(-1), T(1), m == T(0))" }, { m });
}

function oomWeights(
  d: Tensor,
  mask: Tensor,
  gamma: number | Tensor,
  shares: Tensor | undefined,
): Tensor {
  const normal = map("cdo normal", { f: "select(T(0), T(1), m == T(0))" }, { m: mask });
  const least = leastDiscrepancy;
  const meanOver = (pixels: Tensor) => {
    const where = shares ? mul(pixels, shares) : pixels;
    const args = { s: sum(mul(where, d)), c: sum(where) };
    return map("cdo mean", { f: "max(s / max(c, T(p.least)), T(p.least))" }, args, { least });
  };
  const mn = meanOver(normal);
  const ma = meanOver(sub(1, normal));
  if (typeof gamma !== "number") return movingWeights({ d, m: mask, mn, ma }, gamma);
  const f = `select(-pow_(ma / max(d, T(p.least)), T(p.gamma)), pow_(max(d, T(p.least)) / mn, T(p.gamma)), m == T(0))`;
  return map("cdo weights", { f }, { d, m: mask, mn, ma }, { gamma, least });
}

/** The same with exponents that are read on the GPU. */
function movingWeights(args: Readonly<Record<"d" | "m" | "mn" | "ma", Tensor>>, gamma: Tensor) {
  if (gamma.size !== 1 && gamma.size !== 2) {
    throw new LoupeError("shape", `cdoLoss: gamma must be [1] or [2], got ${gamma}`);
  }
  const all = reshape(gamma, [gamma.size]);
  const [gn, ga] = [slice(all, 0, 0, 1), slice(all, 0, gamma.size - 1)];
  // d below a negative power: of normal pixels where γ < 0, of abnormal ones where γ > 0
  const ln = "select(T(p.least), T(p.floor), gn < T(0))";
  const la = "select(T(p.least), T(p.floor), ga > T(0))";
  const capped = (base: string, g: string) =>
    `select(pow_(${base}, ${g}), T(p.most), ${g} * log2(${base}) > T(p.logMost))`;
  const [rn, ra] = [`max(d, ${ln}) / max(mn, ${ln})`, `max(ma, ${la}) / max(d, ${la})`];
  const f = `select(-${capped(ra, "ga")}, ${capped(rn, "gn")}, m == T(0))`;
  const params = { least: leastDiscrepancy, ...moving };
  return map("cdo weights", { f }, { ...args, gn, ga }, params);
}
