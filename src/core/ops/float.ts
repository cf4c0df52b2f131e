/** Which tensors may be operands of a product. */
import { LoupeError } from "../../error.ts";
import type { Float } from "../../kernels/index.ts";
import type { Tensor } from "../tensor.ts";

/** The type of a tensor of floats; throws for whole numbers. */
export function floatOf(tensor: Tensor, op = "launch"): Float {
  if (tensor.dtype === "f32" || tensor.dtype === "f16") return tensor.dtype;
  throw new LoupeError("shape", `${op}: needs f32 or f16, got ${tensor}`);
}

/** The one type of all of an op's operands. */
export function requireOneFloat(op: string, ...tensors: readonly Tensor[]): Float {
  const types = tensors.map((t) => floatOf(t, op));
  const [first] = types;
  if (first && types.every((t) => t === first)) return first;
  throw new LoupeError(
    "shape",
    `${op}: operands must have one type, got ${tensors.join(" and ")}; cast one of them`,
  );
}
