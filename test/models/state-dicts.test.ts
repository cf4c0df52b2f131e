/** Names, order and shapes of the backbones against the state dicts of CFA's and FOD's references, and what is left out of those. */
import { expect, test } from "vitest";
import { createBackbone, findBackbone, hostTensor } from "../../src/models/index.ts";
import { testDevice } from "../device.ts";
import b5 from "../fixtures/cfa/state-dict-effnet-b5.json" with { type: "json" };
import resnet18 from "../fixtures/cfa/state-dict-res18.json" with { type: "json" };
import vgg from "../fixtures/cfa/state-dict-vgg19.json" with { type: "json" };
import cfaWide from "../fixtures/cfa/state-dict-wrn50_2.json" with { type: "json" };
import b6 from "../fixtures/fod/state-dict-tf_efficientnet_b6-features.json" with { type: "json" };
import fodWide from "../fixtures/fod/state-dict-wide_resnet50_2-features.json" with {
  type: "json",
};

const device = await testDevice();

type Shapes = Readonly<Record<string, readonly number[]>>;

const blocks = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `_blocks.${from + i}`);

/** Backbone, the reference's state dict with its trained numbers, and the parts of it that nothing here reads. */
const cases: readonly [
  name: string,
  of: string,
  want: Shapes,
  parameters: number,
  left: string[],
][] = [
  ["resnet18", "CFA", resnet18, 11_176_512, ["layer4"]],
  ["wide_resnet50_2", "CFA", cfaWide, 66_834_240, ["layer4"]],
  ["wide_resnet50_2", "FOD", fodWide, 24_862_528, []],
  ["vgg19_bn", "CFA", vgg, 20_035_392, []],
  ["efficientnet_b5", "CFA", b5, 28_340_784, [...blocks(27, 38), "_conv_head", "_bn1"]],
  ["tf_efficientnet_b6", "FOD", b6, 39_403_992, ["blocks.5", "blocks.6"]],
  ["efficientnet_b6", "FOD", b6, 39_403_992, ["blocks.5", "blocks.6"]],
];

const isTrained = (name: string) => !/running_|num_batches_tracked/.test(name);
const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

for (const [name, of, want, parameters, left] of cases) {
  const entries = Object.entries(want);
  const isLeft = (entry: string) => left.some((part) => entry.startsWith(`${part}.`));

  test(`${name}: every name and shape of ${of}'s, in order, but ${left.length === 0 ? "nothing" : left.join(", ")}`, () => {
    const trained = entries.filter(([entry]) => isTrained(entry));
    expect(trained.reduce((n, [, shape]) => n + count(shape), 0)).toBe(parameters);
    const entry = findBackbone(name);
    using net = entry.create({ device, rng: undefined }, {});
    expect([...net.stateShapes()]).toEqual(entries.filter(([entry]) => !isLeft(entry)));
    for (const part of left) expect(entries.some(([entry]) => entry.startsWith(part))).toBe(true);
    const heads = entries.map(([key]) => key).filter((key) => !net.stateShapes().has(key));
    expect(heads.every((key) => entry.heads.some((head) => key.startsWith(head)))).toBe(true);
  });
}

test("published weights load, their heads and unused blocks left out", async () => {
  for (const [name, want, more] of [
    ["efficientnet_b5", b5, "_fc.weight"],
    ["vgg19_bn", vgg, "classifier.0.bias"],
    ["tf_efficientnet_b6", b6, "conv_head.weight"],
  ] as const) {
    const net = findBackbone(name).create({ device, rng: undefined }, {});
    const own = net.stateShapes();
    net.dispose();
    // what is left out is not looked at: a single number stands for it
    const weights = new Map(
      Object.entries(want as Shapes).map(([key, shape]) => {
        const kept = own.has(key) ? shape : [1];
        const counter = key.endsWith("tracked");
        const data = counter ? new BigInt64Array(1) : new Float32Array(count(kept)).fill(0.5);
        return [key, hostTensor(counter ? "i64" : "f32", counter ? [] : kept, data)];
      }),
    );
    weights.set(more, hostTensor("f32", [1], new Float32Array(1)));
    using loaded = createBackbone(name, { device, weights });
    const last = [...own.keys()].at(-2)!;
    expect((await loaded.stateDict()).get(last)?.data[0]).toBe(0.5);
    weights.set("blocks.7.weight", hostTensor("f32", [1], new Float32Array(1)));
    expect(() => createBackbone(name, { device, weights })).toThrow(/1 unexpected: blocks\.7/);
  }
});
