/**
 * Which tiles a product may be computed with on matrix units, best first. A large tile reads each element less often, a small one
 * fills the device when there is little to do. All give the same sums in another order.
 */
import { LoupeError } from "../../error.ts";
import type { Caps, Plan } from "../caps.ts";
import type { ConvShape } from "../gemm/conv-shape.ts";
import type { MatmulShape } from "../gemm/index.ts";
import type { ProductTypes } from "../gemm/write.ts";
import type { KernelSpec } from "../spec.ts";
import type { MatrixLayout } from "./body.ts";
import { halfFragments, type MatrixCaps } from "./caps.ts";
import type { MatrixUnit } from "./dialect.ts";
import { type Limits, matrixMisfit } from "./fit.ts";
import { matrixMatmulKernel } from "./matmul.ts";
import {
  convNeeds,
  inputGradNeeds,
  matmulNeeds,
  type ProductNeeds,
  weightGradNeeds,
} from "./needs.ts";
import { type MatrixTile, tileName } from "./tile.ts";

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

type MatrixReady = Limits & Pick<Caps, "matrix">;

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

/** Plans of a convolution; none for groups. */
export function matrixConvPlans(
  s: ConvShape,
  types: ProductTypes,
  caps: MatrixReady,
): readonly MatrixPlan[] {
  return s.groups === 1 ? plansOf(convNeeds(s), types, caps) : [];
}

/** Plans of the gradient of a convolution's input; none for groups. */
export function matrixInputGradPlans(
  s: ConvShape,
  types: ProductTypes,
  caps: MatrixReady,
): readonly MatrixPlan[] {
  return s.groups === 1 ? plansOf(inputGradNeeds(s), types, caps) : [];
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

/** A small product in the spelling of `caps`: what a trial compile compiles. */
export function trialMatrixKernel(caps: MatrixCaps): KernelSpec {
  const [unit] = unitsOf(caps);
  const tile = matrixTiles.at(-1);
  if (!unit || !tile) throw new LoupeError("device", "matrix units: no shape of f16 and f32");
  const s = { batch: 1, m: 64, n: 64, k: 32, transposeA: false, transposeB: false };
  const types = { operands: "f16", result: "f16" } as const;
  return matrixMatmulKernel({ ...s, strideA: 0, strideB: 0 }, { tile, unit, parts: 1 }, types, {});
}
