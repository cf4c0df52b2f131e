/**
 * The cosine of the rows of two tensors `[outer, n, inner]`: s = a·b / (A·B) with A = max(‖a‖, ε), B = max(‖b‖, ε), and
 *
 *   da = ds · (b / (A·B) − s · a / A²)
 *
 * and likewise db. A is no constant below ε either: PyTorch 1.13 clamps it in place, and takes a / A for d‖a‖ / da.
 */
import { type RowPass, type RowShape, rowsKernel } from "./rows.ts";
import type { KernelSpec } from "./spec.ts";
import type { PairTypes } from "./unit-distance.ts";

const lengths: RowPass = {
  folds: { aa: ["sum", "a * a"], bb: ["sum", "b * b"], ab: ["sum", "a * b"] },
  after: `let sizeA = max(sqrt(aa), p.eps);
let sizeB = max(sqrt(bb), p.eps);
let cosine = ab / sizeA / sizeB;`,
};

/** s `[outer, inner]`. */
export function cosineSimilarityKernel(
  shape: RowShape,
  eps: number,
  stored: PairTypes,
): KernelSpec {
  return rowsKernel({
    name: "cosineSimilarity",
    shape,
    inputs: { a: "element", b: "element" },
    passes: [lengths],
    once: { s: "cosine" },
    params: { eps },
    stored: { ...stored },
  });
}

/** The gradients that are wanted, a's before b's. */
export function cosineSimilarityGradKernel(
  shape: RowShape,
  eps: number,
  wanted: { readonly a: boolean; readonly b: boolean },
  { a, b }: PairTypes,
): KernelSpec {
  const own = (name: "a" | "b") =>
    `let across${name} = g / sizeA / sizeB;
let along${name} = g * cosine / size${name.toUpperCase()} / size${name.toUpperCase()};`;
  return rowsKernel({
    name: "cosineSimilarity gradient",
    shape,
    inputs: { a: "element", b: "element", g: "row" },
    passes: [
      {
        ...lengths,
        after: [lengths.after, wanted.a ? own("a") : "", wanted.b ? own("b") : ""].join("\n"),
      },
    ],
    each: {
      ...(wanted.a && { da: "b * acrossa - a * alonga" }),
      ...(wanted.b && { db: "a * acrossb - b * alongb" }),
    },
    params: { eps },
    stored: { a, b, da: a, db: b },
  });
}
