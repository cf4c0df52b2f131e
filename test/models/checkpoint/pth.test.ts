import { expect, test } from "vitest";
import { readCheckpoint } from "../../../src/models/checkpoint/index.ts";
import { expectState, fixture, unaligned } from "./fixtures.ts";
import {
  bytesOf,
  dict,
  floats,
  int,
  le,
  legacyPth,
  pickle,
  storage,
  tensor,
  text,
  tuple,
  zipPth,
} from "./make-pth.ts";

const read = (bytes: Uint8Array) => readCheckpoint(bytes, { name: "file.pth" });

for (const name of [
  "plain.pth",
  "plain-legacy.pth",
  "dtypes.pth",
  "dtypes-legacy.pth",
  "views.pth",
  "views-legacy.pth",
  "levels.pth",
  "deflated.pth",
  "zip64.pth",
  "protocol1.pth",
  "protocol3.pth",
  "protocol3-legacy.pth",
  "protocol4.pth",
  "protocol4-legacy.pth",
  "protocol5.pth",
  "protocol5-legacy.pth",
]) {
  test(`${name} of PyTorch is read to the bit, also from an odd address`, () => {
    expectState(read(fixture(name)).state, name);
    expectState(read(unaligned(fixture(name))).state, name);
  });
}

for (const name of ["training.pth", "training-legacy.pth"]) {
  test(`${name}: only the network is read, the rest is named`, () => {
    const { state, path, stripped, part, beside } = read(fixture(name));
    expectState(new Map([...state].map(([k, t]) => [`net_s.model.${k}`, t])), name);
    expect({ path, stripped, part }).toEqual({
      path: "net",
      stripped: ["net_s.", "model."],
      part: "student",
    });
    expect(Object.fromEntries(beside)).toEqual({
      optimizer: "dict of 2",
      scheduler: "dict of 8",
      scaler: "null",
      iter: "300",
      epoch: "3",
      metric_recorder: "dict of 2",
      total_time: "12.5",
      extras: "dict of 11",
    });
  });
}

test("a contiguous tensor is a view of the file, and a shared storage is read once", () => {
  const bytes = fixture("views.pth");
  const { state } = read(bytes);
  expect(state.get("whole")?.data.buffer).toBe(bytes.buffer);
  expect(state.get("row")?.data.byteOffset).toBe(state.get("whole")!.data.byteOffset + 24 * 4);
  expect(state.get("transposed")?.data.buffer).not.toBe(bytes.buffer);
});

test("the stride of an axis of size 1 does not matter: the tensor is still a view", () => {
  const whole = tensor(f32(4), 0, [4], [1]);
  const part = tensor(f32(4), 1, [1, 3, 1], [99, 1, 7]);
  const bytes = zipPth(pickle(dict(text("a"), whole, text("b"), part)), { 0: floats(1, 2, 3, 4) });
  const { state } = read(bytes);
  const b = state.get("b")!;
  expect([b.shape, b.data]).toEqual([[1, 3, 1], Float32Array.of(2, 3, 4)]);
  expect(b.data.buffer).toBe(state.get("a")!.data.buffer);
});

test("storage views of torch 0.3 see their window", () => {
  const view = tuple(text("v1"), int(2), int(3));
  const data = pickle(
    dict(text("w"), tensor(storage("torch\nFloatStorage", "s", 6, view), 1, [2], [1])),
  );
  const bytes = legacyPth(data, pickle("](", text("s"), "e"), le(6, 8), floats(0, 1, 2, 3, 4, 5));
  expect(read(bytes).state.get("w")?.data).toEqual(Float32Array.of(3, 4));
});

test("Python 2's spellings are read: byte strings, an OrderedDict made from a list, old rebuilds", () => {
  const raw = storage("torch\nFloatStorage", "0", 2);
  const old = bytesOf(
    "ctorch._utils\n_rebuild_tensor\n",
    tuple(raw, "K\x00", "K\x02\x85", "K\x01\x85"),
    "R",
  );
  const data = pickle("ccollections\nOrderedDict\n](](U\x01w", old, "ee\x85R");
  const bytes = zipPth(data, { 0: floats(1, 2) });
  expect(read(bytes).state.get("w")?.data).toEqual(Float32Array.of(1, 2));
});

const f32 = (numel: number, ...more: Uint8Array[]) =>
  storage("torch\nFloatStorage", "0", numel, ...more);
const one = (from: Uint8Array, offset: number, shape: number[], stride: number[]) =>
  pickle(dict(text("w"), tensor(from, offset, shape, stride)));

const broken: [string, Uint8Array, string][] = [
  [
    "a tensor beyond its storage",
    zipPth(one(f32(4), 1, [2, 2], [2, 1]), { 0: floats(1, 2, 3, 4) }),
    "w: element 4 wanted of a storage of 4 (shape [2, 2], stride [2, 1], offset 1)",
  ],
  [
    "a storage of another size than its entry",
    zipPth(one(f32(4), 0, [4], [1]), { 0: floats(1, 2) }),
    "storage 0 has 8 bytes but 4 of f32 need 16",
  ],
  [
    "a storage that is missing",
    zipPth(one(f32(4), 0, [4], [1])),
    "storage 0 is missing from the file",
  ],
  [
    "sizes and strides that differ in number",
    zipPth(one(f32(4), 0, [4], []), { 0: floats(1, 2, 3, 4) }),
    "a tensor has 1 sizes but 0 strides",
  ],
  [
    "a negative stride",
    zipPth(one(f32(4), 3, [4], [-1]), { 0: floats(1, 2, 3, 4) }),
    "a tensor's stride is not a list of up to 64 non-negative integers",
  ],
  [
    "a lazily negated tensor",
    zipPth(pickle(dict(text("w"), tensor(f32(1), 0, [1], [1], dict(text("neg"), "\x88")))), {
      0: floats(1),
    }),
    "refuses to build a tensor with metadata (its bytes are not its values)",
  ],
  [
    "one storage with two dtypes",
    zipPth(
      pickle(
        dict(
          text("a"),
          tensor(f32(1), 0, [1], [1]),
          text("b"),
          tensor(storage("torch\nIntStorage", "0", 1), 0, [1], [1]),
        ),
      ),
      { 0: floats(1) },
    ),
    "storage 0 is 1 of f32 and also 1 of i32",
  ],
  [
    "a storage type without a dtype here",
    zipPth(one(storage("torch\nComplexFloatStorage", "0", 1), 0, [1], [1])),
    "refuses to build torch.ComplexFloatStorage",
  ],
  [
    "a view outside its storage",
    zipPth(one(f32(2, tuple(text("v"), int(1), int(2))), 0, [1], [1]), { 0: floats(1, 2) }),
    "a view of storage 0 does not lie within its 2 elements",
  ],
  [
    "a big-endian file",
    zipPth(one(f32(1), 0, [1], [1]), { 0: floats(1) }, { "archive/byteorder": bytesOf("big") }),
    "the file is big-endian, only little-endian files are read",
  ],
  [
    "a zip without data.pkl",
    zipPth(pickle("N"), {}, { "other/data.pkl": pickle("N") }),
    "the zip has 2 data.pkl, a checkpoint has one",
  ],
  [
    "a file that holds one tensor",
    zipPth(pickle(tensor(f32(1), 0, [1], [1])), { 0: floats(1) }),
    "no state dict of tensors found (the file holds tensor f32 [1])",
  ],
  [
    "a file that holds no tensors",
    zipPth(pickle(dict(text("epoch"), "K\x03"))),
    "no state dict of tensors found (the file holds epoch: 3)",
  ],
  [
    "an unlisted legacy storage",
    legacyPth(one(f32(1), 0, [1], [1]), pickle("]")),
    "storage 0 is missing from the file",
  ],
  [
    "a legacy storage listed twice",
    legacyPth(
      one(f32(1), 0, [1], [1]),
      pickle("](", text("0"), text("0"), "e"),
      le(1, 8),
      floats(1),
      le(1, 8),
      floats(1),
    ),
    "storage 0 is listed twice",
  ],
  [
    "a legacy storage with another count",
    legacyPth(one(f32(1), 0, [1], [1]), pickle("](", text("0"), "e"), le(2, 8), floats(1, 2)),
    "storage 0 has 2 elements in the file but 1 by name",
  ],
  [
    "a legacy file that is cut off",
    legacyPth(one(f32(2), 0, [2], [1]), pickle("](", text("0"), "e"), le(2, 8), floats(1)),
    "8 bytes wanted at byte",
  ],
];

for (const [what, bytes, message] of broken) {
  test(`refuses ${what}`, () => {
    expect(() => read(bytes)).toThrow(message);
    expect(() => read(bytes)).toThrow(/^file\.pth: (pth|pickle): /);
  });
}

test("whole modules and TorchScript are refused with what to save instead", () => {
  for (const name of ["module.pth", "module-legacy.pth"]) {
    expect(() => read(fixture(name))).toThrow("refuses to build torch.nn.modules.linear.Linear");
    expect(() => read(fixture(name))).toThrow("torch.save(model.state_dict(), path)");
  }
  expect(() => read(fixture("script.pt"))).toThrow("this is a TorchScript program");
});
