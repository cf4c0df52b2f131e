/** A convolution adds the gradient that has arrived for its input in its own launch, whatever the plan. */
import { expect, test } from "vitest";
import { add, backward, conv2d, mul, relu, sum, type Tensor } from "../../src/core/index.ts";
import { inputGradBy } from "../../src/core/ops/conv-by-plan.ts";
import { type Caps, type ConvShape, inputGradPlans } from "../../src/kernels/index.ts";
import { testDevice } from "../device.ts";
import { rnd } from "../golden.ts";
import { closeTo } from "./fixtures.ts";

const device = await testDevice();

const gpu: Caps = {
  subgroups: device.subgroups,
  f16: true,
  workgroupMemory: 32_768,
  workgroupThreads: 1024,
  software: false,
};

const plain = { strideH: 1, strideW: 1, dilationH: 1, dilationW: 1, padTop: 1, padLeft: 1 };
const size = { n: 2, h: 9, w: 7, oh: 9, ow: 7, kh: 3, kw: 3 };
const shapes: Readonly<Record<string, ConvShape>> = {
  "3×3": { ...size, ...plain, c: 12, k: 20, groups: 1 },
  "odd channels": { ...size, ...plain, c: 7, k: 5, groups: 1 },
  "stride 2": { ...size, ...plain, c: 18, k: 8, strideH: 2, strideW: 2, oh: 5, ow: 4, groups: 1 },
  "1×1": { ...size, ...plain, kh: 1, kw: 1, padTop: 0, padLeft: 0, c: 12, k: 8, groups: 1 },
  depthwise: { ...size, ...plain, c: 8, k: 8, groups: 8 },
};

const draw = (name: string, shape: readonly number[]) =>
  device.tensor(Float32Array.from(rnd(name, shape)), shape);

for (const [name, s] of Object.entries(shapes))
  test(`every plan of the input gradient adds: ${name}`, async () => {
    const dy = draw(`dy ${name}`, [s.n, s.oh, s.ow, s.k]);
    const w = draw(`w ${name}`, [s.kh, s.kw, s.c / s.groups, s.k]);
    const residual = draw(`residual ${name}`, [s.n, s.h, s.w, s.c]);
    const all = [gpu, { ...gpu, software: true }].flatMap((caps) => inputGradPlans(s, caps));
    const small = all.filter((p) => !/^tile/.test(p.name) || p.name === "tile32x32");
    for (const plan of new Map(small.map((p) => [p.name, p])).values()) {
      const [at, whole] = [0, 1].map((k) =>
        "parts" in plan ? { ...plan, parts: 2 * k + 1 } : plan,
      );
      for (const p of [at!, whole!]) {
        const [sumOf, apart] = await device.read(() => [
          inputGradBy(p, w, dy, s, { residual }),
          add(inputGradBy(p, w, dy, s), residual),
        ]);
        closeTo(sumOf!, apart!, { rtol: 1e-6, atol: 1e-6 });
      }
    }
    for (const t of [dy, w, residual]) t.dispose();
  });

test("a residual block needs no launch for the sum of its two gradients", async () => {
  const shape = [1, 6, 5, 4];
  const leaves = [draw("x", shape), draw("w", [3, 3, 4, 4])] as [Tensor, Tensor];
  for (const t of leaves) t.setRequiresGrad(true);
  const [x, w] = leaves;
  const kernels: string[] = [];
  const push = device.queue.push.bind(device.queue);
  device.queue.push = (launch, ...rest) => {
    kernels.push(launch.spec.name);
    push(launch, ...rest);
  };
  const run = (seen: boolean) =>
    device.read(() => {
      const start = mul(x, 2);
      const first = conv2d(start, w, undefined, { padding: 1 });
      const end = add(relu(first), seen ? start : mul(start, 1));
      backward(sum(mul(end, 3)));
      const grads = leaves.map((t) => (t.grad as Tensor).view());
      for (const t of leaves) {
        t.grad?.dispose();
        t.grad = null;
      }
      return grads;
    });
  const direct = await run(true);
  expect(kernels).toContain("conv2d input gradient");
  expect(kernels).not.toContain("accumulate");
  const other = await run(false);
  for (const i of [0, 1]) closeTo(direct[i]!, other[i]!, { rtol: 1e-5, atol: 1e-5 });
  for (const t of leaves) t.dispose();
});
