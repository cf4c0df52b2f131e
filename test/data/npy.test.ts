import { expect, test } from "vitest";
import { readNpy, writeNpy } from "../../src/data/npy.ts";
import { LoupeError } from "../../src/error.ts";
import { fixture } from "./pixels.ts";

const files = fixture<Record<string, string>>("npy");
const bytesOf = (name: string) => new Uint8Array(Buffer.from(files[name]!, "base64"));
const message = (bytes: Uint8Array) => {
  try {
    readNpy(bytes, "a.npy");
  } catch (error) {
    expect(error).toBeInstanceOf(LoupeError);
    return (error as LoupeError).message;
  }
  throw new Error("it was read");
};

test.each([
  ["f4", "float32", [0, 0.25, 0.5, 0.75, 1, 1.25]],
  ["f8", "float64", [0, 1 / 3, 2 / 3, 1, 4 / 3, 5 / 3]],
  ["u1", "uint8", [0, 1, 2, 3, 4, 5]],
  ["b1", "bool", [1, 0, 1, 0, 1, 0]],
  ["v2", "float32", [0, 1, 2, 3, 4, 5]],
  ["v3", "float32", [0, 1, 2, 3, 4, 5]],
])("NumPy's file of type %s is read", (name, dtype, values) => {
  const array = readNpy(bytesOf(name));
  expect([array.dtype, array.shape, [...array.data]]).toEqual([dtype, [2, 3], values]);
});

test("scalars and vectors have their shapes", () => {
  expect(readNpy(bytesOf("scalar"))).toEqual({
    dtype: "float32",
    shape: [],
    data: Float32Array.of(2.5),
  });
  expect(readNpy(bytesOf("vector")).shape).toEqual([3]);
});

test("what can't be read says what it is and what to do", () => {
  expect(message(bytesOf("fortran"))).toBe(
    "npy: a.npy: Fortran order; save numpy.ascontiguousarray(array) instead",
  );
  expect(message(bytesOf("i8"))).toBe(
    "npy: a.npy: element type <i8; float32, float64, uint8 and bool (little-endian) are read, convert it with .astype(numpy.float32)",
  );
  expect(message(bytesOf("big"))).toContain("element type >f4");
  expect(message(bytesOf("object"))).toContain("element type |O");
  expect(message(bytesOf("record"))).toContain("the header can't be read: {'descr': [('x'");
  expect(message(Buffer.from("hello"))).toBe("npy: a.npy: it is not a .npy file");
  expect(message(bytesOf("f4").slice(0, 20))).toContain("does not fit into the file");
});

test("data that is shorter or longer than the shape says is refused", () => {
  const whole = bytesOf("f4");
  expect(message(whole.subarray(0, whole.length - 1))).toBe(
    "npy: a.npy: shape [2,3] of float32 needs 24 bytes of data, the file has 23",
  );
  expect(message(Buffer.concat([whole, Buffer.alloc(4)]))).toContain("the file has 28");
});

/** The header text inside a file of format 1. */
function withHeader(text: string): Uint8Array {
  const head = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 0, 0]);
  head.writeUInt16LE(text.length, 8);
  return Buffer.concat([head, Buffer.from(text, "latin1")]);
}

test.each([
  "{'descr': '<f4', 'fortran_order': False, 'shape': (1e9,), }",
  "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
  "{'descr': '<f4', 'fortran_order': False, 'shape': (3), }",
  "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }",
  "{'descr': '<f4', 'fortran_order': False, 'shape': __import__('os').system('x'), }",
  "{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': (0,), }",
  "{'descr': True, 'fortran_order': False, 'shape': (0,), }",
  "{'descr': '<f4', 'fortran_order': 0, 'shape': (0,), }",
  "{'descr': '<f4', 'shape': (0,), }",
  "{'descr': '<f4', 'fortran_order': False, 'shape': (0,), 'more': 1}",
  "{}",
])("the header %s is refused, not evaluated", (text) => {
  expect(message(withHeader(text))).toContain("the header can't be read");
});

test("a huge shape is refused before memory is taken for it", () => {
  const text = "{'descr': '<f8', 'fortran_order': False, 'shape': (100000, 100000), }";
  expect(message(withHeader(text))).toContain("needs 80000000000 bytes of data, the file has 0");
});

test("what is written is read back, and its data begins at a multiple of 64", () => {
  for (const [data, shape] of [
    [Float32Array.of(1.5, -2, Number.NaN, 4, 5, 6), [2, 3]],
    [Float64Array.of(Math.PI), []],
    [Uint8Array.of(1, 2, 3), [3]],
    [new Uint8Array(0), [0, 4]],
    [new Float32Array(24).subarray(4, 16), [2, 1, 3, 2]],
  ] as const) {
    const bytes = writeNpy(data, shape);
    expect((bytes.length - data.byteLength) % 64).toBe(0);
    const back = readNpy(bytes);
    expect([back.shape, [...back.data]]).toEqual([shape, [...data]]);
  }
  expect(readNpy(writeNpy(Uint8Array.of(0, 1), [2], "bool")).dtype).toBe("bool");
  expect(Buffer.from(writeNpy(Float32Array.of(0, 1, 2), [3])).equals(bytesOf("vector"))).toBe(true);
});

test("a shape that does not hold the data can't be written", () => {
  expect(() => writeNpy(new Float32Array(3), [2, 2])).toThrow(
    "npy: shape [2,2] does not hold 3 values",
  );
});
