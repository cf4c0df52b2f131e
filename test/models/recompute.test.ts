/** Networks whose blocks are computed again by the backward pass: the same step, bit by bit, in a fraction of the memory. */
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import {
  add,
  backward,
  noGrad,
  type Precision,
  program,
  Rng,
  sum,
  type Tensor,
  withPrecision,
} from "../../src/core/index.ts";
import { type Backbone, createBackbone, findBackbone } from "../../src/models/index.ts";
import { testDevice } from "../device.ts";

const device = await testDevice();

/** One backward pass from the sum of all levels. */
function step(net: Backbone, images: Tensor, precision: Precision = "f32"): Tensor {
  const levels = withPrecision(precision, () => net.forward(images));
  const [a, b, c] = levels.map((level) => sum(level)) as [Tensor, Tensor, Tensor];
  const loss = add(add(a, b), c);
  backward(loss, undefined, { freeGraph: true });
  return loss;
}

const digest = (data: NodeJS.TypedArray) => createHash("sha256").update(data).digest("hex");

/** Losses, gradients and state after two steps. */
async function train(name: string, recompute: boolean, precision: Precision = "f32") {
  const net = createBackbone(name, { device, rng: new Rng(7) }).recomputeActivations(recompute);
  const images = new Rng(1).normal(device, [2, 64, 40, 3]);
  const losses = [
    await device.read(() => [step(net, images, precision)]),
    await device.read(() => [step(net, images, precision)]),
  ];
  const reached = net.namedParameters().filter(([, p]) => p.grad);
  const read = async ([key, p]: [string, Tensor]) => [key, digest(await p.grad!.data())] as const;
  const grads = new Map(await Promise.all(reached.map(read)));
  const state = [...(await net.stateDict())].map(([key, t]) => [key, digest(t.data)] as const);
  const result = { losses, grads, state: new Map(state) };
  images.dispose();
  net.dispose();
  return result;
}

/** What the forward pass of a step on four images of 128 × 128 keeps for the gradients, and the most memory at once. */
function memory(name: string, recompute: boolean) {
  const net = findBackbone(name).create({ device, rng: undefined }, {});
  net.recomputeActivations(recompute);
  const recorded = program(device, (images: Tensor) => {
    const loss = step(net, images);
    for (const p of net.parameters()) {
      p.grad?.dispose();
      p.grad = null;
    }
    return loss;
  });
  const plan = recorded.plan({ shape: [4, 128, 128, 3], dtype: "f32" });
  recorded.dispose();
  net.dispose();
  return plan;
}

for (const name of ["resnet18", "hrnet_w18"]) {
  test(`${name}: losses, gradients, running statistics and counters have the same bits`, async () => {
    const again = await train(name, true);
    expect(again).toEqual(await train(name, false));
    expect(again.state.get("bn1.num_batches_tracked")).toBe(digest(BigInt64Array.of(2n)));
    expect(again.grads.size).toBeGreaterThan(40);
  }, 60_000);
}

test.runIf(device.features.has("shader-f16"))(
  "in half precision too, when the gradients come after",
  async () => {
    expect(await train("resnet18", true, "f16")).toEqual(await train("resnet18", false, "f16"));
  },
);

test("what is kept is a fraction", () => {
  for (const [name, share] of [
    ["resnet18", 0.4],
    ["resnet50", 0.35],
    ["hrnet_w18", 0.25],
  ] as const) {
    const [again, kept] = [memory(name, true), memory(name, false)];
    expect(again.activations / kept.activations, name).toBeLessThan(share);
    expect(again.peak / kept.peak, name).toBeLessThan(2 * share);
  }
});

test("evaluated without gradients it makes no difference", () => {
  const net = createBackbone("resnet18", { device, rng: new Rng(7) });
  const images = device.zeros([1, 32, 32, 3]);
  const launches = () => {
    const before = device.queue.launches;
    device.scope(() => void noGrad(() => net.eval().forward(images)));
    return device.queue.launches - before;
  };
  const before = launches();
  net.recomputeActivations();
  expect(launches()).toBe(before);
  images.dispose();
  net.dispose();
});
