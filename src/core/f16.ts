/** IEEE half precision on the host: round to nearest even, subnormals, infinities and NaN kept. */

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** Half-precision bits of each number. */
export function toF16(values: ArrayLike<number>): Uint16Array<ArrayBuffer> {
  return Uint16Array.from(values, half);
}

function half(value: number): number {
  f32[0] = value;
  const bits = u32[0] as number;
  const sign = (bits >>> 16) & 0x8000;
  const rest = bits & 0x7fffffff;
  if (rest >= 0x7f800000) return sign | (rest > 0x7f800000 ? 0x7e00 : 0x7c00);
  if (rest >= 0x477ff000) return sign | 0x7c00; // rounds past 65504
  if (rest >= 0x38800000) return sign | ((rest - 0x38000000 + 0xfff + ((rest >>> 13) & 1)) >>> 13);
  if (rest < 0x33000000) return sign;
  const shift = 126 - (rest >>> 23); // subnormal half: mantissa in steps of 2^-24
  const mantissa = (rest & 0x7fffff) | 0x800000;
  const down = mantissa >>> shift;
  const lost = mantissa & ((1 << shift) - 1);
  const halfway = 1 << (shift - 1);
  return sign | (down + (lost > halfway || (lost === halfway && (down & 1) === 1) ? 1 : 0));
}

/** The numbers behind half-precision bits. */
export function fromF16(bits: Uint16Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(bits, (h) => {
    const sign = h & 0x8000 ? -1 : 1;
    const exponent = (h >>> 10) & 31;
    const fraction = h & 1023;
    if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
  });
}
