/** Every way to compute a product gives what the plain one gives, on shapes that divide into nothing, and the same bits twice. */
import { expect, test } from "vitest";
import type { Tensor } from "../../src/core/index.ts";
import { convolveBy, inputGradBy, weightGradBy } from "../../src/core/ops/conv-by-plan.ts";
import { multiplyBy } from "../../src/core/ops/multiply.ts";
import {
  type Caps,
  type ConvShape,
  convPlans,
  convSize,
  inputGradPlans,
  inputGradSize,
  type MatmulShape,
  matmulPlans,
  type Plan,
  weightGradPlans,
  weightGradSize,
} from "../../src/kernels/index.ts";
import { testDevice } from "../device.ts";

const device = await testDevice();

/** A GPU's abilities: its plans are all run here too. */
const gpu: Caps = {
  subgroups: device.subgroups,
  f16: true,
  workgroupMemory: 32_768,
  workgroupThreads: 1024,
  software: false,
};
const caps = [gpu, { ...gpu, software: true }];

interface Geometry {
  readonly stride?: number;
  readonly dilation?: number;
  readonly pads?: readonly [top: number, bottom: number, left: number, right: number];
  readonly groups?: number;
}

function conv(
  [n, h, w, c]: readonly [number, number, number, number],
  [kh, kw, k]: readonly [number, number, number],
  { stride = 1, dilation = 1, pads = [1, 1, 1, 1], groups = 1 }: Geometry = {},
): ConvShape {
  const oh = Math.floor((h + pads[0] + pads[1] - dilation * (kh - 1) - 1) / stride) + 1;
  const ow = Math.floor((w + pads[2] + pads[3] - dilation * (kw - 1) - 1) / stride) + 1;
  const steps = { strideH: stride, strideW: stride, dilationH: dilation, dilationW: dilation };
  return { n, h, w, c, k, kh, kw, oh, ow, ...steps, padTop: pads[0], padLeft: pads[2], groups };
}

const shapes: Readonly<Record<string, ConvShape>> = {
  "3×3 of 7 to 37 channels": conv([3, 9, 7, 7], [3, 3, 37]),
  "3×3 of 36 to 20 channels, batch 1": conv([1, 11, 13, 36], [3, 3, 20]),
  "7×7 stem, stride 2": conv([2, 21, 19, 3], [7, 7, 16], { stride: 2, pads: [3, 3, 3, 3] }),
  "3×3 of 18 channels, stride 2": conv([3, 10, 9, 18], [3, 3, 18], { stride: 2 }),
  "3×3 of one channel": conv([1, 5, 6, 1], [3, 3, 8]),
  "dilation 2, stride 3, odd padding": conv([2, 14, 13, 8], [3, 2, 12], {
    ...{ stride: 3, dilation: 2, pads: [2, 1, 0, 3] as const },
  }),
  "stride 2, dilation 2": conv([1, 12, 12, 4], [3, 3, 4], { stride: 2, dilation: 2 }),
  "1×1": conv([3, 5, 7, 20], [1, 1, 12], { pads: [0, 0, 0, 0] }),
  "1×1, stride 2": conv([2, 9, 8, 12], [1, 1, 7], { stride: 2, pads: [0, 0, 0, 0] }),
  "two groups of 6 to 10 channels": conv([2, 7, 8, 12], [3, 3, 20], { groups: 2 }),
  "four groups of 8 channels, stride 2": conv([1, 9, 9, 32], [3, 3, 32], { groups: 4, stride: 2 }),
  depthwise: conv([2, 9, 10, 12], [3, 3, 12], { groups: 12 }),
  "depthwise, two results for each of 7 channels, stride 2": conv([3, 8, 9, 7], [5, 5, 14], {
    ...{ groups: 7, stride: 2, pads: [2, 2, 2, 2] as const },
  }),
  "depthwise of 6 channels, dilation 2, odd padding": conv([1, 8, 9, 6], [3, 2, 6], {
    ...{ groups: 6, dilation: 2, pads: [1, 2, 0, 3] as const },
  }),
  "3×3 of 5 to 9 channels, stride 2, 1100 pixels": conv([1, 25, 44, 5], [3, 3, 9], { stride: 2 }),
  "3×3 of 40 to 32 channels, odd padding": conv([3, 21, 23, 40], [3, 3, 32], {
    pads: [2, 1, 0, 2],
  }),
  "3×3 of 72 to 136 channels": conv([1, 12, 12, 72], [3, 3, 136]),
};

/** Numbers between −1 and 1. */
function wave(shape: readonly number[], step: number): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  const x = Float32Array.from({ length: size }, (_, i) => Math.sin(i * step + 1));
  return device.tensor(x, shape);
}

/** Rounding errors of sums of factors up to 1, over the root of their number; transforms to larger numbers make larger errors. */
function room({ name }: Plan): number {
  return name === "winograd4x4" ? 4e-6 : name === "winograd2x2" ? 1e-6 : 5e-7;
}

/** Runs every plan but the last, twice, and holds it to the last, the plain one; `depth` products make one number. */
async function compare<P extends Plan>(
  depth: number,
  plans: readonly P[],
  run: (plan: P) => Tensor,
): Promise<void> {
  const plain = plans.at(-1) as P;
  const [expected] = (await device.read(() => [run(plain)])) as [Float32Array];
  const sqrt = Math.sqrt(depth);
  for (const plan of plans.slice(0, -1)) {
    const [a, b] = (await device.read(() => [run(plan), run(plan)])) as [
      Float32Array,
      Float32Array,
    ];
    expect(b, `${plan.name} twice`).toEqual(a);
    const off = a.findIndex(
      (v, i) => !(Math.abs(v - (expected[i] as number)) <= room(plan) * sqrt),
    );
    const text = `${plan.name} at ${off}: ${a[off]} instead of ${expected[off]}`;
    expect(off, text).toBe(-1);
  }
}

/** All plans that differ in structure; all tiles where `every` says so, else the smallest, for each takes a second to compile. */
function union<P extends Plan>(of: (caps: Caps) => readonly P[], every = false): P[] {
  const listed = caps.flatMap((c) => of(c));
  const wanted = listed.filter((p) => every || !/^tile/.test(p.name) || p.name === "tile32x32");
  const all = new Map(wanted.map((plan) => [plan.name + JSON.stringify(plan), plan] as const));
  const plain = wanted.find((p) => p.name === "plain") as P;
  return [...[...all.values()].filter((p) => p.name !== "plain"), plain];
}

/** Plans that split sums, or work piece by piece, do so with these few products too. */
function inParts<P extends Plan>(plan: P): P {
  if ("workspace" in plan) return { ...plan, workspace: 1 };
  return "parts" in plan ? { ...plan, parts: 3 } : plan;
}

const everyTile = "3×3 of 7 to 37 channels";

for (const [name, s] of Object.entries(shapes)) {
  test(`all plans of a convolution agree: ${name}`, async () => {
    const x = wave([s.n, s.h, s.w, s.c], 0.7);
    const w = wave([s.kh, s.kw, s.c / s.groups, s.k], 0.3);
    const dy = wave([s.n, s.oh, s.ow, s.k], 0.9);
    const every = name === everyTile;
    const forward = union((c) => convPlans(s, c), every);
    await compare(convSize(s).depth, forward, (plan) => {
      const y = device.empty(dy.shape);
      convolveBy(plan, x, w, y, s, {});
      return y;
    });
    const byInput = union((c) => inputGradPlans(s, c), every);
    await compare(inputGradSize(s).depth, byInput, (plan) => inputGradBy(plan, w, dy, s));
    const byWeight = union((c) => weightGradPlans(s, c), every);
    await compare(weightGradSize(s).depth, byWeight, (plan) => weightGradBy(plan, x, dy, s));
    for (const t of [x, w, dy]) t.dispose();
  });
}

for (const s of [conv([3, 9, 7, 10], [3, 3, 37], { stride: 2 }), conv([2, 19, 21, 36], [3, 3, 32])])
  test(`in several parts or pieces, with an epilogue: ${s.c} to ${s.k} channels`, async () => {
    const x = wave([s.n, s.h, s.w, s.c], 0.7);
    const w = wave([s.kh, s.kw, s.c, s.k], 0.3);
    const dy = wave([s.n, s.oh, s.ow, s.k], 0.9);
    const e = { scale: wave([s.k], 0.2), shift: wave([s.k], 0.4), residual: dy, relu: true };
    await compare(convSize(s).depth, union((c) => convPlans(s, c)).map(inParts), (plan) => {
      const y = device.empty(dy.shape);
      convolveBy(plan, x, w, y, s, e);
      return y;
    });
    const byInput = union((c) => inputGradPlans(s, c)).map(inParts);
    await compare(inputGradSize(s).depth, byInput, (plan) => inputGradBy(plan, w, dy, s));
    const byWeight = union((c) => weightGradPlans(s, c)).map(inParts);
    await compare(weightGradSize(s).depth, byWeight, (plan) => weightGradBy(plan, x, dy, s));
    for (const t of [x, w, dy, e.scale, e.shift]) t.dispose();
  });

const products = [
  [7, 37, 5],
  [130, 68, 36],
  [1, 1, 1],
  [40, 8, 300],
] as const;
const flags = [false, true].flatMap((a) => [false, true].map((b) => [a, b] as const));

for (const [m, n, k] of products) {
  test(`all plans of a matmul agree: ${m}×${n}×${k}`, async () => {
    const a = wave([2, m * k], 0.7);
    const b = wave([n * k], 0.3);
    for (const [transposeA, transposeB] of flags) {
      const strides = { strideA: m * k, strideB: 0 };
      const s: MatmulShape = { batch: 2, m, n, k, transposeA, transposeB, ...strides };
      await compare(k, union((c) => matmulPlans(s, c)).map(inParts), (plan) => {
        const y = device.empty([2, m, n]);
        multiplyBy(plan, a, b, y, s);
        return y;
      });
    }
    a.dispose();
    b.dispose();
  });
}
