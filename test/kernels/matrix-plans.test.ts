/** Plans for tensor cores: which there are, which comes first, and when there are none. */
import { describe, expect, test } from "vitest";
import {
  allF32,
  type Caps,
  type ConvShape,
  convNeeds,
  convPlans,
  inputGradPlans,
  type MatrixConfig,
  type MatrixPlan,
  matmulNeeds,
  matrixConvPlans,
  matrixInputGradPlans,
  matrixMatmulPlans,
  matrixMisfit,
  matrixTiles,
  matrixWeightGradPlans,
  weightGradPlans,
  workgroupBytes,
} from "../../src/kernels/index.ts";
import { conv } from "./matrix-reference.ts";

const half = { operands: "f16", result: "f16" } as const;
const f16 = (M: number, N: number, K: number): MatrixConfig => ({
  ...{ componentType: "f16", resultComponentType: "f32", M, N, K },
});
const h100: Caps = {
  subgroups: true,
  f16: true,
  matrix: {
    configs: [f16(16, 8, 8), f16(16, 8, 16), f16(16, 16, 16)],
    dialect: "template",
    subgroupSize: 32,
    pinned: true,
  },
  workgroupMemory: 49_152,
  workgroupThreads: 1024,
  software: false,
};

const product = (m: number, n: number, k: number) => ({
  ...{ batch: 1, m, n, k, transposeA: false, transposeB: false, strideA: 0, strideB: 0 },
});
const layers: Readonly<Record<string, ConvShape>> = {
  "layer 1 of a ResNet": conv({ n: 32, h: 64, w: 64, c: 64, k: 64 }),
  "layer 2 of a ResNet": conv({ n: 32, h: 64, w: 64, c: 64, k: 128, strideH: 2, strideW: 2 }),
  "layer 4 of a ResNet": conv({ n: 32, h: 8, w: 8, c: 512, k: 512 }),
  "the finest branch of an HRNet": conv({ n: 32, h: 64, w: 64, c: 32, k: 32 }),
  "a 1×1 convolution": conv({
    n: 8,
    h: 64,
    w: 64,
    c: 256,
    k: 64,
    kh: 1,
    kw: 1,
    padTop: 0,
    padLeft: 0,
  }),
};

function first(plans: readonly MatrixPlan[]): string {
  const [plan] = plans;
  return plan ? `${plan.tile.m}x${plan.tile.n} in ${plan.parts}` : "none";
}

test("without f16 operands, matrix units or a single group there are none", () => {
  const s = conv({ n: 4, c: 32, k: 32 });
  const { matrix: _, ...without } = h100;
  for (const plans of [matrixConvPlans, matrixInputGradPlans, matrixWeightGradPlans]) {
    expect(plans(s, half, h100).length).toBeGreaterThan(0);
    expect(plans(s, allF32, h100)).toEqual([]);
    expect(plans(s, half, without)).toEqual([]);
    expect(plans({ ...s, groups: 2 }, half, h100)).toEqual([]);
  }
  expect(matrixMatmulPlans(product(64, 64, 64), allF32, h100)).toEqual([]);
  expect(matrixMatmulPlans(product(64, 4, 64), half, h100)).toEqual([]);
});

describe.each(Object.entries(layers))("of %s", (_, s) => {
  test("every list begins with matrix units and ends with the plain kernel", () => {
    for (const plans of [convPlans, inputGradPlans, weightGradPlans]) {
      const kinds = plans(s, h100, half).map((p) => p.kind);
      expect(kinds[0]).toBe("matrix");
      expect(kinds.at(-1)).toBe("direct");
      expect(plans(s, h100).map((p) => p.kind)).not.toContain("matrix");
    }
  });

  test("names are unique and have no spaces, and what is listed fits", () => {
    for (const plans of [matrixConvPlans, matrixInputGradPlans, matrixWeightGradPlans]) {
      const list = plans(s, half, h100);
      const names = list.map((p) => p.name);
      expect(new Set(names).size).toBe(names.length);
      for (const name of names) expect(name).toMatch(/^[\x21-\x7e]{1,80}$/);
    }
    for (const plan of matrixConvPlans(s, half, h100)) {
      expect(workgroupBytes(plan, convNeeds(s))).toBeLessThanOrEqual(h100.workgroupMemory);
      expect(plan.parts).toBeGreaterThanOrEqual(1);
    }
  });
});

test("large products take the largest tile, small ones more tiles or parts", () => {
  expect(first(matrixMatmulPlans(product(4096, 4096, 4096), half, h100))).toBe("256x128 in 1");
  expect(first(matrixMatmulPlans(product(256, 256, 256), half, h100))).toBe("64x64 in 1");
  const [long] = matrixMatmulPlans(product(128, 128, 65_536), half, h100);
  expect(long?.parts).toBeGreaterThan(8);
  const [weight] = matrixWeightGradPlans(layers["layer 1 of a ResNet"] as ConvShape, half, h100);
  expect(weight?.parts).toBeGreaterThan(8);
});

test("few channels take narrow tiles", () => {
  const s = layers["the finest branch of an HRNet"] as ConvShape;
  expect(first(matrixConvPlans(s, half, h100))).toMatch(/x32 in 1$/);
});

test("the best shape of the units comes first, others and other packings later", () => {
  const names = matrixMatmulPlans(product(4096, 4096, 4096), half, h100).map((p) => p.name);
  expect(names.slice(0, matrixTiles.length).every((n) => n.endsWith("/16x16x16/p4"))).toBe(true);
  expect(names.some((n) => n.endsWith("/16x16x16/p8"))).toBe(true);
  expect(names.some((n) => n.endsWith("/16x8x16/p4"))).toBe(true);
});

test("an older Dawn stages single halves", () => {
  const matrix = { ...(h100.matrix as NonNullable<Caps["matrix"]>), dialect: "argument" as const };
  const plans = matrixMatmulPlans(product(512, 512, 512), half, { ...h100, matrix });
  expect(new Set(plans.map((p) => p.unit.packing))).toEqual(new Set([1]));
});

test("a layout that can't be used says why", () => {
  const [plan] = matrixMatmulPlans(product(512, 512, 512), half, h100);
  const layout = plan as MatrixPlan;
  const needs = matmulNeeds(product(512, 512, 512));
  const why = (change: object, limits: object = {}) =>
    matrixMisfit({ ...layout, ...change }, needs, { ...h100, ...limits });
  expect(why({})).toBeUndefined();
  expect(why({}, { workgroupMemory: 1000 })).toMatch(
    /^\d+ bytes of workgroup memory, 1000 are allowed$/,
  );
  expect(why({}, { workgroupThreads: 64 })).toMatch(/threads, 64 are allowed$/);
  expect(why({ tile: { ...layout.tile, m: 72 } })).toMatch(/does not divide into fragments/);
  expect(why({ tile: { ...layout.tile, patch: 3 } })).toMatch(/^patch of 3 in \d fragments$/);
  const tall = matrixTiles.find((t) => t.m === 256 && t.n === 64);
  const odd = { ...needs, a: { alongK: false, width: 1, spots: false } } as const;
  expect(matrixMisfit({ ...layout, tile: tall ?? layout.tile }, odd, h100)).toBe(
    "128 threads do not deal out tile 256x64x32",
  );
  expect(matrixMisfit(layout, { ...needs, largest: 2 ** 31 }, h100)).toBe(
    "a tensor of 2³¹ elements",
  );
});
