/**
 * The four linear maps of Winograd's convolution, between tensors and stacks `[a², items, channels]` of what lies at one place of all
 * tiles (or of all taps). One thread maps one window of `lanes` neighbouring channels (one of them makes less text to compile). Stacks are f32 and hold `count` tiles from tile
 * `first` on, so that a large image is worked through piece by piece.
 */
import { elementType, type Float } from "../caps.ts";
import { fold, type KernelSpec, kernel, type ParamType } from "../spec.ts";
import { chosen } from "./direct.ts";
import {
  inputMatrix,
  type Matrix,
  mapWindow,
  outputMatrix,
  type TileSide,
  transposed,
  weightMatrix,
} from "./winograd.ts";
import { type Epilogue, writer } from "./write.ts";

const workgroup = 64;

/** Tiles of images: which, and how they lie. */
export interface Tiles {
  readonly side: TileSide;
  readonly lanes: 1 | 4;
  /** Size of the images that the windows are read from or written to. */
  readonly h: number;
  readonly w: number;
  readonly channels: number;
  /** Tiles down and across an image. */
  readonly down: number;
  readonly across: number;
  /** The piece: its first tile and how many. */
  readonly first: number;
  readonly count: number;
}

const window = (n: number, line: (i: number, j: number) => string) =>
  Array.from({ length: n * n }, (_, e) => line(Math.floor(e / n), e % n)).join("\n");

const sizes = (all: Readonly<Record<string, number>>, type: ParamType = "u32") =>
  Object.fromEntries(Object.entries(all).map(([name, v]) => [name, [type, v] as const]));

const findTile = `let i = flat * ${workgroup}u + lid.x;
let tile = i / p.quads;
if (tile >= p.count) { return; }
let quad = i % p.quads;
let t = p.first + tile;
let n = t / p.across / p.down;`;

function tileParams({ h, w, channels, down, across, first, count, lanes }: Tiles) {
  return sizes({ h, w, quads: channels / lanes, down, across, first, count });
}

const gridOf = ({ channels, count, lanes }: Tiles) =>
  fold(Math.ceil((count * channels) / lanes / workgroup));

/** Windows of images to a stack: R d Rᵀ of the windows that begin `offset` before their tile. */
function windowsKernel(
  name: string,
  tiles: Tiles,
  r: Matrix,
  dtype: Float,
  [top, left]: readonly [number, number],
): KernelSpec {
  const reach = r[0]?.length ?? 0;
  const type = elementType("f32", tiles.lanes === 4);
  return kernel({
    name,
    inputs: [{ name: "x_", type: elementType(dtype, tiles.lanes === 4) }],
    outputs: [{ name: "y_", type }],
    params: { ...tileParams(tiles), top: ["i32", top], left: ["i32", left] },
    head: `fn load(n: u32, y: i32, x: i32, quad: u32) -> ${type} {
if (y < 0 || x < 0 || y >= i32(p.h) || x >= i32(p.w)) { return ${type}(); }
return ${type}(x_[((n * p.h + u32(y)) * p.w + u32(x)) * p.quads + quad]);
}`,
    workgroup: [workgroup],
    grid: gridOf(tiles),
    body: `${findTile}
let y = i32(t / p.across % p.down * ${tiles.side}u) - p.top;
let x = i32(t % p.across * ${tiles.side}u) - p.left;
${window(reach, (i, j) => `let d_${i}_${j} = load(n, y + ${i}, x + ${j}, quad);`)}
${mapWindow(r)}
${window(r.length, (i, j) => `y_[(${i * r.length + j}u * p.count + tile) * p.quads + quad] = e_${i}_${j};`)}`,
  });
}

/** Bᵀ x B, of windows that begin `offset` above and left of their tile. */
export function winogradInputKernel(
  tiles: Tiles,
  dtype: Float,
  offset: readonly [number, number],
): KernelSpec {
  return windowsKernel("conv2d input tiles", tiles, inputMatrix[tiles.side], dtype, offset);
}

/** A dy Aᵀ. */
export function winogradOutputGradKernel(tiles: Tiles, dtype: Float): KernelSpec {
  const r = transposed(outputMatrix[tiles.side]);
  return windowsKernel("conv2d gradient tiles", tiles, r, dtype, [0, 0]);
}

/** Aᵀ m A, to images, with the epilogue. */
export function winogradOutputKernel(tiles: Tiles, result: Float, epilogue: Epilogue): KernelSpec {
  const r = outputMatrix[tiles.side];
  const a = r[0]?.length ?? 0;
  const { lanes } = tiles;
  const width = `p.quads * ${lanes}u`;
  const results = Array.from(
    { length: tiles.side ** 2 },
    (_, e) => `e_${Math.floor(e / tiles.side)}_${e % tiles.side}`,
  );
  const write = writer({ width: `(${width})`, columns: lanes, wide: true, result, epilogue });
  return kernel({
    name: "conv2d output tiles",
    inputs: [{ name: "x_", type: elementType("f32", lanes === 4) }, ...write.inputs],
    outputs: [write.output],
    params: { ...tileParams(tiles), puts: ["u32", tiles.side ** 2] },
    head: write.head,
    workgroup: [workgroup],
    grid: gridOf(tiles),
    body: `${findTile}
let y = t / p.across % p.down * ${tiles.side}u;
let x = t % p.across * ${tiles.side}u;
${window(a, (i, j) => `let d_${i}_${j} = x_[(${i * a + j}u * p.count + tile) * p.quads + quad];`)}
${mapWindow(r)}
for (var e = 0u; e < p.puts; e++) {
  let v = y + e / ${tiles.side}u;
  let u = x + e % ${tiles.side}u;
  if (v < p.h && u < p.w) { put((n * p.h + v) * p.w + u, quad * ${lanes}u, ${width}, ${chosen(results)}); }
}`,
  });
}

/** The taps as a matrix for each pair of channels. */
export interface Taps {
  readonly side: TileSide;
  readonly lanes: 1 | 4;
  readonly c: number;
  readonly k: number;
}

const findPair = `let i = flat * ${workgroup}u + lid.x;
if (i >= p.pairs) { return; }`;

const pairsOf = ({ c, k, lanes }: Taps) => (c * k) / lanes;

/** G w Gᵀ to a stack `[a², c, k]`; `turned` by half a turn for the input gradient. */
export function winogradWeightKernel(taps: Taps, dtype: Float, turned: boolean): KernelSpec {
  const wide = taps.lanes === 4;
  const type = elementType("f32", wide);
  const g = weightMatrix[taps.side];
  const from = (i: number, j: number) => (turned ? 8 - (i * 3 + j) : i * 3 + j);
  return kernel({
    name: "conv2d weight tiles",
    inputs: [{ name: "x_", type: elementType(dtype, wide) }],
    outputs: [{ name: "y_", type }],
    params: sizes({ pairs: pairsOf(taps) }),
    workgroup: [workgroup],
    grid: fold(Math.ceil(pairsOf(taps) / workgroup)),
    body: `${findPair}
${window(3, (i, j) => `let d_${i}_${j} = ${type}(x_[${from(i, j)}u * p.pairs + i]);`)}
${mapWindow(g)}
${window(g.length, (i, j) => `y_[${i * g.length + j}u * p.pairs + i] = e_${i}_${j};`)}`,
  });
}

/** Gᵀ m G, summed over the `parts` of a stack `[parts, a², c, k]` in their order, to the 3×3 taps. */
export function winogradWeightGradKernel(taps: Taps, result: Float, parts: number): KernelSpec {
  const wide = taps.lanes === 4;
  const type = elementType("f32", wide);
  const r = transposed(weightMatrix[taps.side]);
  const a = r[0]?.length ?? 0;
  return kernel({
    name: "conv2d weight gradient tiles",
    inputs: [{ name: "x_", type }],
    outputs: [{ name: "y_", type: elementType(result, wide) }],
    params: sizes({ pairs: pairsOf(taps), parts }),
    workgroup: [workgroup],
    grid: fold(Math.ceil(pairsOf(taps) / workgroup)),
    body: `${findPair}
${window(a, (i, j) => `var d_${i}_${j} = ${type}();`)}
for (var part = 0u; part < p.parts; part++) {
let start = part * ${a * a}u * p.pairs + i;
${window(a, (i, j) => `d_${i}_${j} += x_[start + ${i * a + j}u * p.pairs];`)}
}
${mapWindow(r)}
${window(3, (i, j) => `y_[${i * 3 + j}u * p.pairs + i] = ${elementType(result, wide)}(e_${i}_${j});`)}`,
  });
}
