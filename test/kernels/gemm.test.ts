/** Products as data: which tile for which shape, one shader for all sizes, and Winograd's matrices. */
import { expect, test } from "vitest";
import {
  inputMatrix,
  type Matrix,
  mapWindow,
  outputMatrix,
  weightMatrix,
} from "../../src/kernels/gemm/winograd.ts";
import {
  allF32,
  type Caps,
  type ConvShape,
  convPlans,
  convProduct,
  inputGradPlans,
  matmulPlans,
  type TiledPlan,
  tiledKernel,
  tiledPlans,
  weightGradPlans,
} from "../../src/kernels/index.ts";

const gpu: Caps = {
  subgroups: true,
  f16: true,
  workgroupMemory: 49_152,
  workgroupThreads: 1024,
  software: false,
};
const one = { strideH: 1, strideW: 1, dilationH: 1, dilationW: 1, groups: 1 };
const shape: ConvShape = {
  ...{ n: 16, h: 64, w: 64, c: 32, k: 32, kh: 3, kw: 3, oh: 64, ow: 64 },
  ...{ ...one, padTop: 1, padLeft: 1 },
};
const names = (plans: readonly { readonly name: string }[]) => plans.map((p) => p.name);

test("a large product takes the largest tile, few columns a narrow one, few rows a small one", () => {
  const first = (m: number, n: number) => tiledPlans({ m, n, batches: 1, depth: 64 }, gpu)[0]?.name;
  expect(first(4096, 4096)).toBe("tile128x128");
  expect(first(65_536, 32)).toBe("tile128x32");
  expect(first(65_536, 64)).toBe("tile128x64");
  expect(first(256, 256)).toBe("tile64x64");
});

test("long sums of few results are split until the device is full, and no further", () => {
  const partsOf = (m: number, depth: number) =>
    tiledPlans({ m, n: 64, batches: 1, depth }, gpu)[0]?.parts ?? 0;
  expect(partsOf(64, 131_072)).toBeGreaterThan(16);
  expect(partsOf(1_000_000, 131_072)).toBe(1);
  expect(partsOf(64, 100)).toBe(1);
  for (const plan of tiledPlans({ m: 4608, n: 512, batches: 1, depth: 1_000_000 }, gpu)) {
    expect(plan.parts * 4608 * 512 * 4).toBeLessThanOrEqual(64 * 2 ** 20);
  }
});

test("a tile that does not fit the adapter is not on the list", () => {
  const size = { m: 4096, n: 4096, batches: 1, depth: 64 };
  expect(names(tiledPlans(size, { ...gpu, workgroupMemory: 16_384 }))).not.toContain("tile128x128");
  expect(names(tiledPlans(size, { ...gpu, workgroupThreads: 128 }))).toEqual([
    "tile128x32",
    "tile32x32",
  ]);
});

test("tiles come first on a GPU and are not offered on a software adapter; the plain plan is last", () => {
  const software = { ...gpu, software: true };
  for (const plans of [convPlans, inputGradPlans, weightGradPlans]) {
    expect(plans(shape, gpu)[0]?.kind).toBe("tiled");
    expect(plans(shape, software).map((p) => p.kind)).not.toContain("tiled");
    expect(plans(shape, gpu).at(-1)?.name).toBe("plain");
    expect(plans(shape, { ...software, subgroups: false }).at(-1)?.name).toBe("plain");
    const all = names(plans(shape, gpu));
    expect(new Set(all).size).toBe(all.length);
  }
  const s = { batch: 1, m: 64, n: 64, k: 64, strideA: 0, strideB: 0 };
  const flags = { transposeA: false, transposeB: false };
  expect(names(matmulPlans({ ...s, ...flags }, software))).toEqual(["handed", "plain"]);
});

test("1×1, depthwise and wide 3×3 convolutions have plans of their own", () => {
  const of = (s: Partial<ConvShape>) => names(convPlans({ ...shape, ...s }, gpu)).join(" ");
  expect(of({ kh: 1, kw: 1, padTop: 0, padLeft: 0 })).toMatch(/^pointwise-tile/);
  expect(of({ kh: 1, kw: 1, padTop: 0, padLeft: 0, strideH: 2, oh: 32 })).not.toMatch(/pointwise/);
  expect(of({ groups: 32 })).toMatch(/^depthwise /);
  expect(of({})).toMatch(/winograd4x4/);
  expect(of({ c: 34 })).not.toMatch(/winograd/);
  expect(of({ dilationH: 2 })).not.toMatch(/winograd/);
});

test("one tiled shader serves all sizes, also in several parts", () => {
  const plan = tiledPlans({ m: 4096, n: 64, batches: 1, depth: 64 }, gpu)[0] as TiledPlan;
  const of = (s: ConvShape, p: TiledPlan) => tiledKernel(convProduct(s, allF32, {}), p);
  const other = { ...shape, n: 3, h: 20, w: 22, oh: 20, ow: 22, c: 64, k: 96 };
  expect(of(other, { ...plan, parts: 4 }).code).toBe(of(shape, plan).code);
  expect(of(other, plan).grid).not.toEqual(of(shape, plan).grid);
});

const times = (m: Matrix, v: readonly number[]) =>
  m.map((row) => row.reduce((sum, x, i) => sum + x * (v[i] as number), 0));

for (const side of [2, 4] as const) {
  test(`Winograd's matrices convolve: ${side} results of ${side + 2} values and 3 taps`, () => {
    const d = Array.from({ length: side + 2 }, (_, i) => Math.cos(i * 3));
    const w = [0.3, -1.2, 0.7];
    const products = times(inputMatrix[side], d).map((x, i) => {
      return x * (times(weightMatrix[side], w)[i] as number);
    });
    const y = times(outputMatrix[side], products);
    y.forEach((value, i) => {
      const expected = w.reduce((sum, tap, j) => sum + tap * (d[i + j] as number), 0);
      expect(value).toBeCloseTo(expected, 12);
    });
  });
}

test("a window is mapped without products by 0 and 1", () => {
  const text = mapWindow(inputMatrix[2]);
  expect(text).toContain("let h_0_0 = d_0_0 - d_2_0;");
  expect(text).toContain("let e_1_2 = - h_1_1 + h_1_2;");
});
