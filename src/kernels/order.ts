/**
 * A total order of elements as unsigned bits. Shaders may assume that there is no NaN, so comparisons that must treat it
 * properly work on the bits: −0 equals 0, NaN is greater than everything, as PyTorch sorts.
 */

/** Types with an order; their buffers are bound as `u32`. */
export type OrderedType = "f32" | "i32" | "u32";

/** WGSL of `fn orderKey(bits: u32) -> u32`, ascending with the value. */
export function orderKey(dtype: OrderedType): string {
  if (dtype === "u32") return "fn orderKey(bits: u32) -> u32 { return bits; }";
  if (dtype === "i32") return "fn orderKey(bits: u32) -> u32 { return bits ^ 0x80000000u; }";
  return `fn orderKey(bits: u32) -> u32 {
  let size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) { return 0xffffffffu; }
  if (size == 0u) { return 0x80000000u; }
  return select(bits | 0x80000000u, ~bits, bits > 0x80000000u);
}`;
}
