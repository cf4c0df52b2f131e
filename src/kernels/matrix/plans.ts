/**
 * Which tiles a product may be computed with on matrix units, best first. A large tile reads each element less often, a small one
 * fills the device when there is little to do. All give the same sums in another order.
 */

import { LoupeError } from "../../error.ts";
import type { Caps, Plan } from "../caps.ts";
import type { ConvShape } from "../gemm/conv-shape.ts";
import type { MatmulShape } from "../gemm/index.ts";
import type { ProductTypes } from "../gemm/write.ts";
import { type KernelSpec, sizeOf } from "../spec.ts";
import type { MatrixLayout } from "./body.ts";
import { halfFragments, type MatrixCaps } from "./caps.ts";
import { isPointwise, pointwiseProduct } from "./conv.ts";
import type { MatrixUnit } from "./dialect.ts";
import { matrixMatmulKernel } from "./matmul.ts";
import { type LoadWidth, widthOf } from "./operand.ts";
import { dealOf, spotsOf } from "./staging.ts";
import { type MatrixTile, misfit, patchOf, stageOf, tileName } from "./tile.ts";

/** A product on matrix units: f16 operands, f32 sums. */
export interface MatrixPlan extends Plan, MatrixLayout {
  readonly kind: "matrix";
}

/** Tiles: a subgroup computes 64×64 of the large ones, 64×32 or 32×32 of the others. Narrow ones are for few channels. */
export const matrixTiles: readonly MatrixTile[] = [
  { m: 256, n: 128, k: 32, rows: 4, columns: 2, patch: 1, stages: 1 },
  { m: 128, n: 128, k: 32, rows: 2, columns: 2, patch: 2, stages: 1 },
  { m: 128, n: 128, k: 32, rows: 2, columns: 2, patch: 1, stages: 2 },
  { m: 256, n: 64, k: 32, rows: 4, columns: 1, patch: 2, stages: 1 },
  { m: 128, n: 64, k: 32, rows: 2, columns: 2, patch: 2, stages: 1 },
  { m: 256, n: 32, k: 32, rows: 4, columns: 1, patch: 2, stages: 1 },
  { m: 128, n: 32, k: 32, rows: 4, columns: 1, patch: 2, stages: 1 },
  { m: 64, n: 64, k: 32, rows: 2, columns: 2, patch: 2, stages: 1 },
];

/** How an operand is read, as far as its staging depends on it. */
export interface OperandNeeds {
  readonly alongK: boolean;
  readonly width: LoadWidth;
  readonly spots: boolean;
}

/** A product as far as the choice of a plan depends on it. */
export interface ProductNeeds {
  readonly a: OperandNeeds;
  readonly b: OperandNeeds;
  readonly rows: number;
  readonly columns: number;
  readonly sum: number;
  readonly layers: number;
  /** Elements of the largest tensor. */
  readonly largest: number;
}

const threadsOf = ({ tile, unit }: Shape) => tile.rows * tile.columns * unit.subgroupSize;

/** Bytes of workgroup memory. */
export function workgroupBytes({ tile, unit }: Shape, needs: ProductNeeds): number {
  const stages = [
    [needs.a, stageOf(needs.a.alongK, "m", tile)],
    [needs.b, stageOf(needs.b.alongK, "n", tile)],
  ] as const;
  const staged = stages.map(([operand, stage]) => {
    const spots = operand.spots ? spotsOf(operand.alongK, stage) : 0;
    return stage.size * 2 + spots * 16;
  });
  return staged.reduce((sum, bytes) => sum + bytes, patchOf(tile, unit.fragment).size * 4);
}

/** A tile and a unit, without the parts. */
type Shape = Omit<MatrixLayout, "parts">;
type Limits = Pick<Caps, "workgroupMemory" | "workgroupThreads">;
type MatrixReady = Limits & Pick<Caps, "matrix">;

/** Loads of a thread for one block that have room in registers beside the sums. */
const mostLoads = 40;

/** Why a product can't be computed with this layout, or undefined. */
export function matrixMisfit(
  layout: Shape,
  needs: ProductNeeds,
  limits: Limits,
): string | undefined {
  const { tile, unit } = layout;
  const wrong = misfit(tile, unit.fragment);
  if (wrong) return wrong;
  const threads = threadsOf(layout);
  if (threads > limits.workgroupThreads) {
    return `${threads} threads, ${limits.workgroupThreads} are allowed`;
  }
  const bytes = workgroupBytes(layout, needs);
  if (bytes > limits.workgroupMemory) {
    return `${bytes} bytes of workgroup memory, ${limits.workgroupMemory} are allowed`;
  }
  const dealt = [
    dealOf(stageOf(needs.a.alongK, "m", tile), needs.a.width, threads),
    dealOf(stageOf(needs.b.alongK, "n", tile), needs.b.width, threads),
  ];
  const whole = dealt.every(({ lines, slots }) => [lines, slots].every(Number.isInteger));
  if (!whole) return `${threads} threads do not deal out tile ${tileName(tile)}`;
  const loads = dealt.reduce((sum, { slots }) => sum + slots, 0);
  if (loads > mostLoads) return `${loads} loads of a thread for each block, ${mostLoads} have room`;
  return needs.largest < 2 ** 31 ? undefined : "a tensor of 2³¹ elements";
}

/** The GPU these tiles were made for: multiprocessors; products and bytes of memory each clock. */
const gpu = { processors: 132, products: 600, bytes: 1900 };
/** Clocks of one more launch. */
const launchClocks = 8000;
/** Products that a part sums at least, and most partial sums: 64 MiB of f32. */
const leastPart = 256;
const mostPartials = 16 * 2 ** 20;
/** A product of fewer rows or columns would leave most of a tile empty. */
const narrowest = 8;

interface Guess {
  readonly parts: number;
  readonly clocks: number;
}

/** Clocks of a product: rounds of tiles, each reading `m + n` to multiply `m · n`; then the second pass. */
function clocksOf(tile: MatrixTile, needs: ProductNeeds, parts: number): number {
  const { rows, columns, layers, sum } = needs;
  const tiles = Math.ceil(rows / tile.m) * Math.ceil(columns / tile.n) * layers * parts;
  const blocks = Math.ceil(sum / tile.k / parts) + 2; // two more to begin and to end
  const reads = 1 + 32 * (1 / tile.m + 1 / tile.n);
  const each = (tile.m * tile.n * tile.k * blocks * reads) / gpu.products;
  const second =
    parts > 1 ? (rows * columns * layers * (8 * parts + 2)) / gpu.bytes + launchClocks : 0;
  return Math.ceil(tiles / gpu.processors) * each + second;
}

/** The best number of parts. */
function guess(tile: MatrixTile, needs: ProductNeeds): Guess {
  const { rows, columns, layers, sum } = needs;
  const most = Math.min(sum / leastPart, mostPartials / (rows * columns * layers));
  const choices = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128].filter(
    (n) => n === 1 || n <= most,
  );
  return choices
    .map((parts) => ({ parts, clocks: clocksOf(tile, needs, parts) }))
    .reduce((best, other) => (other.clocks < best.clocks ? other : best));
}

/** Everything that fits, best first. */
function plansOf(
  needs: ProductNeeds,
  { operands }: ProductTypes,
  caps: MatrixReady,
): readonly MatrixPlan[] {
  const narrow = Math.min(needs.rows, needs.columns) < narrowest;
  if (operands !== "f16" || !caps.matrix || narrow) return [];
  const units = unitsOf(caps.matrix);
  const layouts = units.flatMap((unit, i) =>
    // other shapes and packings of the unit only with the tiles that most products take
    matrixTiles.slice(0, i === 0 ? matrixTiles.length : 2).map((tile) => ({ tile, unit })),
  );
  return layouts
    .filter((layout) => matrixMisfit(layout, needs, caps) === undefined)
    .map((layout) => ({ layout, ...guess(layout.tile, needs) }))
    .sort(
      (x, y) => units.indexOf(x.layout.unit) - units.indexOf(y.layout.unit) || x.clocks - y.clocks,
    )
    .map(({ layout, parts }) => planOf({ ...layout, parts }));
}

/** The best fragment first; then other packings and fragments, for tuning. */
function unitsOf({ configs, dialect, subgroupSize, pinned }: MatrixCaps): readonly MatrixUnit[] {
  const fragments = halfFragments(configs);
  const unit = { dialect, subgroupSize, pinned };
  const packings = dialect === "argument" ? ([1] as const) : ([4, 8, 1] as const);
  return [
    ...packings.map((packing) => ({ ...unit, fragment: fragments[0], packing })),
    ...fragments.slice(1, 2).map((fragment) => ({ ...unit, fragment, packing: packings[0] })),
  ].flatMap(({ fragment, ...rest }) => (fragment ? [{ fragment, ...rest }] : []));
}

function planOf(layout: MatrixLayout): MatrixPlan {
  const { fragment: f, packing } = layout.unit;
  const name = `matrix${tileName(layout.tile)}/${f.m}x${f.n}x${f.k}/p${packing}`;
  return { name, kind: "matrix", ...layout };
}

/** Plans of a product of matrices; none without matrix units or f16 operands. */
export function matrixMatmulPlans(
  s: MatmulShape,
  types: ProductTypes,
  caps: MatrixReady,
): readonly MatrixPlan[] {
  return plansOf(matmulNeeds(s), types, caps);
}

export function matmulNeeds(s: MatmulShape): ProductNeeds {
  const { batch, m, n, k, transposeA, transposeB, strideA, strideB } = s;
  return {
    a: { alongK: !transposeA, width: widthOf(transposeA ? m : k, strideA), spots: false },
    b: { alongK: transposeB, width: widthOf(transposeB ? k : n, strideB), spots: false },
    rows: m,
    columns: n,
    sum: k,
    layers: batch,
    largest: batch * Math.max(m * k, k * n, m * n),
  };
}

/** Plans of a convolution; none for groups. */
export function matrixConvPlans(
  s: ConvShape,
  types: ProductTypes,
  caps: MatrixReady,
): readonly MatrixPlan[] {
  return s.groups === 1 ? plansOf(convNeeds(s), types, caps) : [];
}

export function convNeeds(s: ConvShape): ProductNeeds {
  if (isPointwise(s)) return matmulNeeds(pointwiseProduct(s, false));
  return {
    a: { alongK: true, width: widthOf(s.c), spots: true },
    b: { alongK: false, width: widthOf(s.k), spots: false },
    rows: s.n * s.oh * s.ow,
    columns: s.k,
    sum: s.kh * s.kw * s.c,
    layers: 1,
    largest: largestOf(s),
  };
}

/** Plans of the gradient of a convolution's input; none for groups. */
export function matrixInputGradPlans(
  s: ConvShape,
  types: ProductTypes,
  caps: MatrixReady,
): readonly MatrixPlan[] {
  return s.groups === 1 ? plansOf(inputGradNeeds(s), types, caps) : [];
}

export function inputGradNeeds(s: ConvShape): ProductNeeds {
  if (isPointwise(s)) return matmulNeeds(pointwiseProduct(s, true));
  const pixels = s.n * Math.ceil(s.h / s.strideH) * Math.ceil(s.w / s.strideW);
  return {
    a: { alongK: true, width: widthOf(s.k), spots: true },
    b: { alongK: true, width: widthOf(s.k), spots: false },
    rows: pixels,
    columns: s.c,
    sum: s.kh * s.kw * s.k,
    layers: s.strideH * s.strideW,
    largest: largestOf(s),
  };
}

/** Plans of the gradient of a convolution's weight; none for groups. */
export function matrixWeightGradPlans(
  s: ConvShape,
  types: ProductTypes,
  caps: MatrixReady,
): readonly MatrixPlan[] {
  if (s.groups !== 1) return [];
  return plansOf(weightGradNeeds(s), types, caps);
}

export function weightGradNeeds(s: ConvShape): ProductNeeds {
  return {
    a: { alongK: false, width: widthOf(s.c), spots: true },
    b: { alongK: false, width: widthOf(s.k), spots: false },
    rows: s.kh * s.kw * s.c,
    columns: s.k,
    sum: s.n * s.oh * s.ow,
    layers: 1,
    largest: largestOf(s),
  };
}

function largestOf(s: ConvShape): number {
  return Math.max(
    sizeOf([s.n, s.h, s.w, s.c]),
    sizeOf([s.n, s.oh, s.ow, s.k]),
    s.kh * s.kw * s.c * s.k,
  );
}

/** A small product in the spelling of `caps`: what a trial compile compiles. */
export function trialMatrixKernel(caps: MatrixCaps): KernelSpec {
  const [unit] = unitsOf(caps);
  const tile = matrixTiles.at(-1);
  if (!unit || !tile) throw new LoupeError("device", "matrix units: no shape of f16 and f32");
  const s = { batch: 1, m: 64, n: 64, k: 32, transposeA: false, transposeB: false };
  const types = { operands: "f16", result: "f16" } as const;
  return matrixMatmulKernel({ ...s, strideA: 0, strideB: 0 }, { tile, unit, parts: 1 }, types, {});
}
