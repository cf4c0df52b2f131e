/**
 * Numbers in memory and in registers. Kernels compute in f32; a buffer of theirs may hold halves, which are widened where they are
 * read, `T(x_[i])`, and rounded where they are written, `S(value)`: past 65,504 to infinity, and NaN stays NaN.
 */
import type { Float } from "./caps.ts";

/** The type in a buffer of what a thread computes with as `type`, which is f32 or a vector of it. */
export function storedType(type: string, dtype: Float = "f32"): string {
  return dtype === "f32" ? type : type.replace("f32", dtype);
}

/** Names for both: `T` in registers, `S` in memory. */
export function storedHead(type: string, dtype: Float = "f32"): string {
  return `alias T = ${type};\nalias S = ${storedType(type, dtype)};`;
}
