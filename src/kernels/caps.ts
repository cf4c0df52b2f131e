/**
 * What a device can do, as kernels see it, and what a *plan* is: one way to compute an op, as pure data. A family of kernels
 * lists its plans for a shape, the first good without measuring; all give the same result within rounding, and each the same
 * bits twice.
 */
import type { MatrixCaps } from "./matrix/caps.ts";
import type { DType } from "./spec.ts";

/** What the adapter offers. */
export interface Caps {
  /** Values can be handed round in subgroups of at least eight threads. */
  readonly subgroups: boolean;
  /** Threads of a subgroup: fewest and most. */
  readonly subgroupSize?: readonly [least: number, most: number];
  /** Buffers may hold 16-bit floats. */
  readonly f16: boolean;
  /** Matrix units (tensor cores) that can be used. */
  readonly matrix?: MatrixCaps | undefined;
  /** Bytes of memory that a workgroup may share. */
  readonly workgroupMemory: number;
  /** Most threads of a workgroup. */
  readonly workgroupThreads: number;
  /** The "GPU" is a program on the CPU: loads are dear and barriers slow. */
  readonly software: boolean;
}

/** One way to compute an op. Fields of its own say how. */
export interface Plan {
  /** Unique among the plans of one op and shape; no spaces. */
  readonly name: string;
  /** How many times the plain plan's rounding errors it may make; default 1. */
  readonly rounding?: number;
}

/** Element types that products read and write; sums are always f32. */
export type Float = Extract<DType, "f32" | "f16">;

/** The shader's type of four neighbouring elements, or of one. */
export function elementType(dtype: Float, wide: boolean): string {
  return wide ? `vec4<${dtype}>` : dtype;
}
