/**
 * The ways to compute a product of matrices and the three products of a convolution. The first plan of a list is good without
 * measuring; the last is the plain one that others are checked against.
 */
import type { Caps, Plan } from "../caps.ts";
import type { ConvShape } from "./conv-shape.ts";
import type { MatmulShape } from "./direct-matmul.ts";

/** Straight from memory: a thread owns rows, its workgroup shares a small tile of the other operand. */
export interface DirectPlan extends Plan {
  readonly kind: "direct";
  /** The shared tile is loaded by eight neighbours together and handed round. */
  readonly subgroups: boolean;
}

export type ConvPlan = DirectPlan;
export type InputGradPlan = DirectPlan;
export type WeightGradPlan = DirectPlan;
export type MatmulPlan = DirectPlan;

const plain: DirectPlan = { name: "plain", kind: "direct", subgroups: false };
const handed: DirectPlan = { name: "handed", kind: "direct", subgroups: true };

function direct({ subgroups }: Caps): readonly DirectPlan[] {
  return subgroups ? [handed, plain] : [plain];
}

/** Plans of a convolution. */
export function convPlans(_: ConvShape, caps: Caps): readonly ConvPlan[] {
  return direct(caps);
}

/** Plans of the gradient of a convolution's input. */
export function inputGradPlans(_: ConvShape, caps: Caps): readonly InputGradPlan[] {
  return direct(caps);
}

/** Plans of the gradient of a convolution's weight. */
export function weightGradPlans(_: ConvShape, caps: Caps): readonly WeightGradPlan[] {
  return direct(caps);
}

/** Plans of a product of matrices. */
export function matmulPlans(_: MatmulShape, caps: Caps): readonly MatmulPlan[] {
  return direct(caps);
}
