import { strToU8 } from "fflate";
import { expect, test } from "vitest";
import { LoupeError } from "../../../src/error.ts";
import {
  hostTensor,
  readCheckpoint,
  type StateDict,
  showCheckpoint,
  sniffCheckpoint,
  writeSafetensors,
} from "../../../src/models/checkpoint/index.ts";
import { bitsOf, fixture } from "./fixtures.ts";
import { bytesOf, dict, floats, pickle, storage, tensor, text, zipPth } from "./make-pth.ts";

/** A safetensors file whose tensors are named like this; each holds its own index. */
function named(...names: string[]): Uint8Array {
  const state: StateDict = new Map();
  for (const [i, name] of names.entries())
    state.set(name, hostTensor("f32", [1], Float32Array.of(i)));
  return writeSafetensors(state);
}

const weight = tensor(storage("torch\nFloatStorage", "0", 1), 0, [1], [1]);
const saved = (...items: Uint8Array[]) => zipPth(pickle(dict(...items)), { 0: floats(7) });

test("the format is told by content, not by name", () => {
  expect(sniffCheckpoint(fixture("plain.safetensors"))).toBe("safetensors");
  expect(sniffCheckpoint(fixture("plain.pth"))).toBe("pth");
  expect(sniffCheckpoint(fixture("plain-legacy.pth"))).toBe("pth-legacy");
  expect(sniffCheckpoint(fixture("protocol5-legacy.pth"))).toBe("pth-legacy");
  expect(sniffCheckpoint(new Uint8Array(0))).toBeUndefined();
  const misnamed = readCheckpoint(fixture("plain.safetensors"), { name: "weights.pth" });
  expect(misnamed.format).toBe("safetensors");
});

test("the same network read from all three containers is the same", () => {
  const [zip, legacy] = ["plain.pth", "plain-legacy.pth"].map((n) => readCheckpoint(fixture(n)));
  const again = readCheckpoint(writeSafetensors(zip!.state));
  for (const other of [legacy!, again]) {
    expect([...other.state.keys()].sort()).toEqual([...zip!.state.keys()].sort());
    for (const [name, t] of zip!.state) expect(bitsOf(other.state.get(name)!)).toEqual(bitsOf(t));
  }
});

const tar = new Uint8Array(1024);
tar.set(strToU8("storages"), 0);
tar.set(strToU8("ustar"), 257);
const others: [string, Uint8Array, string][] = [
  ["an empty file", new Uint8Array(0), "it is empty"],
  ["a web page", strToU8("\n<!DOCTYPE html><html>"), "it is a web page; download the file itself"],
  [
    "a Git LFS pointer",
    strToU8("version https://git-lfs.github.com/spec/v1\n"),
    "it is a Git LFS pointer; run git lfs pull",
  ],
  ["HDF5", bytesOf("\x89HDF\r\n\x1a\n"), "it is HDF5 (Keras)"],
  ["GGUF", strToU8("GGUF\0\0\0\0\0\0"), "it is GGUF"],
  ["torch's old tar", tar, "it is a tar, as torch 0.1 wrote"],
  ["a plain pickle", pickle("N"), "it is a pickle but not torch's"],
  ["anything else", Uint8Array.of(1, 2, 255), "it begins with 01 02 ff"],
];
for (const [what, bytes, message] of others) {
  test(`${what} is refused by what it seems to be`, () => {
    const read = () => readCheckpoint(bytes, { name: "some/file" });
    expect(read).toThrow(LoupeError);
    expect(read).toThrow(`some/file: not a checkpoint: ${message}`);
    expect(read).toThrow("(known: .safetensors, and .pth/.pt as torch.save writes them)");
  });
}

test("wrapper prefixes go if every name has them, and are listed", () => {
  const cases: [string[], string[], string[]][] = [
    [["conv1.weight", "bn1.bias"], ["conv1.weight", "bn1.bias"], []],
    [["module.a", "module.b"], ["a", "b"], ["module."]],
    [["model.a", "model.b"], ["a", "b"], ["model."]],
    [
      ["net_s.model.a", "net_s.model.b"],
      ["a", "b"],
      ["net_s.", "model."],
    ],
    [["module.net_s.a"], ["a"], ["module.", "net_s."]],
    [
      ["model.ME.model.a", "model.ME.model.b"],
      ["a", "b"],
      ["model.", "ME.", "model."],
    ],
    [["model.MA.model.a"], ["a"], ["model.", "MA.", "model."]],
    [["model.a", "b"], ["model.a", "b"], []],
    [["modela", "model.b"], ["modela", "model.b"], []],
    [["model."], ["model."], []],
  ];
  for (const [names, plain, stripped] of cases) {
    const read = readCheckpoint(named(...names));
    expect([...read.state.keys()].sort()).toEqual([...plain].sort());
    expect(read.stripped).toEqual(stripped);
    expect(read.skipped.size).toBe(0);
  }
});

test("of a file with both networks one is taken, the student unless asked, and the rest is named", () => {
  for (const [student, teacher, common] of [
    ["net_s.", "net_t.", ""],
    ["MA.", "ME.", "model."],
  ] as const) {
    const bytes = named(`${common}${student}model.a`, `${common}${teacher}model.a`);
    const first = readCheckpoint(bytes);
    expect(first.part).toBe("student");
    expect([...first.state].map(([n, t]) => [n, t.data[0]])).toEqual([["a", 0]]);
    expect([...first.skipped]).toEqual([[`${common}${teacher}model.a`, "the other network"]]);
    const second = readCheckpoint(bytes, { part: "teacher" });
    expect(second.part).toBe("teacher");
    expect([...second.state].map(([n, t]) => [n, t.data[0]])).toEqual([["a", 1]]);
    const only = readCheckpoint(named(`${common}${teacher}model.a`));
    expect(only.part).toBe("teacher");
  }
  expect(readCheckpoint(named("net_s.a", "net_t.a", "other")).stripped).toEqual([]);
});

test("the state dict is found under the usual keys, and under the only one that holds tensors", () => {
  const inner = dict(text("w"), weight);
  for (const key of ["net", "state_dict", "model", "model_state_dict", "whatever"]) {
    const read = readCheckpoint(saved(text("epoch"), "K\x03" as never, text(key), inner));
    expect(read.path).toBe(key);
    expect([...read.state.keys()]).toEqual(["w"]);
    expect([...read.beside]).toEqual([["epoch", "3"]]);
  }
  const two = saved(text("encoder"), inner, text("decoder"), inner);
  expect(() => readCheckpoint(two, { name: "two.pth" })).toThrow(
    "two.pth: pth: no state dict of tensors found (the file holds encoder: dict of 1, decoder: dict of 1)",
  );
});

test("what is no tensor in a state dict is left out and named", () => {
  const read = readCheckpoint(saved(text("w"), weight, text("r"), "K\x05" as never));
  expect([...read.state.keys()]).toEqual(["w"]);
  expect([...read.skipped]).toEqual([["r", "5"]]);
});

test("a list of levels gets the level's number in front of each name", () => {
  const read = readCheckpoint(fixture("levels.pth"));
  expect(read.path).toBe("state_dict");
  expect([...read.state].map(([n, t]) => [n, t.shape])).toEqual([
    ["0.w", [2, 2]],
    ["1.w", [3]],
  ]);
});

test("the summary counts parameters without BatchNorm's statistics", () => {
  const summary = showCheckpoint(readCheckpoint(fixture("training.pth"), { name: "t.pth" }));
  expect(summary.tensors[0]).toEqual({
    name: "conv1.weight",
    dtype: "f32",
    shape: [4, 3, 3, 3],
    elements: 108,
  });
  const { parameters, elements, bytes, name, format } = summary;
  expect({ parameters, elements, bytes, name, format }).toEqual({
    parameters: 108 + 4 + 4,
    elements: 108 + 4 * 4 + 1,
    bytes: 4 * (108 + 16) + 8,
    name: "t.pth",
    format: "pth",
  });
});
