/**
 * The squared distance of the unit vectors of two tensors `[outer, n, inner]`: with u = a / max(‖a‖, ε) and v likewise of b,
 *
 *   d = ‖u − v‖²,   w = 2 · dd · (u − v),   da = (w − u · (u·w)) / ‖a‖,   db = (v · (v·w) − w) / ‖b‖
 *
 * where below ε a length is a constant and its second term is left out, as in `normalize`. The difference is taken before it is
 * squared, so that small distances keep their digits, which 2 − 2 cos would lose.
 */
import type { Float } from "./caps.ts";
import { type RowPass, type RowShape, rowsKernel } from "./rows.ts";
import type { KernelSpec } from "./spec.ts";

const lengths: RowPass = {
  folds: { aa: ["sum", "a * a"], bb: ["sum", "b * b"] },
  after: `let sizeA = max(sqrt(aa), p.eps);
let sizeB = max(sqrt(bb), p.eps);`,
};
/** Element types of a and b, and so of their gradients; d is f32. */
export interface PairTypes {
  readonly a: Float;
  readonly b: Float;
}

const difference = "(a / sizeA - b / sizeB)";

/** d `[outer, inner]`. */
export function unitDistanceKernel(shape: RowShape, eps: number, stored: PairTypes): KernelSpec {
  return rowsKernel({
    name: "unitDistance",
    shape,
    inputs: { a: "element", b: "element" },
    passes: [lengths, { folds: { distance: ["sum", `${difference} * ${difference}`] } }],
    once: { d: "distance" },
    params: { eps },
    stored: { ...stored },
  });
}

/** The gradients that are wanted, a's before b's. */
export function unitDistanceGradKernel(
  shape: RowShape,
  eps: number,
  wanted: { readonly a: boolean; readonly b: boolean },
  { a, b }: PairTypes,
): KernelSpec {
  const along = (dotted: string, size: string, square: string) =>
    `select(0.0, 2.0 * g * ${dotted} / ${size} / ${size}, sqrt(${square}) >= p.eps)`;
  return rowsKernel({
    name: "unitDistance gradient",
    shape,
    inputs: { a: "element", b: "element", g: "row" },
    passes: [
      lengths,
      {
        folds: { dotA: ["sum", `a * ${difference}`], dotB: ["sum", `b * ${difference}`] },
        after: `let alongA = ${along("dotA", "sizeA", "aa")};
let alongB = ${along("dotB", "sizeB", "bb")};`,
      },
    ],
    each: {
      ...(wanted.a && { da: `(2.0 * g * ${difference} - a * alongA) / sizeA` }),
      ...(wanted.b && { db: `(b * alongB - 2.0 * g * ${difference}) / sizeB` }),
    },
    params: { eps },
    stored: { a, b, da: a, db: b },
  });
}
