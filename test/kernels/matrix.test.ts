/**
 * Tensor-core kernels, run on any adapter: fragments are emulated by loops over workgroup memory, and everything else (staging,
 * tiling, stride phases, chunks, patches, bounds, epilogue) is the very text that runs on matrix units. Operands are small whole
 * numbers, so sums are exact and a wrong index is a wrong number.
 */
import { afterEach, describe, expect, test } from "vitest";
import { launch, type Tensor } from "../../src/core/index.ts";
import type { ConvShape, Epilogue, KernelSpec, MatmulShape } from "../../src/kernels/index.ts";
import {
  convNeeds,
  inputGradNeeds,
  type MatrixLayout,
  type MatrixTile,
  type MatrixUnit,
  matmulNeeds,
  matrixConvKernel,
  matrixInputGradKernel,
  matrixMatmulKernel,
  matrixMisfit,
  matrixTiles,
  matrixWeightGradKernel,
  type ProductNeeds,
  tileName,
  weightGradNeeds,
  workgroupBytes,
} from "../../src/kernels/matrix/index.ts";
import { testDevice } from "../device.ts";
import { conv, convOf, inputGradOf, matmulOf, weightGradOf, wholes } from "./matrix-reference.ts";

const device = await testDevice();
const half = { operands: "f16", result: "f32" } as const;
const unit: MatrixUnit = {
  dialect: "emulated",
  fragment: { m: 16, n: 16, k: 16 },
  subgroupSize: 32,
  pinned: false,
  packing: 4,
};
/** Small, so that small shapes have several tiles, and software adapters compile it in no time. */
const small: MatrixTile = { m: 32, n: 32, k: 16, rows: 2, columns: 1, patch: 2, stages: 1 };
const limits = { workgroupMemory: 49_152, workgroupThreads: 256 };

function layout(tile: MatrixTile = small, change: Partial<MatrixUnit> = {}): MatrixLayout {
  return { tile, unit: { ...unit, ...change }, parts: 1 };
}

function checked(l: MatrixLayout, needs: ProductNeeds): MatrixLayout {
  expect(matrixMisfit(l, needs, limits)).toBeUndefined();
  return l;
}

type Input = readonly [Float32Array<ArrayBuffer>, "f16" | "f32"];

async function run(
  spec: KernelSpec,
  inputs: readonly Input[],
  size: number,
  result: "f16" | "f32" = "f32",
): Promise<Float32Array> {
  const [y] = await device.read(() => {
    const tensors = inputs.map(([data, type]) => device.tensor(data, [data.length], type));
    const out: Tensor = device.full([size], 77, result);
    launch(spec, tensors, [out]);
    return [out];
  });
  return y as Float32Array;
}

/** In one part, and in three that are added here, the product of two operands is exactly `want`. */
async function gives(
  want: Float32Array,
  make: (parts: number) => KernelSpec,
  a: Float32Array<ArrayBuffer>,
  b: Float32Array<ArrayBuffer>,
): Promise<void> {
  for (const parts of [1, 3]) {
    const operands = [a, b].map((data) => [data, "f16"] as const);
    const got = await run(make(parts), operands, parts * want.length);
    const sums = want.map((_, i) =>
      Array.from({ length: parts }, (_, part) => got[part * want.length + i] as number).reduce(
        (x, y) => x + y,
      ),
    );
    expect(difference(sums, want)).toBe("none");
  }
}

/** The first difference, as text: a bare comparison of long arrays says little. */
function difference(got: Float32Array, want: Float32Array): string {
  if (got.length !== want.length) return `${got.length} numbers, ${want.length} expected`;
  const i = want.findIndex((value, i) => !(value === got[i]));
  return i < 0 ? "none" : `[${i}] is ${got[i]}, expected ${want[i]}`;
}

afterEach(() => {
  expect(device.memory.stats().liveBuffers).toBe(0);
});

const product: MatmulShape = {
  batch: 1,
  m: 70,
  n: 72,
  k: 40,
  transposeA: false,
  transposeB: false,
  strideA: 0,
  strideB: 0,
};

async function multiplies(s: MatmulShape, l: MatrixLayout): Promise<void> {
  const a = wholes(s.m * s.k + (s.batch - 1) * s.strideA, 1);
  const b = wholes(s.k * s.n + (s.batch - 1) * s.strideB, 2);
  checked(l, matmulNeeds(s));
  await gives(matmulOf(s, a, b), (parts) => matrixMatmulKernel(s, { ...l, parts }, half, {}), a, b);
}

describe("a product of matrices", () => {
  const turns = [
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ] as const;
  const sizes = [
    [72, 80, 48],
    [68, 100, 36],
    [65, 67, 33],
    [1, 1, 1],
  ] as const;
  for (const [transposeA, transposeB] of turns) {
    for (const [m, n, k] of sizes) {
      const turned = `${transposeA ? ", A transposed" : ""}${transposeB ? ", B transposed" : ""}`;
      test(`of ${m}×${k} and ${k}×${n}${turned} is exact`, async () => {
        await multiplies({ ...product, m, n, k, transposeA, transposeB }, layout());
      });
    }
  }

  for (const tile of matrixTiles) {
    test(`is exact in tiles of ${tileName(tile)}`, async () => {
      const s = { ...product, m: 264, n: 136, k: 72 };
      const room = workgroupBytes(layout(tile), matmulNeeds(s)) <= 32_768; // of a software adapter
      await multiplies(s, layout(room ? tile : { ...tile, k: 16 }));
    });
  }

  for (const packing of [1, 8] as const) {
    test(`is exact with ${packing} halves packed`, async () => {
      await multiplies({ ...product, m: 72, n: 80, k: 48 }, layout(small, { packing }));
      const turned = { ...product, m: 72, n: 80, k: 48, transposeA: true, transposeB: true };
      await multiplies(turned, layout(small, { packing }));
    });
  }

  for (const fragment of [
    { m: 16, n: 8, k: 16 },
    { m: 16, n: 8, k: 8 },
    { m: 8, n: 16, k: 16 },
    { m: 8, n: 8, k: 8 },
  ]) {
    test(`is exact with fragments of ${fragment.m}×${fragment.n}×${fragment.k}`, async () => {
      await multiplies({ ...product, transposeA: true, m: 72, k: 41 }, layout(small, { fragment }));
    });
  }

  test("of a batch reads each its own matrices, or shares one", async () => {
    await multiplies({ ...product, batch: 3, strideA: 70 * 40, strideB: 40 * 72 }, layout());
    await multiplies({ ...product, batch: 2, m: 5, n: 7, k: 9, strideA: 45, strideB: 0 }, layout());
  });

  test("covers tall and wide results in bands of tiles", async () => {
    await multiplies({ ...product, m: 32 * 19 + 3, n: 100, k: 8 }, layout());
  });
});

const shapes: readonly (readonly [string, ConvShape])[] = [
  ["3×3", conv({})],
  ["3×3 over several images", conv({ n: 5, h: 7, w: 5, c: 16, k: 24 })],
  ["3×3 with stride 2", conv({ n: 2, h: 11, w: 8, strideH: 2, strideW: 2, c: 16, k: 72 })],
  [
    "7×7 with stride 2 of 3 channels",
    conv({
      n: 2,
      h: 15,
      w: 13,
      c: 3,
      k: 16,
      kh: 7,
      kw: 7,
      strideH: 2,
      strideW: 2,
      padTop: 3,
      padLeft: 3,
    }),
  ],
  ["1×1", conv({ n: 3, c: 40, k: 68, kh: 1, kw: 1, padTop: 0, padLeft: 0 })],
  [
    "1×1 with stride 2",
    conv({ n: 2, c: 24, k: 8, kh: 1, kw: 1, padTop: 0, padLeft: 0, strideH: 2, strideW: 2 }),
  ],
  ["1×1 with padding", conv({ c: 8, k: 8, kh: 1, kw: 1 })],
  ["channels of odd number", conv({ n: 2, h: 6, w: 6, c: 5, k: 7 })],
  ["channels in fours", conv({ n: 2, h: 6, w: 6, c: 12, k: 20 })],
  ["dilation 2", conv({ n: 2, h: 9, w: 10, dilationH: 2, dilationW: 2, padTop: 2, padLeft: 2 })],
  [
    "stride 3, dilation 2, uneven",
    conv({
      n: 2,
      h: 13,
      w: 11,
      kh: 2,
      kw: 4,
      strideH: 3,
      strideW: 2,
      dilationH: 2,
      dilationW: 2,
      padTop: 1,
      padLeft: 2,
    }),
  ],
  [
    "stride larger than the kernel",
    conv({ n: 2, h: 10, w: 9, kh: 2, kw: 1, strideH: 3, strideW: 4, padTop: 0, padLeft: 0 }),
  ],
  ["padding on one side", conv({ n: 1, h: 8, w: 8, padTop: 0, padLeft: 0, oh: 7, ow: 7 })],
  ["one pixel", conv({ n: 1, h: 1, w: 1, c: 1, k: 1 })],
  ["many pixels in a row", conv({ n: 2, h: 3, w: 90, c: 8, k: 8 })],
];

describe("a convolution", () => {
  for (const [name, s] of shapes) {
    const x = wholes(s.n * s.h * s.w * s.c, 3);
    const w = wholes(s.kh * s.kw * s.c * s.k, 4);
    const dy = wholes(s.n * s.oh * s.ow * s.k, 5);

    test(`of ${name} is exact`, async () => {
      const l = checked(layout(), convNeeds(s));
      await gives(convOf(s, x, w), (parts) => matrixConvKernel(s, { ...l, parts }, half, {}), x, w);
    });

    test(`of ${name} has an exact input gradient`, async () => {
      const l = checked(layout(), inputGradNeeds(s));
      const make = (parts: number) => matrixInputGradKernel(s, { ...l, parts }, half);
      await gives(inputGradOf(s, dy, w), make, dy, w);
    });

    test(`of ${name} has an exact weight gradient`, async () => {
      const l = checked(layout(), weightGradNeeds(s));
      const make = (parts: number) => matrixWeightGradKernel(s, { ...l, parts }, half);
      await gives(weightGradOf(s, x, dy), make, x, dy);
    });
  }

  test("is exact in a tile of several columns and steps, forward and back", async () => {
    const s = conv({ n: 3, h: 10, w: 11, c: 40, k: 72, strideH: 2, strideW: 2 });
    const x = wholes(s.n * s.h * s.w * s.c, 3);
    const w = wholes(s.kh * s.kw * s.c * s.k, 4);
    const dy = wholes(s.n * s.oh * s.ow * s.k, 5);
    const l = layout({ m: 32, n: 64, k: 32, rows: 2, columns: 2, patch: 1, stages: 2 });
    for (const needs of [convNeeds(s), inputGradNeeds(s), weightGradNeeds(s)]) checked(l, needs);
    await gives(convOf(s, x, w), (parts) => matrixConvKernel(s, { ...l, parts }, half, {}), x, w);
    const back = (parts: number) => matrixInputGradKernel(s, { ...l, parts }, half);
    await gives(inputGradOf(s, dy, w), back, dy, w);
    const weight = (parts: number) => matrixWeightGradKernel(s, { ...l, parts }, half);
    await gives(weightGradOf(s, x, dy), weight, x, dy);
  });

  test("ends with scale, shift, residual and relu, rounded to f16", async () => {
    for (const k of [8, 7]) {
      const s = conv({ c: 8, k });
      const x = wholes(s.n * s.h * s.w * s.c, 3);
      const w = wholes(s.kh * s.kw * s.c * s.k, 4);
      const [scale, shift] = [wholes(k, 6), wholes(k, 7)];
      const residual = wholes(s.n * s.oh * s.ow * s.k, 8);
      const epilogue: Epilogue = { scale: "f32", shift: "f16", residual: true, relu: true };
      const spec = matrixConvKernel(s, layout(), { operands: "f16", result: "f16" }, epilogue);
      const inputs = [
        [x, "f16"],
        [w, "f16"],
        [scale, "f32"],
        [shift, "f16"],
        [residual, "f16"],
      ] as const;
      const y = await run(spec, inputs, residual.length, "f16");
      const want = convOf(s, x, w).map((v, i) => {
        const r = v * (scale[i % k] as number) + (shift[i % k] as number) + (residual[i] as number);
        return Math.max(r, 0);
      });
      expect(difference(y, want)).toBe("none");
    }
  });
});
