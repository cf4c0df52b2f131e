import { expect, test } from "vitest";
import {
  cosineLoss,
  ikdLoss,
  klLoss,
  l1Loss,
  l2Loss,
  unitFeatureLoss,
} from "../../../src/cdo/losses/index.ts";
import { gradcheck, type Tensor } from "../../../src/core/index.ts";
import { closeTo } from "../../core/close.ts";
import { testDevice } from "../../device.ts";
import { rnd } from "../../golden.ts";
import { golden, goldenFeatures } from "../features.ts";
import { answer, expectLoss, pairs } from "./golden.ts";

const device = await testDevice();

test("L1, L2 and KL are the reference's", async () => {
  for (const [name, loss] of [
    ["L1Loss", l1Loss],
    ["L2Loss", l2Loss],
    ["KLLoss", klLoss],
  ] as const) {
    await expectLoss(device, () => loss(pairs(device).a, pairs(device).b), answer(name));
  }
});

test.each([
  [true, true],
  [true, false],
  [false, true],
  [false, false],
])("the cosine loss, averaged %s, flat %s, is the reference's", async (average, flat) => {
  const shown = (on: boolean) => (on ? "True" : "False");
  await expectLoss(
    device,
    () => cosineLoss(pairs(device).a, pairs(device).b, { average, flat }),
    answer(`CosLoss avg=${shown(average)} flat=${shown(flat)}`),
  );
});

test.each([
  ["L2", l2Loss],
  ["L1", l1Loss],
  ["KL", klLoss],
  ["cosine", cosineLoss],
  ["cosine by pixel", (e: Tensor[], a: Tensor[]) => cosineLoss(e, a, { flat: false })],
  ["L2 of unit vectors", (e: Tensor[], a: Tensor[]) => unitFeatureLoss("l2", e, a)],
  ["KL of unit vectors", (e: Tensor[], a: Tensor[]) => unitFeatureLoss("kl", e, a)],
] as const)("the gradients of %s are right, on both sides", async (_, loss) => {
  const tensors = [
    golden(device, "g1", [1, 3, 3, 2]).keep(),
    golden(device, "g2", [1, 3, 3, 2]).keep(),
    golden(device, "g3", [1, 1, 1, 1]).keep(),
    golden(device, "g4", [1, 1, 1, 1], 2, 3).keep(),
  ];
  const fn = (e: Tensor, a: Tensor, e2: Tensor, a2: Tensor) => loss([e, e2], [a, a2]);
  const { ok, report } = await gradcheck(fn, tensors, { eps: 1e-3 });
  expect(ok, report).toBe(true);
  for (const tensor of tensors) tensor.dispose();
});

test("lengths count for L2 and not for L2 of unit vectors", async () => {
  const loss = (scale: number, unit: boolean) => {
    const [e, a] = ["u1", "u2"].map((name) => golden(device, name, [2, 4, 3, 5])) as [
      Tensor,
      Tensor,
    ];
    const values = rnd("u2", [2, 4, 3, 5]).map((v) => v * scale);
    const scaled = device.tensor(Float32Array.from(values), [2, 3, 5, 4]);
    return unit ? unitFeatureLoss("l2", [a], [scaled]) : l2Loss([e], [scaled]);
  };
  const [one, two, three, four] = await device.read(() => [
    loss(1, true),
    loss(3, true),
    loss(1, false),
    loss(3, false),
  ]);
  expect(two![0]).toBeCloseTo(one![0]!, 6);
  expect(Math.abs(four![0]! - three![0]!)).toBeGreaterThan(0.1);
});

test("unequal lists and levels are refused", () => {
  device.scope(() => {
    const { a, b } = pairs(device);
    expect(() => l2Loss(a, b.slice(1))).toThrow("l2Loss: 2 teacher levels, 1 of the student");
    expect(() => klLoss([], [])).toThrow("klLoss: 0 teacher levels, 0 of the student");
    expect(() => l1Loss(a, [...b].reverse())).toThrow("l1Loss: level 0 is");
    expect(() => ikdLoss(a, b, device.zeros([3]))).toThrow(
      "ikdLoss: margins must be [2], one per level, got",
    );
  });
});

test("IKD's loss and margins are the reference's, also from the second call on", async () => {
  type Twice = Record<"first" | "second", number> &
    Record<"margin_after_first" | "margin_after_second", number[]>;
  const want = answer<Twice>("IKDLoss default on fe_i,fa_i twice");
  const results = await device.read(() => {
    const { teacher, student } = goldenFeatures(device);
    const first = ikdLoss(teacher, student, device.zeros([3]));
    const second = ikdLoss(teacher, student, first.margins);
    return [first.loss, first.margins, second.loss, second.margins];
  });
  const [loss1, margins1, loss2, margins2] = results.map((values) => [...values]) as number[][];
  expect(loss1![0]).toBeCloseTo(want.first, 4);
  expect(loss2![0]).toBeCloseTo(want.second, 4);
  closeTo(margins1!, want.margin_after_first, { rtol: 1e-5, atol: 0 });
  closeTo(margins2!, want.margin_after_second, { rtol: 1e-5, atol: 0 });
});

test("IKD's margin and its similarities are the reference's where pixels are chosen", async () => {
  const of = (gamma: number) => {
    const { teacher, student } = goldenFeatures(device);
    return ikdLoss(teacher, student, device.zeros([3]), { beta: 0.5, gamma });
  };
  const { value, margin } = answer<{ value: number; margin: number[] }>("IKDLoss beta=.5");
  await expectLoss(device, () => of(1).loss, value);
  await expectLoss(device, () => of(0).loss, answer("IKDLoss beta=.5 gamma=0"));
  const [margins] = await device.read(() => [of(1).margins]);
  closeTo(margins!, margin, { rtol: 1e-5, atol: 0 });
});

test("IKD's gradients are right while the choice stays the same", async () => {
  const tensors = [
    golden(device, "k1", [1, 3, 4, 4]).keep(),
    golden(device, "k2", [1, 3, 4, 4]).keep(),
  ];
  const fn = (e: Tensor, a: Tensor) => ikdLoss([e], [a], device.zeros([1]), { beta: 0.3 }).loss;
  const { ok, report } = await gradcheck(fn, tensors, { eps: 1e-3 });
  expect(ok, report).toBe(true);
  for (const tensor of tensors) tensor.dispose();
});
