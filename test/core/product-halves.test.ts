/** Products of halves: every plan reads them as they are, sums in f32, and stores what is asked for. */
import { expect, test } from "vitest";
import { conv2dFused, fromF16, matmul, type Tensor, toF16 } from "../../src/core/index.ts";
import { convolveBy, inputGradBy, weightGradBy } from "../../src/core/ops/conv-by-plan.ts";
import {
  type Caps,
  type ConvShape,
  convPlans,
  inputGradPlans,
  type ProductTypes,
  weightGradPlans,
} from "../../src/kernels/index.ts";
import { testDevice } from "../device.ts";

const device = await testDevice();
const f16: ProductTypes = { operands: "f16", result: "f16" };
const gpu: Caps = {
  subgroups: device.subgroups,
  f16: true,
  workgroupMemory: 32_768,
  workgroupThreads: 1024,
  software: false,
};
const steps = { strideH: 1, strideW: 1, dilationH: 1, dilationW: 1, groups: 1 };
const shapes: Readonly<Record<string, ConvShape>> = {
  "7 to 9 channels": {
    ...{ n: 3, h: 9, w: 7, c: 7, k: 9, kh: 3, kw: 3, oh: 5, ow: 4, ...steps },
    ...{ strideH: 2, strideW: 2, padTop: 1, padLeft: 1 },
  },
  "32 to 36 channels": {
    ...{ n: 1, h: 9, w: 8, c: 32, k: 36, kh: 3, kw: 3, oh: 9, ow: 8, ...steps },
    ...{ padTop: 1, padLeft: 1 },
  },
  depthwise: {
    ...{ n: 2, h: 6, w: 7, c: 8, k: 8, kh: 3, kw: 3, oh: 6, ow: 7, ...steps },
    ...{ groups: 8, padTop: 1, padLeft: 1 },
  },
};

/** The same values as halves and as f32. */
function both(shape: readonly number[], step: number): readonly [Tensor, Tensor] {
  const size = shape.reduce((a, b) => a * b, 1);
  const halves = fromF16(
    toF16(Float32Array.from({ length: size }, (_, i) => Math.sin(i * step + 1))),
  );
  return [device.tensor(halves, shape, "f16"), device.tensor(halves, shape)];
}

/** Holds a result in halves to the one of the same values in f32: half an ulp of a half apart, and the rounding of the sums. */
async function agrees(name: string, half: () => Tensor, full: () => Tensor): Promise<void> {
  const [a, b] = (await device.read(() => [half(), full()])) as [Float32Array, Float32Array];
  const most = b.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  const off = a.findIndex((v, i) => {
    const expected = b[i] as number;
    return !(Math.abs(v - expected) <= 2 ** -10.9 * Math.abs(expected) + 1e-5 * most);
  });
  expect(off, `${name}: ${a[off]} instead of ${b[off]}`).toBe(-1);
}

for (const [name, s] of Object.entries(shapes)) {
  test(`all plans take and make halves: ${name}`, async () => {
    const [x, x32] = both([s.n, s.h, s.w, s.c], 0.7);
    const [w, w32] = both([s.kh, s.kw, s.c / s.groups, s.k], 0.3);
    const [dy, dy32] = both([s.n, s.oh, s.ow, s.k], 0.9);
    const wanted = s.c % 4 === 0 ? /^(handed|tile32x32|winograd4x4|depthwise)$/ : /^handed$/; // each takes a second to compile
    for (const plan of convPlans(s, gpu, f16).filter((p) => wanted.test(p.name))) {
      const run = (a: Tensor, b: Tensor) => () => {
        const y = device.empty(dy.shape, a.dtype);
        convolveBy(plan, a, b, y, s, {});
        return y;
      };
      await agrees(plan.name, run(x, w), run(x32, w32));
    }
    for (const plan of inputGradPlans(s, gpu, f16).filter((p) => wanted.test(p.name))) {
      const run = (a: Tensor, b: Tensor) => () => inputGradBy(plan, a, b, s);
      await agrees(`${plan.name} input`, run(w, dy), run(w32, dy32));
    }
    for (const plan of weightGradPlans(s, gpu, f16).filter((p) => wanted.test(p.name))) {
      const run = (a: Tensor, b: Tensor) => () => weightGradBy(plan, a, b, s);
      await agrees(`${plan.name} weight`, run(x, dy), run(x32, dy32));
    }
    for (const t of [x, x32, w, w32, dy, dy32]) t.dispose();
  });
}

test("a fused convolution of halves may give f32", async () => {
  const [x, x32] = both([1, 4, 4, 8], 0.7);
  const [w, w32] = both([3, 3, 8, 5], 0.3);
  const options = { padding: 1, relu: true } as const;
  const [a, b] = (await device.read(() => [
    conv2dFused(x, w, { ...options, outDtype: "f32" }),
    conv2dFused(x32, w32, options),
  ])) as [Float32Array, Float32Array];
  expect(a).toEqual(b);
  for (const t of [x, x32, w, w32]) t.dispose();
});

test("operands of different types are refused", () => {
  device.scope(() => {
    const [a, b] = both([3, 3], 0.7);
    expect(() => conv2dFused(a.view([1, 3, 3, 1]), b.view([3, 3, 1, 1]))).toThrow(/one type/);
    a.dispose();
    b.dispose();
    const whole = device.zeros([3, 3], "i32");
    expect(() => matmul(whole, whole)).toThrow("needs f32 or f16");
  });
});
