import { expect, test } from "vitest";
import {
  explainMismatch,
  hostTensor,
  matchState,
  requireMatch,
  type StateDict,
  teacherHeads,
} from "../../../src/models/checkpoint/index.ts";

const shapes = (entries: Record<string, number[]>) => new Map(Object.entries(entries));
function state(entries: Record<string, number[]>): StateDict {
  return new Map(
    Object.entries(entries).map(([name, shape]) => [
      name,
      hostTensor("f32", shape, new Float32Array(shape.reduce((a, b) => a * b, 1))),
    ]),
  );
}

const resnet = {
  "conv1.weight": [64, 3, 7, 7],
  "bn1.weight": [64],
  "bn1.num_batches_tracked": [],
  "layer1.0.conv1.weight": [64, 64, 3, 3],
};

test("weights with a head and without counters fit a backbone without head", () => {
  const { "bn1.num_batches_tracked": _, ...rest } = resnet;
  const file = { ...rest, "fc.weight": [10, 512], "fc.bias": [10], "layer4.0.conv1.weight": [2] };
  const match = matchState(shapes(resnet), state(file), { ignore: teacherHeads.resnet });
  expect(match).toEqual({
    missing: [],
    unexpected: [],
    misshaped: [],
    ignored: ["fc.weight", "fc.bias", "layer4.0.conv1.weight"],
    matched: ["conv1.weight", "bn1.weight", "layer1.0.conv1.weight"],
    fits: true,
  });
});

test("a counter the model does not have is ignored, a missing last_layer of HRNet too", () => {
  const counters = matchState(shapes({ w: [1] }), state({ w: [1], "bn.num_batches_tracked": [] }));
  expect([counters.fits, counters.ignored]).toEqual([true, ["bn.num_batches_tracked"]]);
  const hrnet = matchState(
    shapes({ w: [1], "last_layer.0.weight": [15] }),
    state({ w: [1], "classifier.weight": [3], "incre_modules.0.0.conv1.weight": [2] }),
    { ignore: teacherHeads.hrnet },
  );
  expect(hrnet.fits).toBe(true);
});

test("without rules every difference counts, and a rule matches only from the start of a name", () => {
  const match = matchState(
    shapes({ a: [2], b: [3], c: [1, 2] }),
    state({ b: [3], c: [2, 1], d: [1], "x.fc.weight": [1] }),
    { ignore: ["fc."] },
  );
  expect(match.fits).toBe(false);
  expect(match.missing).toEqual(["a"]);
  expect(match.unexpected).toEqual(["d", "x.fc.weight"]);
  expect(match.misshaped).toEqual([{ name: "c", expected: [1, 2], found: [2, 1] }]);
  expect(match.matched).toEqual(["b"]);
});

test("a scalar and a vector of one are different shapes", () => {
  const match = matchState(shapes({ s: [] }), state({ s: [1] }));
  expect(match.misshaped).toEqual([{ name: "s", expected: [], found: [1] }]);
});

test("one message lists counts, the first few names and the next step", () => {
  const many = Object.fromEntries(Array.from({ length: 7 }, (_, i) => [`m${i}`, [1]]));
  const match = matchState(
    shapes({ ...many, c: [1, 2], ok: [1] }),
    state({ c: [2, 1], d: [1], ok: [1] }),
  );
  expect(explainMismatch(match, { model: "hrnet_w18", file: "w.pth" })).toBe(
    [
      "w.pth: does not fit hrnet_w18",
      "  7 missing: m0, m1, m2, m3, … 3 more",
      "  1 unexpected: d",
      "  1 of another shape: c [2, 1] instead of [1, 2]",
      "  the names fit but not the sizes, so the width or depth probably differs; loupe weights show w.pth lists what it holds",
    ].join("\n"),
  );
  expect(() => requireMatch(match, { model: "hrnet_w18", file: "w.pth" })).toThrow(
    "w.pth: does not fit hrnet_w18",
  );
});

test("weights of another network are named as such, and a fit throws nothing", () => {
  const match = matchState(shapes({ a: [1] }), state({ b: [1] }));
  expect(explainMismatch(match, { model: "resnet18", file: "w.pth" })).toContain(
    "no name fits, so these are probably weights of another network; loupe weights show w.pth",
  );
  requireMatch(matchState(shapes({ a: [1] }), state({ a: [1] })), { model: "m", file: "f" });
});

test("control characters of a foreign name are escaped", () => {
  const match = matchState(shapes({}), state({ "a\u001b[2J": [1] }));
  expect(explainMismatch(match, { model: "m", file: "f" })).toContain("unexpected: a\\u{1b}[2J");
});
