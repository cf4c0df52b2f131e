/**
 * The ways to compute a product of matrices and the three products of a convolution. The first plan of a list is good without
 * measuring; the last is the plain one that others are checked against. On a software adapter workgroup memory costs as much as
 * any other and barriers are slow, so tiles are for GPUs.
 */
import type { Caps, Plan } from "../caps.ts";
import type { ConvShape } from "./conv-shape.ts";
import type { MatmulShape } from "./matmul-shape.ts";
import { type ProductSize, type TiledPlan, tiledPlans } from "./tile-plans.ts";

/** Straight from memory: a thread owns rows, its workgroup shares a small tile of the other operand. */
export interface DirectPlan extends Plan {
  readonly kind: "direct";
  /** The shared tile is loaded by eight neighbours together and handed round. */
  readonly subgroups: boolean;
}

export type ConvPlan = DirectPlan | TiledPlan;
export type InputGradPlan = DirectPlan | TiledPlan;
export type WeightGradPlan = DirectPlan | TiledPlan;
export type MatmulPlan = DirectPlan | TiledPlan;

const plain: DirectPlan = { name: "plain", kind: "direct", subgroups: false };
const handed: DirectPlan = { name: "handed", kind: "direct", subgroups: true };

function productPlans(size: ProductSize, caps: Caps): readonly (DirectPlan | TiledPlan)[] {
  const direct = caps.subgroups ? [handed, plain] : [plain];
  return caps.software ? direct : [...tiledPlans(size, caps), ...direct];
}

/** Plans of a convolution. */
export function convPlans(s: ConvShape, caps: Caps): readonly ConvPlan[] {
  return productPlans(convSize(s), caps);
}

/** Plans of the gradient of a convolution's input. */
export function inputGradPlans(s: ConvShape, caps: Caps): readonly InputGradPlan[] {
  return productPlans(inputGradSize(s), caps);
}

/** Plans of the gradient of a convolution's weight. */
export function weightGradPlans(s: ConvShape, caps: Caps): readonly WeightGradPlan[] {
  return productPlans(weightGradSize(s), caps);
}

/** Plans of a product of matrices. */
export function matmulPlans(s: MatmulShape, caps: Caps): readonly MatmulPlan[] {
  return productPlans({ m: s.m, n: s.n, batches: s.batch, depth: s.k }, caps);
}

/** The convolution as a product: output pixels × channels, over taps and channels. */
export function convSize(s: ConvShape): ProductSize {
  const depth = s.kh * s.kw * (s.c / s.groups);
  return { m: s.n * s.oh * s.ow, n: s.k / s.groups, batches: s.groups, depth };
}

/** The input gradient as products, one for each stride phase. */
export function inputGradSize(s: ConvShape): ProductSize {
  const phases = s.strideH * s.strideW;
  const m = s.n * Math.ceil(s.h / s.strideH) * Math.ceil(s.w / s.strideW);
  const depth = Math.ceil((s.kh * s.kw) / phases) * (s.k / s.groups);
  return { m, n: s.c / s.groups, batches: s.groups * phases, depth };
}

/** The weight gradient as a product: taps and channels × channels, over output pixels. */
export function weightGradSize(s: ConvShape): ProductSize {
  const m = s.kh * s.kw * (s.c / s.groups);
  return { m, n: s.k / s.groups, batches: s.groups, depth: s.n * s.oh * s.ow };
}
