/** Which ops serve half precision: storage of 16 or 32 bits, arithmetic always in f32. */
import { LoupeError } from "../../error.ts";
import type { Float, PairTypes } from "../../kernels/index.ts";
import type { Tensor } from "../tensor.ts";

/** The type of a tensor of floats; throws for whole numbers. */
export function floatOf(tensor: Tensor, op = "launch"): Float {
  if (tensor.dtype === "f32" || tensor.dtype === "f16") return tensor.dtype;
  throw new LoupeError("shape", `${op}: needs f32 or f16, got ${tensor}`);
}

/** Throws unless every tensor holds floats. */
export function requireFloat(op: string, ...tensors: readonly Tensor[]): void {
  for (const tensor of tensors) floatOf(tensor, op);
}

/** The types of two operands, each its own. */
export function pairTypes(op: string, a: Tensor, b: Tensor): PairTypes {
  return { a: floatOf(a, op), b: floatOf(b, op) };
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
