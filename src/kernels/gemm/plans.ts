/**
 * The ways to compute a product of matrices and the three products of a convolution. The first plan of a list is good without
 * measuring; the last is the plain one that others are checked against. On a software adapter workgroup memory costs as much as
 * any other and barriers are slow, so tiles are for GPUs. Matrix units, where there are any, come first; they need f16 operands.
 */
import type { Caps, Plan } from "../caps.ts";
import {
  type MatrixPlan,
  matrixConvPlans,
  matrixInputGradPlans,
  matrixMatmulPlans,
  matrixWeightGradPlans,
} from "../matrix/plans.ts";
import type { ConvShape } from "./conv-shape.ts";
import { type DepthwisePlan, depthwisePlans } from "./depthwise.ts";
import type { MatmulShape } from "./matmul-shape.ts";
import { type ProductSize, type TiledPlan, tiledPlans } from "./tile-plans.ts";
import { suitsWinograd, type WinogradPlan } from "./winograd.ts";
import { allF32, type ProductTypes } from "./write.ts";

/** Straight from memory: a thread owns rows, its workgroup shares a small tile of the other operand. */
export interface DirectPlan extends Plan {
  readonly kind: "direct";
  /** The shared tile is loaded by eight neighbours together and handed round. */
  readonly subgroups: boolean;
}

export type MatmulPlan = DirectPlan | TiledPlan | MatrixPlan;

/** A 1×1 convolution is a product of matrices as it stands. */
export interface PointwisePlan extends Plan {
  readonly kind: "pointwise";
  readonly product: DirectPlan | TiledPlan;
}

export type ConvPlan =
  | DirectPlan
  | TiledPlan
  | WinogradPlan
  | PointwisePlan
  | DepthwisePlan
  | MatrixPlan;
export type InputGradPlan = ConvPlan;
export type WeightGradPlan = ConvPlan;

const plain: DirectPlan = { name: "plain", kind: "direct", subgroups: false };
const handed: DirectPlan = { name: "handed", kind: "direct", subgroups: true };

function productPlans(size: ProductSize, caps: Caps): readonly (DirectPlan | TiledPlan)[] {
  const direct = caps.subgroups ? [handed, plain] : [plain];
  return caps.software ? direct : [...tiledPlans(size, caps), ...direct];
}

/** A convolution as a product. */
interface Role {
  readonly size: ProductSize;
  /** The products of Winograd's way with tiles of 4×4. */
  readonly tiles: ProductSize;
}

/** Winograd's way comes first where it was faster on lavapipe, and so much that a step soon pays for compiling four more shaders. */
function convolutionPlans(s: ConvShape, caps: Caps, { size, tiles }: Role) {
  const products = productPlans(size, caps);
  const special = [...depthwisePlans(s, caps), ...pointwisePlans(s, products)];
  const tiled = winogradPlans(s, productPlans(tiles, caps), caps);
  const large = Math.min(s.oh, s.ow) >= 8 && s.n * s.oh * s.ow >= 8192;
  const first = tiled.length > 0 && caps.software && large;
  const [best, rest] = [products.slice(0, -1), products.slice(-1)];
  return first ? [...tiled, ...products] : [...special, ...best, ...tiled, ...rest];
}

function winogradPlans(
  s: ConvShape,
  products: readonly (DirectPlan | TiledPlan)[],
  caps: Caps,
): WinogradPlan[] {
  const [product] = products;
  if (!suitsWinograd(s) || !product) return [];
  const workspace = caps.software ? 2 ** 22 : 2 ** 27;
  return ([4, 2] as const).map((side) => {
    const name = `winograd${side}x${side}`;
    const lanes = caps.software ? 1 : 4;
    return { name, kind: "winograd", side, rounding: 2 * side, lanes, product, workspace };
  });
}

function pointwisePlans(
  s: ConvShape,
  products: readonly (DirectPlan | TiledPlan)[],
): PointwisePlan[] {
  const oneTap = s.kh * s.kw === 1 && s.groups === 1 && s.padTop + s.padLeft === 0;
  const everyPixel = s.strideH * s.strideW === 1 && s.oh === s.h && s.ow === s.w;
  if (!oneTap || !everyPixel) return [];
  return products.map((product) => {
    return { name: `pointwise-${product.name}`, kind: "pointwise", product };
  });
}

/** Plans of a convolution. */
export function convPlans(
  s: ConvShape,
  caps: Caps,
  types: ProductTypes = allF32,
): readonly ConvPlan[] {
  const tiles = { m: (s.n * s.oh * s.ow) / 16, n: s.k, batches: 36, depth: s.c };
  const others = convolutionPlans(s, caps, { size: convSize(s), tiles });
  return [...matrixConvPlans(s, types, caps), ...others];
}

/** Plans of the gradient of a convolution's input. */
export function inputGradPlans(
  s: ConvShape,
  caps: Caps,
  types: ProductTypes = allF32,
): readonly InputGradPlan[] {
  const tiles = { m: (s.n * s.h * s.w) / 16, n: s.c, batches: 36, depth: s.k };
  const others = convolutionPlans(s, caps, { size: inputGradSize(s), tiles });
  return [...matrixInputGradPlans(s, types, caps), ...others];
}

/** Plans of the gradient of a convolution's weight. */
export function weightGradPlans(
  s: ConvShape,
  caps: Caps,
  types: ProductTypes = allF32,
): readonly WeightGradPlan[] {
  const tiles = { m: s.c, n: s.k, batches: 36, depth: (s.n * s.oh * s.ow) / 16 };
  const plans = convolutionPlans(s, caps, { size: weightGradSize(s), tiles });
  // a product of matrices sums over all pixels in one go, unless tiles split it
  const others = plans.filter((p) => p.kind !== "pointwise" || p.product.kind === "tiled");
  return [...matrixWeightGradPlans(s, types, caps), ...others];
}

/** Plans of a product of matrices. */
export function matmulPlans(
  s: MatmulShape,
  caps: Caps,
  types: ProductTypes = allF32,
): readonly MatmulPlan[] {
  const others = productPlans({ m: s.m, n: s.n, batches: s.batch, depth: s.k }, caps);
  return [...matrixMatmulPlans(s, types, caps), ...others];
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
