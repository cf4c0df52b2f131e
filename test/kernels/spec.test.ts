/** Kernels are data: what can be said of them without a GPU. */
import { expect, test } from "vitest";
import {
  allF32,
  type ConvShape,
  copyKernel,
  type DirectPlan,
  directConvKernel,
  directMatmulKernel,
  directWeightGradKernel,
  type Float,
  fold,
  kernel,
  maxGridAxis,
  pointwiseKernel,
  reduceKernel,
  stridesOf,
  weightGradChunks,
  wgsl,
} from "../../src/kernels/index.ts";

const plain: DirectPlan = { name: "plain", kind: "direct", subgroups: false };
const handed: DirectPlan = { name: "handed", kind: "direct", subgroups: true };
const shape = {
  n: 2,
  h: 9,
  w: 7,
  c: 8,
  k: 16,
  kh: 3,
  kw: 3,
  oh: 9,
  ow: 7,
  strideH: 1,
  strideW: 1,
  padTop: 1,
  padLeft: 1,
  dilationH: 1,
  dilationW: 1,
  groups: 1,
} as const;

test("a grid longer than one axis allows is folded and covers every workgroup", () => {
  for (const count of [1, 65_535, 65_536, 1_000_003, 2 ** 31]) {
    const [x, y, z] = fold(count);
    expect(Math.max(x, y)).toBeLessThanOrEqual(maxGridAxis);
    expect(x * y * z).toBeGreaterThanOrEqual(count);
    expect(x * y - count).toBeLessThan(x);
  }
});

test("a grid that cannot be folded is refused with its size", () => {
  expect(() => fold(2 ** 33)).not.toThrow();
  const parts = {
    name: "big",
    inputs: [],
    outputs: [{ name: "y", type: "f32" }],
    body: "y[0] = 1.0;",
  };
  expect(() => kernel({ ...parts, workgroup: [1], grid: fold(2 ** 33) })).toThrow(
    /^big: grid of \d+ × \d+ × 1 workgroups is outside 1…65535 per axis; lower the batch or image size$/,
  );
});

test("sizes are parameters: two shapes share one shader", () => {
  const other = { ...shape, n: 5, h: 33, w: 12, oh: 33, ow: 12, c: 24, k: 40 };
  const of = (s: ConvShape, shift?: Float) => directConvKernel(s, handed, allF32, { shift });
  expect(of(other).code).toBe(of(shape).code);
  expect(of(other).grid).not.toEqual(of(shape).grid);
  expect(of(shape, "f32").code).not.toBe(of(shape).code);
});

test("subgroups are asked for only where they are wanted", () => {
  const [yes, no] = [handed, plain].map((p) => directWeightGradKernel(shape, p, allF32, 2));
  expect([yes?.subgroups, no?.subgroups]).toEqual([true, false]);
  expect(yes?.code).toMatch(/^enable subgroups;/);
  expect(no?.code).not.toContain("subgroup");
});

test("buffers are bound inputs first, and outputs are written", () => {
  const size = { batch: 1, m: 3, n: 5, k: 7, strideA: 21, strideB: 35 };
  const s = { ...size, transposeA: false, transposeB: true };
  const spec = directMatmulKernel(s, plain, allF32, {});
  expect(spec.access).toEqual(["read", "read", "write"]);
  expect(spec.params?.byteLength).toBe(48); // nine numbers in blocks of four
});

test("chunks of a weight gradient keep their partial sums small", () => {
  const huge = { ...shape, n: 64, h: 512, w: 512, oh: 512, ow: 512, c: 512, k: 512 };
  expect(weightGradChunks(huge) * 9 * 512 * 512 * 4).toBeLessThanOrEqual(64 * 2 ** 20);
  expect(weightGradChunks({ ...shape, n: 1, oh: 1, ow: 1 })).toBe(1);
});

test("what a shader may not hold is refused", () => {
  expect(() => wgsl`let x = ${undefined as unknown as string};`).toThrow(
    'wgsl: value 0 after "let x = " is undefined',
  );
  expect(() => wgsl`let x = ${Number.NaN};`).toThrow("is NaN");
  const args = Array.from({ length: 12 }, (_, i) => {
    return { name: `a${i}`, dtype: "f32" as const, shape: [2, 1, 3, 1, 2, 1, 2] };
  });
  const box = {
    name: "wide",
    expression: "a0",
    args,
    shape: [2, 2, 3, 2, 2, 2, 2],
    dtype: "f32" as const,
  };
  expect(() => pointwiseKernel(box)).toThrow(/^wide: \d+ parameters, room is for 64/);
  const fractional = {
    box: [2.5],
    from: { start: 0, strides: [1] },
    to: { start: 0, strides: [1] },
  };
  expect(() => copyKernel({ name: "half", dtype: "f32", ...fractional })).toThrow(/^half: /);
});

test("conditions of the preprocessor choose text", () => {
  const text = (on: boolean) => wgsl`a
#if ${on}
b
#else
c
#endif`;
  expect(text(true)).toContain("b");
  expect(text(true)).not.toContain("c");
  expect(text(false)).not.toContain("b");
});

test("strides are row-major", () => {
  expect(stridesOf([2, 3, 4])).toEqual([12, 4, 1]);
  expect(stridesOf([])).toEqual([]);
});

test("a fold over few elements takes the column form, over many the row form", () => {
  const base = { name: "sum", fold: "sum", dtype: "f32", outer: 4, inner: 1, chunks: 1 } as const;
  expect(reduceKernel({ ...base, n: 8 }).code).not.toContain("workgroupBarrier");
  expect(reduceKernel({ ...base, n: 800 }).code).toContain("workgroupBarrier");
});
