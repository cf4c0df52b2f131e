/** Files made to run code, to hang, or to take all memory: each is refused by name, and soon. */
import { zipSync } from "fflate";
import { expect, test } from "vitest";
import { LoupeError } from "../../../src/error.ts";
import { readCheckpoint } from "../../../src/models/checkpoint/index.ts";
import { fixture } from "./fixtures.ts";
import {
  bytesOf,
  dict,
  floats,
  int,
  legacyPth,
  pickle,
  storage,
  tensor,
  text,
  tuple,
  zipPth,
} from "./make-pth.ts";

const read = (bytes: Uint8Array) => readCheckpoint(bytes, { name: "file.pth" });
const repeat = (part: string, n: number) => bytesOf(part.repeat(n));

/** Refused with this message, within five seconds. */
function expectRefused(bytes: Uint8Array, message: string): void {
  const start = performance.now();
  expect(() => read(bytes)).toThrow(message);
  expect(performance.now() - start).toBeLessThan(5000);
}

test("a file PyTorch saved with a class that runs a command is refused by the command's name", () => {
  expectRefused(fixture("hostile.pth"), "pth: refuses to build posix.system (");
  expectRefused(fixture("hostile-legacy.pth"), "pth: refuses to build posix.system (");
});

const calls: [string, Uint8Array][] = [
  ["os.system", pickle("cos\nsystem\n(", text("ls"), "tR")],
  ["os.system", pickle("(", text("ls"), "ios\nsystem\n")],
  ["os.system", pickle(text("os"), text("system"), "\x93(", text("ls"), "tR")],
  ["os.system", pickle("(cos\nsystem\n", text("ls"), "o")],
  ["builtins.eval", pickle("cbuiltins\neval\n", tuple(text("1")), "R")],
  ["__builtin__.getattr", pickle("c__builtin__\ngetattr\n)R")],
  ["builtins.exec", pickle("cbuiltins\nexec\n)\x81")],
  ["subprocess.Popen", pickle("csubprocess\nPopen\n)}\x92")],
  ["torch.load", pickle("ctorch\nload\n)R")],
  ["torch.hub.load", pickle("ctorch.hub\nload\n)R")],
  ["copyreg._reconstructor", pickle("ccopyreg\n_reconstructor\n)R")],
  ["torch._utils._rebuild_tensor_v3", pickle("ctorch._utils\n_rebuild_tensor_v3\n)R")],
  ["torch.FloatStorage", pickle("ctorch\nFloatStorage\n)R")],
  ["builtins.list", pickle("cbuiltins\nlist\n)R")],
  ["a registered extension", pickle("\x82\x01")],
  ["an out-of-band buffer", pickle("\x97")],
  ["__proto__.toString", pickle("c__proto__\ntoString\n")],
  ["constructor.constructor", pickle("cconstructor\nconstructor\n")],
];

for (const [name, data] of calls) {
  test(`refuses to build ${name} (${data.length} bytes), wherever it stands`, () => {
    expectRefused(zipPth(data), `refuses to build ${name} (`);
    expectRefused(legacyPth(data, pickle("]")), `refuses to build ${name} (`);
    const weight = tensor(storage("torch\nFloatStorage", "0", 1), 0, [1], [1]);
    const beside = pickle(dict(text("w"), weight, text("x"), data.slice(2, -1)));
    expectRefused(zipPth(beside, { 0: floats(1) }), `refuses to build ${name} (`);
  });
}

test("a tensor of another type may not smuggle a callable", () => {
  const call = (func: string, type: string) =>
    pickle("ctorch._tensor\n_rebuild_from_type_v2\n", tuple(func, type, ")", "}"), "R");
  const plain = "ctorch\nTensor\n";
  expectRefused(zipPth(call("ctorch\ndevice\n", plain)), "refuses to build torch.device (a tensor");
  expectRefused(
    zipPth(call("ctorch._utils\n_rebuild_tensor_v2\n", "ctorch\ndevice\n")),
    "refuses to build torch._tensor._rebuild_from_type_v2 (its type is not a plain tensor)",
  );
});

test("a tensor with attributes is its tensor", () => {
  const args = tuple(
    storage("torch\nFloatStorage", "0", 2),
    int(0),
    tuple(int(2)),
    tuple(int(1)),
    "\x89",
    "}",
  );
  const data = bytesOf(
    "ctorch._tensor\n_rebuild_from_type_v2\n",
    tuple("ctorch._utils\n_rebuild_tensor_v2\n", "ctorch\nTensor\n", args, "}"),
    "R",
  );
  const { state } = read(zipPth(pickle(dict(text("w"), data)), { 0: floats(1, 2) }));
  expect(state.get("w")?.data).toEqual(Float32Array.of(1, 2));
});

test("a dict key named __proto__ changes no prototype", () => {
  const weight = tensor(storage("torch\nFloatStorage", "0", 1), 0, [1], [1]);
  const data = pickle(
    dict(text("__proto__"), weight, text("w"), weight),
    "}",
    text("polluted"),
    "\x88sb",
  );
  const { state } = read(zipPth(data, { 0: floats(1) }));
  expect([...state.keys()]).toEqual(["__proto__", "w"]);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});

test("terminal escapes in a name never reach the message raw", () => {
  const clear = "\x1b[2J";
  expectRefused(zipPth(pickle(`cos${clear}\nsystem\n`)), "refuses to build os\\u{1b}[2J.system");
});

const malformed: [string, Uint8Array, string][] = [
  ["a value from an empty stack", pickle("R"), "takes a value from an empty stack"],
  ["a value from below a mark", pickle("K\x01(a"), "takes a value from an empty stack"],
  ["a mark that was never set", pickle("t"), "closes a mark that was never set"],
  ["a memo entry that was never stored", pickle("h\x05"), "recalls entry 5"],
  ["a call of data", pickle("K\x01)R"), "calls something that is not a name"],
  [
    "a call without a tuple",
    pickle("ccollections\nOrderedDict\nK\x01R"),
    "calls collections.OrderedDict without",
  ],
  ["an odd number of dict items", pickle("}(K\x01u"), "a dict has a key without a value"],
  [
    "items for a number",
    pickle("K\x01(K\x01K\x01u"),
    "sets an item of something that is not a dict",
  ],
  ["an append to a dict", pickle("}K\x01a"), "appends to something that is not a list"],
  ["state for a number", pickle("K\x01}b"), "sets the state of something that has none"],
  ["an unknown opcode", pickle("\xff"), "unknown opcode 0xff"],
  ["protocol 6", bytesOf("\x80\x06N."), "protocol 6, at most 5 is known"],
  ["protocol 0", pickle("S'x'\n"), "protocol 0 (text) is not read"],
  ["no end", bytesOf("\x80\x02N"), "1 bytes wanted at byte 3"],
  ["a text of 4 GB", pickle("X\xff\xff\xff\xff"), "4294967295 bytes wanted"],
  ["a text of 2^63 bytes", pickle("\x8d\0\0\0\0\0\0\0\x80"), "9223372036854776000 bytes wanted"],
  ["bytes of 2^64", pickle("\x8e\xff\xff\xff\xff\xff\xff\xff\xff"), "bytes wanted"],
  [
    "an integer of 65 bytes",
    pickle("\x8a\x41", repeat("1", 65)),
    "an integer of 65 bytes, at most 64",
  ],
  ["an integer of 2 GB", pickle("\x8b\xff\xff\xff\x7f"), "an integer of 2147483647 bytes"],
  ["an endless global", pickle("c", repeat("a", 5000), "\n"), "no end of line within 4096 bytes"],
  ["a persistent id that is text", pickle(text("x"), "Q"), "a persistent id is not a tuple"],
];

for (const [what, data, message] of malformed) {
  test(`refuses ${what}`, () => expectRefused(zipPth(data), message));
}

test("millions of opcodes and of empty dicts are refused before they fill the memory", () => {
  expectRefused(zipPth(pickle(repeat("}", 3_000_000))), "holds more than 1000000 objects");
  expectRefused(zipPth(pickle(repeat("N0", 12_000_000))), "takes more than 20000000 steps");
});

test("a list that is copied over and over is refused", () => {
  const pair = "K\x00K\x00\x86";
  const list = bytesOf("](", repeat(pair, 20_000), "eq\x00");
  const copies = repeat("ccollections\nOrderedDict\nh\x00\x85R", 1000);
  expectRefused(zipPth(pickle(list, copies)), "holds more than 1000000 objects");
});

test("a structure nested a hundred thousand deep, or that contains itself, does no harm", () => {
  expectRefused(zipPth(pickle("N", repeat("\x85", 100_000))), "no state dict of tensors found");
  expectRefused(zipPth(pickle("]q\x00h\x00a")), "no state dict of tensors found");
  expectRefused(zipPth(pickle("}q\x00", text("net"), "h\x00s")), "no state dict of tensors found");
});

test("dicts that share one dict are not walked one by one", () => {
  const keys = Array.from({ length: 50_000 }, (_, i) => bytesOf(int(i), "N"));
  const shared = bytesOf("}(", ...keys, "uq\x00");
  const many = bytesOf(
    ...Array.from({ length: 50_000 }, (_, i) => bytesOf(text(`k${i}`), "h\x00")),
  );
  expectRefused(zipPth(pickle(shared, "0}(", many, "u")), "no state dict of tensors found");
});

test("a stride of 0 can't turn 4 bytes into a terabyte", () => {
  const huge = tensor(storage("torch\nFloatStorage", "0", 1), 0, [1 << 20, 1 << 20], [0, 0]);
  expectRefused(
    zipPth(pickle(dict(text("w"), huge)), { 0: floats(1) }),
    "w: shape [1048576, 1048576] with stride [0, 0] takes 4398046511104 bytes, too many for this file",
  );
  const large = tensor(storage("torch\nFloatStorage", "0", 1), 0, [1 << 22], [0]);
  const many = Array.from({ length: 9 }, (_, i) => [text(`w${i}`), large]).flat();
  expectRefused(zipPth(pickle(dict(...many)), { 0: floats(1) }), "too many for this file");
});

test("sizes that overflow are refused", () => {
  const huge = tensor(storage("torch\nFloatStorage", "0", 1), 0, [2 ** 40, 2 ** 40], [0, 0]);
  expectRefused(
    zipPth(pickle(dict(text("w"), huge)), { 0: floats(1) }),
    "overflows the number of elements",
  );
});

/** A zip file whose last directory entry has a 32-bit field replaced. */
function patched(bytes: Uint8Array, field: number, value: number): Uint8Array {
  const out = bytes.slice();
  const view = new DataView(out.buffer);
  const entry = out.findLastIndex(
    (_, i) => i + 4 <= out.length && view.getUint32(i, true) === 0x02014b50,
  );
  view.setUint32(entry + field, value, true);
  return out;
}

const good = zipPth(
  pickle(dict(text("w"), tensor(storage("torch\nFloatStorage", "0", 2), 0, [2], [1]))),
  {
    0: floats(1, 2),
  },
);
const packed = zipSync(
  { "a/data.pkl": pickle("N"), "a/data/0": new Uint8Array(10_000_000) },
  { level: 9, mtime: new Date(2020, 0, 1) },
);

test("a deflated entry can't unpack to more or less than it declares", () => {
  const bomb = zipSync(
    { "a/data.pkl": new Uint8Array(3_000_000).fill(0x4e) },
    { level: 9, mtime: new Date(2020, 0, 1) },
  );
  expectRefused(
    patched(bomb, 24, 5000),
    "entry a/data.pkl unpacks to more than the 5000 bytes it declares",
  );
  expectRefused(patched(bomb, 24, 3_000_001), "unpacks to 3000000 bytes but declares 3000001");
  expectRefused(patched(bomb, 24, 2 ** 31), "declares 2147483648 bytes out of");
});

test("an archive that unpacks to far more than its size is a bomb", () => {
  const files: Record<string, Uint8Array> = { "a/data.pkl": pickle("N") };
  const zeros = new Uint8Array(10_000_000);
  for (let i = 0; i < 9; i++) files[`a/data/${i}`] = zeros;
  const bomb = zipSync(files, { level: 9, mtime: new Date(2020, 0, 1) });
  expect(bomb.length).toBeLessThan(200_000);
  expectRefused(bomb, "refused as a zip bomb");
});

test("entries and directories outside the file are refused", () => {
  expectRefused(good.subarray(0, good.length - 1), "zip: the end of the archive is missing");
  expectRefused(patched(good, 42, 2 ** 30), "has no local header at byte 1073741824");
  expectRefused(patched(good, 24, 4), "is stored but declares 8 and 4 bytes");
  expectRefused(patched(patched(good, 20, 2 ** 20), 24, 2 ** 20), "does not fit before byte");
  expectRefused(patched(good, 16, 1), "entry archive/data/0 is damaged (its CRC-32 differs)");
  const end = good.slice();
  new DataView(end.buffer).setUint16(good.length - 12, 9, true);
  expectRefused(end, "the directory claims 9 entries but ends after 2");
  expectRefused(patched(packed, 8, 1), "is encrypted");
});

test("entries that share their bytes are refused", () => {
  const data = pickle("N0".repeat(1000), "N");
  const bytes = zipPth(data, { 0: floats(1, 2) });
  const shared = patched(patched(patched(bytes, 42, 0), 20, data.length), 24, data.length);
  expectRefused(shared, "they overlap");
});

test("a checksum of 0 means that torch did not compute it", () => {
  expect(read(patched(good, 16, 0)).state.get("w")?.data).toEqual(Float32Array.of(1, 2));
});

test("random damage to any file ends in an answer or in a LoupeError", () => {
  let seed = 20250101;
  const random = (n: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * n);
  };
  const names = [
    "views.pth",
    "training-legacy.pth",
    "deflated.pth",
    "zip64.pth",
    "dtypes.safetensors",
  ];
  let refused = 0;
  for (const name of names) {
    for (let k = 0; k < 400; k++) {
      const bytes = fixture(name);
      for (let j = random(4); j >= 0; j--) bytes[random(bytes.length)] = random(256);
      try {
        read(bytes.subarray(0, random(8) ? bytes.length : random(bytes.length)));
      } catch (error) {
        expect(error).toBeInstanceOf(LoupeError);
        refused++;
      }
    }
  }
  expect(refused).toBeGreaterThan(500);
});
