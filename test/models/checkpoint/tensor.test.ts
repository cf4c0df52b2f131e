import { expect, test } from "vitest";
import { hostTensor, numel, toFloat32 } from "../../../src/models/checkpoint/index.ts";

const f32 = (bits: number) => new Float32Array(new Uint32Array([bits]).buffer)[0];

test("every half-precision number widens to the f32 that equals it", () => {
  const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const wide = toFloat32(hostTensor("f16", [65536], bits));
  for (let h = 0; h < 65536; h++) {
    const exponent = (h >> 10) & 31;
    const mantissa = h & 1023;
    const sign = h & 0x8000 ? -1 : 1;
    if (exponent === 31 && mantissa > 0) expect(wide[h]).toBeNaN();
    else if (exponent === 31) expect(wide[h]).toBe(sign * Number.POSITIVE_INFINITY);
    else if (exponent === 0) expect(wide[h]).toBe(sign * mantissa * 2 ** -24);
    else expect(wide[h]).toBe(sign * (1024 + mantissa) * 2 ** (exponent - 25));
  }
});

test("every bfloat16 number is the upper half of its f32", () => {
  const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const wide = toFloat32(hostTensor("bf16", [65536], bits));
  for (let h = 0; h < 65536; h += 7) expect(wide[h]).toEqual(f32(h * 65536));
});

test("f64 rounds to nearest even and overflows to infinity", () => {
  const data = Float64Array.of(0.1, 1 + 2 ** -24, 1 + 3 * 2 ** -24, 1e300, -1e-320);
  const narrow = toFloat32(hostTensor("f64", [5], data));
  expect([...narrow]).toEqual([Math.fround(0.1), 1, 1 + 2 ** -22, Number.POSITIVE_INFINITY, -0]);
});

test("64-bit integers round once, not first to a double", () => {
  // 2^60 + 2^36 + 1: above the midpoint of two f32, but a double drops the 1 and then ties to even.
  const data = BigInt64Array.of((1n << 60n) + (1n << 36n) + 1n, -(1n << 63n), 16777217n, -3n);
  expect([...toFloat32(hostTensor("i64", [4], data))]).toEqual([
    2 ** 60 + 2 ** 37,
    -(2 ** 63),
    16777216,
    -3,
  ]);
  const unsigned = BigUint64Array.of((1n << 64n) - 1n, 0n);
  expect([...toFloat32(hostTensor("u64", [2], unsigned))]).toEqual([2 ** 64, 0]);
});

test("small integers and booleans keep their value, and f32 is not copied", () => {
  expect([...toFloat32(hostTensor("u8", [2], Uint8Array.of(0, 255)))]).toEqual([0, 255]);
  expect([...toFloat32(hostTensor("bool", [3], Uint8Array.of(0, 1, 7)))]).toEqual([0, 1, 1]);
  const data = Float32Array.of(1, 2);
  expect(toFloat32(hostTensor("f32", [2], data))).toBe(data);
});

test("a tensor whose data does not fit its shape or dtype is refused with both", () => {
  expect(() => hostTensor("f32", [2, 3], new Float32Array(5), "conv1.weight")).toThrow(
    "conv1.weight: shape [2, 3] of f32 needs 6 elements but the data is Float32Array of 5",
  );
  expect(() => hostTensor("f16", [2], new Float32Array(2))).toThrow(
    "tensor: shape [2] of f16 needs 2 elements but the data is Float32Array of 2",
  );
});

test("a scalar has one element, an empty shape none, and a product that overflows is refused", () => {
  expect(numel([])).toBe(1);
  expect(numel([0, 5])).toBe(0);
  expect(() => numel([2 ** 30, 2 ** 30])).toThrow("overflows the number of elements");
  expect(() => numel([-1])).toThrow("tensor: sizes must be non-negative integers ([-1])");
});
