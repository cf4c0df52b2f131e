/** How the engine runs each stored op: the same table for Node and browser. */

import type { Conv2dOptions, Operand, Tensor } from "../../src/core/index.ts";
import * as core from "../../src/core/index.ts";
import type { Apply } from "./check-case.ts";

const unary =
  "silu neg exp log sqrt rsqrt abs sign square reciprocal relu sigmoid gelu tanh sin cos erf floor round";
const binary = "add sub mul div pow maximum minimum eq ne lt le gt ge";
type UnaryName = "exp";
type BinaryName = "add";

function pointwise(): Record<string, Apply> {
  const ops: Record<string, Apply> = {};
  for (const name of unary.split(" ")) ops[name] = ([x]) => core[name as UnaryName](x as Tensor);
  for (const name of binary.split(" ")) {
    ops[name] = ([a, b]) => core[name as BinaryName](a as Operand, b as Operand);
  }
  ops.leakyRelu = ([x], o) => core.leakyRelu(x as Tensor, o.negativeSlope as number);
  ops.softplus = ([x], o) => core.softplus(x as Tensor, o.beta as number, o.threshold as number);
  ops.clamp = ([x], o) => core.clamp(x as Tensor, given(o.min), given(o.max));
  ops.where = ([c, a, b]) => core.where(c as Tensor, a as Operand, b as Operand);
  return ops;
}

/** PyTorch's None is null in JSON and left out here. */
function given<T>(value: unknown): T | undefined {
  return (value as T | null) ?? undefined;
}

type Fold = (x: Tensor, axes?: number[], keepDim?: boolean) => Tensor;
const fold =
  (op: Fold): Apply =>
  ([x], o) =>
    op(x as Tensor, given(o.axes), o.keepdim as boolean);
const spread =
  (op: typeof core.variance): Apply =>
  ([x], o) =>
    op(x as Tensor, given(o.axes), {
      correction: o.unbiased ? 1 : 0,
      keepDim: o.keepdim as boolean,
    });

/** Family, then op. */
export const opTable: Readonly<Record<string, Readonly<Record<string, Apply>>>> = {
  pointwise: pointwise(),
  reduction: {
    sum: fold(core.sum),
    mean: fold(core.mean),
    max: fold(core.max),
    min: fold(core.min),
    var: spread(core.variance),
    std: spread(core.std),
    norm: ([x], o) => {
      const order = given<1 | 2>(o.p) ?? 2;
      return core.norm(x as Tensor, given(o.axes), { order, keepDim: o.keepdim as boolean });
    },
  },
  matmul: { matmul: ([a, b], o) => core.matmul(a as Tensor, b as Tensor, o) },
  conv2d: {
    conv2d: ([x, w, b], o) =>
      core.conv2d(x as Tensor, w as Tensor, b as Tensor | undefined, o as Conv2dOptions),
  },
  shape: {
    permute: ([x], o) => core.permute(x as Tensor, o.axes as number[]),
    slice: ([x], o) => {
      const { start, end, step } = o as { start: number[]; end: number[]; step?: number[] };
      const cut = (t: Tensor, s: number, axis: number) =>
        core.slice(t, axis, s, end[axis], step?.[axis] ?? 1);
      return start.reduce(cut, x as Tensor);
    },
    concat: (tensors, o) => core.concat(tensors as Tensor[], o.axis as number),
  },
};
