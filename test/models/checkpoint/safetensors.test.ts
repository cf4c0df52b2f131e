import { expect, test } from "vitest";
import {
  type HostTensor,
  hostTensor,
  readSafetensors,
  writeSafetensors,
} from "../../../src/models/checkpoint/index.ts";
import { bitsOf, expectState, fixture, unaligned } from "./fixtures.ts";

/** A file with any header text and `size` bytes of data. */
function file(header: string, size = 0): Uint8Array {
  const text = new TextEncoder().encode(header);
  const out = new Uint8Array(8 + text.length + size);
  new DataView(out.buffer).setBigUint64(0, BigInt(text.length), true);
  out.set(text, 8);
  return out;
}
const one = (fields: string, size = 4, name = "w") => file(`{"${name}":{${fields}}}`, size);

for (const name of ["dtypes.safetensors", "plain.safetensors", "unsigned.safetensors"]) {
  test(`${name} of the Python package is read to the bit, and written back byte for byte`, () => {
    const bytes = fixture(name);
    const read = readSafetensors(bytes);
    expectState(read.tensors, name);
    expect(writeSafetensors(read.tensors, read.metadata)).toEqual(bytes);
    const shuffled = new Map([...read.tensors].reverse());
    expect(writeSafetensors(shuffled, read.metadata)).toEqual(bytes);
  });
}

test("metadata is kept, also in a file without tensors", () => {
  expect([...readSafetensors(fixture("dtypes.safetensors")).metadata]).toEqual([
    ["format", 'pt "é'],
  ]);
  const empty = readSafetensors(fixture("empty.safetensors"));
  expect(empty.tensors.size).toBe(0);
  expect(Object.fromEntries(empty.metadata)).toEqual({ a: "1", b: "2" });
  expect(readSafetensors(file("{}")).tensors.size).toBe(0);
});

test("aligned data is a view of the file; a file at an odd address still reads the same", () => {
  const bytes = fixture("dtypes.safetensors");
  expect(readSafetensors(bytes).tensors.get("f32")?.data.buffer).toBe(bytes.buffer);
  expectState(readSafetensors(unaligned(bytes)).tensors, "dtypes.safetensors");
});

test("the data begins on 8 bytes whatever the names' lengths", () => {
  for (let n = 1; n < 10; n++) {
    const tensors = new Map([["n".repeat(n), hostTensor("f64", [1], Float64Array.of(n))]]);
    const bytes = writeSafetensors(tensors);
    expect(new DataView(bytes.buffer).getUint32(0, true) % 8).toBe(0);
    expect(readSafetensors(bytes).tensors.get("n".repeat(n))?.data[0]).toBe(n);
  }
});

test("a view with an offset is written as its own elements only", () => {
  const all = Float32Array.of(1, 2, 3, 4);
  const bytes = writeSafetensors(new Map([["w", hostTensor("f32", [2], all.subarray(1, 3))]]));
  expect(bitsOf(readSafetensors(bytes).tensors.get("w") as HostTensor)).toEqual([
    0x40000000, 0x40400000,
  ]);
});

test("names like __proto__ are plain names", () => {
  const tensors = new Map([
    ["__proto__", hostTensor("u8", [1], Uint8Array.of(1))],
    ["constructor", hostTensor("u8", [1], Uint8Array.of(2))],
    ["0", hostTensor("u8", [], Uint8Array.of(3))],
  ]);
  const read = readSafetensors(writeSafetensors(tensors)).tensors;
  expect([...read].map(([k, t]) => [k, t.data[0]])).toEqual([
    ["0", 3],
    ["__proto__", 1],
    ["constructor", 2],
  ]);
});

const f32 = '"dtype":"F32","shape":[1],"data_offsets":[0,4]';
const cases: [string, Uint8Array, string][] = [
  ["a file shorter than its length field", new Uint8Array(7), "has 7 bytes, the header length"],
  ["a header beyond the file", file("{}").subarray(0, 9), "the header should have 2 bytes but 1"],
  [
    "a header of 2^63 bytes",
    Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 128, 123),
    "the header should have 9223372036854775808 bytes",
  ],
  ["a header that is not JSON", file('{"w":}'), "the header is not JSON"],
  ["a header that is a list", file("[]"), "the header does not begin with {"],
  ["a header with a byte-order mark", file("\ufeff{}"), "the header does not begin with {"],
  ["text behind the header", file("{}x"), "the header is not JSON"],
  ["a header that is not UTF-8", bad(), "the header is not UTF-8"],
  ["a key twice", file(`{"w":{${f32}},"w":{${f32}}}`, 4), 'has the key "w" twice'],
  ["a key twice, once escaped", file(`{"w":{${f32}},"\\u0077":{${f32}}}`, 4), 'the key "w" twice'],
  ["a field twice", one(`${f32},"dtype":"I32"`), 'the key "dtype" twice'],
  ["deep nesting", file(`{"w":${"[".repeat(100_000)}`), "nests deeper than 3 levels"],
  ["an unknown dtype", one('"dtype":"F8","shape":[4],"data_offsets":[0,4]'), "unknown dtype F8"],
  ["no dtype", one('"shape":[1],"data_offsets":[0,4]'), 'tensor "w" has no dtype'],
  ["a negative size", one('"dtype":"F32","shape":[-1],"data_offsets":[0,4]'), "has no shape"],
  ["a fractional size", one('"dtype":"F32","shape":[1.5],"data_offsets":[0,4]'), "has no shape"],
  ["one offset", one('"dtype":"F32","shape":[1],"data_offsets":[0]'), "has no data_offsets"],
  ["a tensor that is a string", file('{"w":"x"}'), 'tensor "w" is not described by an object'],
  [
    "metadata that is no text",
    file('{"__metadata__":{"a":1}}'),
    '__metadata__ "a" is not a string',
  ],
  ["data beyond the file", one(f32, 3), 'tensor "w" lies at bytes 0 to 4 of 3 bytes'],
  ["data after the tensors", one(f32, 5), "the tensors end at byte 4 but the data has 5"],
  [
    "a hole",
    one('"dtype":"F32","shape":[1],"data_offsets":[4,8]', 8),
    'tensor "w" leaves a hole (begins at 4, expected 0)',
  ],
  [
    "an overlap",
    file(`{"a":{${f32}},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}`, 6),
    'tensor "b" overlaps the tensor before it (begins at 2, expected 4)',
  ],
  [
    "offsets the wrong way round",
    one('"dtype":"F32","shape":[0],"data_offsets":[4,0]'),
    'tensor "w" lies at bytes 4 to 0',
  ],
  [
    "a shape that needs other bytes",
    one('"dtype":"F32","shape":[2],"data_offsets":[0,4]'),
    'tensor "w" has 4 bytes but F32 [2] needs 8',
  ],
  [
    "a shape whose product overflows",
    one('"dtype":"F32","shape":[4294967296,4294967296,0],"data_offsets":[0,0]', 0),
    "overflows the number of elements",
  ],
];

function bad(): Uint8Array {
  const bytes = file('{"w":1}');
  bytes[10] = 0xff;
  return bytes;
}

for (const [what, bytes, message] of cases) {
  test(`refuses ${what}`, () => {
    expect(() => readSafetensors(bytes)).toThrow(message);
    expect(() => readSafetensors(bytes)).toThrow(/^safetensors: /);
  });
}

test("an empty tensor between two others is fine", () => {
  const empty = '"e":{"dtype":"F32","shape":[0,3],"data_offsets":[4,4]}';
  const header = `{"a":{${f32}},"b":{"dtype":"U8","shape":[1],"data_offsets":[4,5]},${empty}}`;
  const { tensors } = readSafetensors(file(header, 5));
  expect([...tensors.keys()]).toEqual(["a", "e", "b"]);
});

test("a header over the official 100 MB is refused although the file is large enough", () => {
  const bytes = new Uint8Array(100_000_100);
  new DataView(bytes.buffer).setBigUint64(0, 100_000_001n, true);
  expect(() => readSafetensors(bytes)).toThrow(
    "safetensors: the header has 100000001 bytes, at most 100000000 are allowed",
  );
});

test("the writer refuses a reserved name and data that does not fit its shape", () => {
  const good = hostTensor("u8", [1], Uint8Array.of(1));
  expect(() => writeSafetensors(new Map([["__metadata__", good]]))).toThrow(
    "safetensors: a tensor can't be named __metadata__, the format reserves it",
  );
  const wrong = { ...good, shape: [2] } as HostTensor;
  expect(() => writeSafetensors(new Map([["w", wrong]]))).toThrow(
    'safetensors: tensor "w": shape [2] of u8 needs 2 elements',
  );
});
