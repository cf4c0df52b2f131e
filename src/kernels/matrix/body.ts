/**
 * The product that every tensor-core kernel shares: C = A · B from f16 operands with f32 sums. A workgroup stages a block of both
 * operands in workgroup memory, its subgroups multiply fragments of it, and the loads of the next block are under way meanwhile.
 * Sums leave through a patch of workgroup memory, because fragments can't be read element by element; bounds, bias, activation
 * and rounding happen there.
 *
 * Control flow is the same for a whole workgroup wherever fragments are touched, and no subgroup arithmetic is used.
 */
import { type Buffer, fold, type KernelSpec, kernel, type ParamType } from "../spec.ts";
import {
  type Cut,
  type FragmentText,
  fragmentText,
  type MatrixUnit,
  patchWords,
} from "./dialect.ts";
import { drainText } from "./drain.ts";
import { loadType, type Operand } from "./operand.ts";
import { type Staging, staging } from "./staging.ts";
import { fragmentsOf, type MatrixTile, type Patch, patchOf } from "./tile.ts";

/** One way to run a product on matrix units. */
export interface MatrixLayout {
  readonly tile: MatrixTile;
  readonly unit: MatrixUnit;
  /** Parts into which the summed axis is cut. A second pass adds them, in a fixed order. */
  readonly parts: number;
}

/** A product as hooks. */
export interface Product {
  readonly name: string;
  readonly layout: MatrixLayout;
  readonly a: Operand;
  readonly b: Operand;
  /** Rows and columns of one layer of the result, and layers (batches, phases). */
  readonly rows: number;
  readonly columns: number;
  readonly layers: number;
  /** Rows of the result in memory, of all layers. */
  readonly height: number;
  readonly params: Readonly<Record<string, readonly [ParamType, number]>>;
  /** Defines `kEnd`, `mEnd` and `nEnd`: the length of the summed axis, rows and columns; knows `layer`. */
  readonly origin: string;
  /** Further inputs, the result, and `fn put(row, column, end, v)`. */
  readonly inputs: readonly Buffer[];
  readonly output: Buffer;
  readonly head: string;
  /** Statement that hands `v` of (`row`, `column`) of the layer to `put`; rows of the part begin at `part0`. */
  readonly write: string;
}

/** Neighbouring row tiles that are computed together, so that their columns of B are still cached. */
const band = 8;

export function matrixKernel(product: Product): KernelSpec {
  const { name, layout, a, b, rows, columns, layers, height, params, inputs, output } = product;
  const { tile, unit, parts } = layout;
  const [sa, sb] = [staging("a", a, tile, unit), staging("b", b, tile, unit)];
  const patch = patchOf(tile, unit.fragment);
  const text = fragmentText(unit, cutOf(layout, sa, sb, patch));
  const rowTiles = Math.ceil(rows / tile.m);
  const columnTiles = Math.ceil(columns / tile.n);
  return kernel({
    name,
    inputs: [
      { name: a.buffer, type: loadType(a.width) },
      { name: b.buffer, type: loadType(b.width) },
      ...inputs,
    ],
    outputs: [output],
    params: {
      ...params,
      rowTiles: ["u32", rowTiles],
      columnTiles: ["u32", columnTiles],
      layers: ["u32", layers],
      parts: ["u32", parts],
      height: ["u32", height],
    },
    enable: text.enable,
    builtins: text.builtins,
    attributes: text.attributes,
    head: [
      sa.declare,
      sb.declare,
      `var<workgroup> patch_: array<${patchWords(unit) === 4 ? "vec4<f32>" : "f32"}, ${patch.size / patchWords(unit)}>;`,
      text.head,
      product.head,
    ].join("\n"),
    workgroup: [tile.rows * tile.columns * unit.subgroupSize],
    grid: fold(rowTiles * columnTiles * layers * parts),
    body: [
      originText(product),
      sa.begin,
      sb.begin,
      sumsText(layout, text),
      loopText(layout, sa, sb, text),
      drainText(product, patch, text),
    ].join("\n"),
  });
}

/** Which tile of which layer: row tiles in bands, column by column. */
function originText({ layout, origin }: Product): string {
  const { tile } = layout;
  return `let tiles = p.rowTiles * p.columnTiles;
let part = flat / (tiles * p.layers);
if (part >= p.parts) { return; }
let layer = flat / tiles % p.layers;
let part0 = part * p.height;
let tile = flat % tiles;
let within = tile % (${band}u * p.columnTiles);
let row0 = tile / (${band}u * p.columnTiles) * ${band}u;
let high = min(p.rowTiles - row0, ${band}u);
let m0 = (row0 + within % high) * ${tile.m}u;
let n0 = within / high * ${tile.n}u;
const block = ${tile.k}u;
${origin}
let share = (kEnd + p.parts * block - 1u) / (p.parts * block) * block;
let kFrom = part * share; let kTo = min(kFrom + share, kEnd);`;
}

/** How a block is cut into fragments. */
function cutOf({ tile, unit }: MatrixLayout, a: Staging, b: Staging, patch: Patch): Cut {
  const f = unit.fragment;
  const [down, across] = fragmentsOf(tile, f);
  const places = (s: Staging, each: number, fragment: number) => {
    const line = s.alongK ? s.stage.pitch : 1;
    const alongK = s.alongK ? 1 : s.stage.pitch;
    return {
      subgroup: each * line,
      fragment: fragment * line,
      step: f.k * alongK,
      flip: tile.stages === 2 ? s.stage.block : 0,
    };
  };
  return {
    a,
    b,
    left: places(a, tile.m / tile.rows, f.m),
    right: places(b, tile.n / tile.columns, f.n),
    down,
    across,
    steps: tile.k / f.k,
    patch,
  };
}

function sumsText(layout: MatrixLayout, text: FragmentText): string {
  return `let sub = ${text.subgroup};
let sub_row = sub / ${layout.tile.columns}u; let sub_column = sub % ${layout.tile.columns}u;
${text.declare}`;
}

function loopText({ tile }: MatrixLayout, a: Staging, b: Staging, text: FragmentText): string {
  const spots = [a.firstSpots, b.firstSpots].filter((line) => line !== "");
  const begin = [
    "var k = kFrom; var turn = 0u; var flip = 0u;",
    ...spots,
    spots.length ? "workgroupBarrier();" : "",
    a.fetch,
    b.fetch,
  ];
  const store = [a.store, b.store];
  const next = ["k += block; turn = block - turn;", a.advance, b.advance];
  const work = [a.fetch, b.fetch, a.nextSpots, b.nextSpots, text.multiply];
  const loop = "for (var done = kFrom; done < kTo; done += block) {";
  const barrier = "workgroupBarrier();";
  const lines =
    tile.stages === 1
      ? [...begin, loop, ...store, barrier, ...next, ...work, barrier, "}"]
      : [...begin, ...store, ...next, barrier].concat([
          loop,
          ...work,
          "flip = 1u - flip;",
          ...store,
          ...next,
          barrier,
          "}",
        ]);
  return lines.filter((line) => line !== "").join("\n");
}
