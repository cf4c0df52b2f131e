import { expect, test } from "vitest";
import {
  binaryDiceLoss,
  binaryFocalLoss,
  deviationLoss,
  focalLoss,
  segmentCrossEntropy,
  softTargetCrossEntropy,
  ssimLoss,
} from "../../../src/cdo/losses/index.ts";
import {
  gradcheck,
  gt,
  mean,
  reshape,
  sigmoid,
  slice,
  softmax,
  type Tensor,
} from "../../../src/core/index.ts";
import { closeTo } from "../../core/close.ts";
import { testDevice } from "../../device.ts";
import { rnd } from "../../golden.ts";
import { golden } from "../features.ts";
import { answer, expectLoss, pairs } from "./golden.ts";

const device = await testDevice();
const channels = (x: Tensor, from: number, to: number) => slice(x, -1, from, to);
const first = (x: Tensor) => reshape(channels(x, 0, 1), [2, 4, 4]);
const inputs = () => {
  const [a, b] = [pairs(device).a[0] as Tensor, pairs(device).b[0] as Tensor];
  return { a, b, p: sigmoid(first(a)), t: gt(first(b), 0), logits: channels(a, 0, 2) };
};

async function expectGradient(fn: (...x: Tensor[]) => Tensor, x: Tensor[]): Promise<void> {
  const { ok, report } = await gradcheck(fn, x, { eps: 1e-3 });
  expect(ok, report).toBe(true);
  for (const tensor of x) tensor.dispose();
}
const drawn = (name: string, shape: readonly number[], lo: number, hi: number) =>
  device.tensor(Float32Array.from(rnd(name, [...shape], lo, hi)), shape).keep();

test("the binary dice loss is the reference's", async () => {
  const make = () => binaryDiceLoss(inputs().p, inputs().t);
  await expectLoss(device, make, answer("BinaryDiceLoss"));
});

test.each([
  ["{}", {}],
  ['{"alpha": 0.25}', { alpha: 0.25 }],
  ['{"alpha": [1.0, 3.0]}', { alpha: [1, 3] }],
  ['{"gamma": 0}', { gamma: 0 }],
])("the focal loss with %s is the reference's", async (name, options) => {
  await expectLoss(
    device,
    () => focalLoss(softmax(inputs().logits, -1), inputs().t, options),
    answer(`FocalLoss softmax(a[:,0:2]) target=(b[:,0]>0) float32 ${name}`),
  );
});

test("the focal loss of every pixel is the reference's", async () => {
  const [values] = await device.read(() => [
    focalLoss(softmax(inputs().logits, -1), inputs().t, { reduction: "none" }),
  ]);
  const want = answer<number[]>(
    'FocalLoss softmax(a[:,0:2]) target=(b[:,0]>0) float32 {"size_average": false}',
  );
  closeTo(values!, want, { rtol: 1e-5, atol: 1e-6 });
});

test("a certain pixel has a focal loss of zero, an impossible one is finite", async () => {
  const [values] = await device.read(() => {
    const p = device.tensor([1, 0, 0, 0, 1, 0, 0, 0, 1], [3, 3]);
    return [focalLoss(p, device.tensor(Int32Array.of(0, 1, 0), [3]), { reduction: "none" })];
  });
  expect(values![0]).toBeCloseTo(0, 6);
  expect(values![1]).toBeCloseTo(0, 6);
  expect(values![2]).toBeGreaterThan(5);
  expect(Number.isFinite(values![2])).toBe(true);
});

test("the binary focal loss is the reference's, averaged and as a sum", async () => {
  const make = () => binaryFocalLoss(inputs().p, inputs().t);
  await expectLoss(device, make, answer("FFocalLoss p,t"));
  const summed = () => binaryFocalLoss(inputs().p, inputs().t, { alpha: 0.25, reduction: "sum" });
  await expectLoss(device, summed, answer("FFocalLoss alpha=.25 sum"));
});

test("the cross-entropy of a segmentation is NaN on raw logits as the reference's, and right by default", async () => {
  expect(answer("SegmentCELoss")).toBe("NaN");
  const [raw, own, entropy] = await device.read(() => [
    segmentCrossEntropy(inputs().logits, inputs().t, { focalOf: "logits" }),
    segmentCrossEntropy(inputs().logits, inputs().t),
    segmentCrossEntropy(inputs().logits, inputs().t, { weight: 0 }),
  ]);
  expect(raw![0]).toBeNaN();
  const focal = answer<number>("FocalLoss softmax(a[:,0:2]) target=(b[:,0]>0) float32 {}");
  expect(own![0]! - entropy![0]!).toBeCloseTo(focal, 5);
});

test("the cross-entropy with soft targets is the reference's", async () => {
  const make = () => {
    const { a, b } = inputs();
    return softTargetCrossEntropy(mean(a, [1, 2]), softmax(mean(b, [1, 2]), -1));
  };
  await expectLoss(device, make, answer("SoftTargetCE target=softmax(mean_hw(b))"));
});

test("one minus SSIM is the reference's, and zero for equal images", async () => {
  const image = (name: string) => golden(device, name, [1, 2, 16, 16], 0, 1);
  await expectLoss(device, () => ssimLoss(image("im1"), image("im2")), answer("SSIMLoss"));
  await expectLoss(device, () => ssimLoss(image("im1"), image("im1")), 0);
});

test("the deviation loss is the reference's", async () => {
  const scores = () => device.tensor([0.5, -1, 3, 7], [4]);
  const labels = () => device.tensor([0, 0, 1, 1], [4]);
  const draws = Float32Array.from(rnd("devref", [5000], -1.7320508, 1.7320508));
  const { value } = answer<{ value: number }>("DeviationLoss");
  const make = () => deviationLoss(scores(), labels(), device.tensor(draws, [5000]));
  await expectLoss(device, make, value);
});

test("the gradients of all of them are right", async () => {
  const t = device.tensor([1, 0, 0, 1, 1, 0], [2, 3]).keep();
  const p = () => drawn("p", [2, 3], 0.1, 0.9);
  await expectGradient((x) => binaryDiceLoss(x!, t), [p()]);
  await expectGradient((x) => binaryFocalLoss(x!, t, { alpha: 0.3, gamma: 2.5 }), [p()]);
  const logits = () => drawn("logits", [2, 3, 2], -1, 1);
  await expectGradient(
    (x) => focalLoss(softmax(x!, -1), t, { alpha: 0.3, gamma: 1.5 }),
    [logits()],
  );
  await expectGradient((x) => segmentCrossEntropy(x!, t), [logits()]);
  const soft = drawn("soft", [2, 3, 2], 0, 1);
  await expectGradient((x) => softTargetCrossEntropy(x!, soft), [logits()]);
  const image = (name: string) => drawn(name, [1, 5, 7, 2], 0, 1);
  await expectGradient((a, b) => ssimLoss(a!, b!, { window: 5 }), [image("i1"), image("i2")]);
  const labels = device.tensor([0, 1, 1], [3]).keep();
  const draws = drawn("draws", [50], -1, 1);
  await expectGradient((x) => deviationLoss(x!, labels, draws), [drawn("scores", [3], 1, 2)]);
  for (const tensor of [t, soft, labels, draws]) tensor.dispose();
});

test("shapes and options that make no sense are refused", () => {
  device.scope(() => {
    const [p, t] = [device.zeros([2, 3]), device.zeros([2])];
    expect(() => binaryDiceLoss(p, t)).toThrow("binaryDiceLoss: needs two tensors of one shape");
    expect(() => focalLoss(p, p)).toThrow("focalLoss: needs probabilities [..., C]");
    expect(() => focalLoss(p, t, { alpha: [1, 2] })).toThrow(
      "focalLoss: alpha must be 3 weights with a sum above 0, got [1,2]",
    );
    expect(() => focalLoss(p, t, { alpha: 0.5, balanceIndex: 3 })).toThrow(
      "focalLoss: balanceIndex must be one of 3 classes, got 3",
    );
    expect(() => ssimLoss(p, p)).toThrow("ssimLoss: needs two images of one shape");
    const image = device.zeros([1, 4, 4, 1]);
    expect(() => ssimLoss(image, image, { window: 4 })).toThrow("ssimLoss: window must be odd");
    expect(() => deviationLoss(t, p, p)).toThrow("deviationLoss: needs one label for each score");
  });
});
