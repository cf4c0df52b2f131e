/**
 * How many neighbours in memory one thread takes at once. A load of four numbers costs about as much as a load of one, so
 * the innermost size decides: a multiple of four is read in fours, an even one (18 channels) in twos.
 */

/** Neighbours per thread with the WGSL types that hold them. */
export interface Lanes {
  readonly width: 1 | 2 | 4;
  /** `f32`, `vec2<f32>` or `vec4<f32>`. */
  readonly type: string;
  /** The same width of `u32`. */
  readonly index: string;
}

/** The widest lanes that divide every one of the sizes. */
export function lanesOf(...sizes: readonly number[]): Lanes {
  const width = ([4, 2] as const).find((w) => sizes.every((n) => n % w === 0)) ?? 1;
  if (width === 1) return { width, type: "f32", index: "u32" };
  return { width, type: `vec${width}<f32>`, index: `vec${width}<u32>` };
}

/** One number out of the lanes of `value`: their sum, or their maximum. */
export function across(fold: "sum" | "max", value: string, { width }: Lanes): string {
  if (width === 1) return value;
  const parts = ["x", "y", "z", "w"].slice(0, width).map((lane) => `${value}.${lane}`);
  if (fold === "sum") return `(${parts.join(" + ")})`;
  return parts.reduce((a, b) => `max(${a}, ${b})`);
}
