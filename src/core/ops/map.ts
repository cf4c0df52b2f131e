/**
 * Point-wise ops with their derivatives, all through one kernel: an op is a WGSL expression over named arguments, and per
 * argument an expression for its gradient, in which `g` is the gradient of the output and `y` the output itself.
 *
 * Arguments broadcast as in NumPy; f16 with f32 gives f32. A gradient is summed back to the shape of its argument.
 */
import { LoupeError } from "../../error.ts";
import { type DType, type PointwiseArg, pointwiseKernel } from "../../kernels/index.ts";
import { carriesGrad, track } from "../autograd.ts";
import { deviceOf, launch, show } from "../launch.ts";
import type { Shape, Tensor } from "../tensor.ts";
import { sumTo } from "./sum-to.ts";

/** A tensor or a plain number. */
export type Operand = Tensor | number;

/** One row of the table of point-wise ops. */
export interface PointwiseRow {
  /** y as a WGSL expression over the arguments and `p.<parameter>`. */
  readonly f: string;
  /** Per argument: its gradient over the arguments, `y` and `g`. Arguments left out have none. */
  readonly d?: Readonly<Record<string, string>>;
  /** Type of the result; default: that of the arguments. */
  readonly dtype?: DType;
}

/** The shape two shapes broadcast to. */
export function broadcastShapes(op: string, shapes: readonly Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, i) => {
    const sizes = shapes.map((s) => s[s.length - rank + i] ?? 1);
    const size = sizes.find((n) => n !== 1) ?? 1;
    if (sizes.every((n) => n === 1 || n === size)) return size;
    throw new LoupeError(
      "shape",
      `${op}: shapes ${shapes.map(show).join(" and ")} do not broadcast`,
    );
  });
}

/**
 * Applies a row of the table, or an expression of your own.
 * @example map("hypot", { f: "sqrt(a * a + b * b)", d: { a: "g * a / y", b: "g * b / y" } }, { a, b })
 */
export function map(
  op: string,
  row: PointwiseRow,
  args: Readonly<Record<string, Operand>>,
  params: Readonly<Record<string, number>> = {},
): Tensor {
  const tensors = Object.values(args).filter((v): v is Tensor => typeof v !== "number");
  deviceOf(op, tensors);
  const dtype = commonType(op, tensors);
  const shape = broadcastShapes(
    op,
    tensors.map((t) => t.shape),
  );
  const y = evaluate(op, row.f, args, shape, row.dtype ?? dtype, params);
  const d = row.d;
  if (!d) return y;
  const named = Object.entries(args).filter((e): e is [string, Tensor] => typeof e[1] !== "number");
  return track(op, y, tensors, (g) =>
    named.map(([name, tensor]) => {
      const expression = d[name];
      if (!expression || !carriesGrad(tensor)) return undefined;
      if (expression === "g") return sumTo(g, tensor.shape, tensor);
      const whole = tensor.size === y.size;
      const type = whole ? tensor.dtype : "f32"; // summed before it is rounded
      const full = evaluate(`${op} gradient`, expression, { ...args, y, g }, shape, type, params);
      return sumTo(full, tensor.shape, tensor);
    }),
  );
}

/** The dtype of all, f32 where f16 meets it. */
function commonType(op: string, tensors: readonly Tensor[]): DType {
  const types = [...new Set(tensors.map((t) => t.dtype))] as [DType, ...DType[]];
  if (types.length === 1) return types[0];
  if (types.every((type) => type === "f16" || type === "f32")) return "f32";
  const text = tensors.map((t) => t.dtype).join(" and ");
  throw new LoupeError("shape", `${op}: mixes ${text}; cast first`);
}

function evaluate(
  name: string,
  expression: string,
  values: Readonly<Record<string, Operand>>,
  shape: readonly number[],
  dtype: DType,
  params: Readonly<Record<string, number>>,
): Tensor {
  const used = Object.entries(values).filter(([key]) =>
    new RegExp(`\\b${key}\\b`).test(expression),
  );
  const args = used.map(
    ([key, v]): PointwiseArg =>
      typeof v === "number"
        ? { name: key, value: v }
        : { name: key, dtype: v.dtype, shape: v.shape },
  );
  const tensors = used.map(([, v]) => v).filter((v): v is Tensor => typeof v !== "number");
  const all = Object.values(values).filter((v): v is Tensor => typeof v !== "number");
  const source = all[0] as Tensor;
  const y = source.device.empty(shape, dtype);
  if (y.size === 0) return y;
  const integer = source.dtype === "i32" || source.dtype === "u32";
  const compute = integer ? (source.dtype as "i32" | "u32") : "f32";
  launch(pointwiseKernel({ name, expression, args, shape, dtype, compute, params }), tensors, [y]);
  return y;
}
