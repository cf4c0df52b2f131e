/**
 * Convolution and its two gradients, channels last: x `[n, h, w, c]`, weight `[kh, kw, c/groups, k]`, y `[n, oh, ow, k]`.
 *
 *   y[n,oy,ox,k]  = Σ_{i,j,c} x[n, oy·s − p + i·d, ox·s − p + j·d, c] · w[i,j,c,k]
 *   dx[n,y,x,c]   = Σ_{i,j,k} dy[n, (y + p − i·d)/s, (x + p − j·d)/s, k] · w[i,j,c,k]   where the division is whole
 *   dw[i,j,c,k]   = Σ_{n,oy,ox} x[n, oy·s − p + i·d, ox·s − p + j·d, c] · dy[n,oy,ox,k]
 *
 * All three are implicit matrix products: a thread owns two pixels (or four rows of the weight), its workgroup shares a tile
 * of eight columns of the other operand.
 */
import { fold, type KernelSpec, kernel, type ParamType, unroll } from "./spec.ts";
import { declareSums, multiplyTile } from "./tile.ts";
import { wgsl } from "./wgsl.ts";

export interface ConvShape {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly k: number;
  readonly kh: number;
  readonly kw: number;
  readonly oh: number;
  readonly ow: number;
  readonly strideH: number;
  readonly strideW: number;
  readonly padTop: number;
  readonly padLeft: number;
  readonly dilationH: number;
  readonly dilationW: number;
  readonly groups: number;
}

const lanes = 32;
const pixels = 2;

function params(s: ConvShape, extra: Record<string, number>) {
  const all = { ...s, cg: s.c / s.groups, kg: s.k / s.groups, ...extra };
  const entries = Object.entries(all).map(([name, v]) => [name, ["u32" as ParamType, v]] as const);
  return Object.fromEntries(entries) as Record<string, readonly [ParamType, number]>;
}

/** Channels of a result that one thread computes: eight if they lie in one group. */
function columnsOf(channels: number, groups: number): 1 | 4 | 8 {
  const each = channels / groups;
  if (groups === 1) return each <= 4 ? 4 : 8;
  return each % 8 === 0 ? 8 : each % 4 === 0 ? 4 : 1;
}

/** The output. `bias` `[k]` is added when present. */
export function conv2dKernel(s: ConvShape, bias: boolean, subgroups: boolean): KernelSpec {
  const columns = columnsOf(s.k, s.groups);
  const step = (s.c / s.groups) % 4 === 0 ? 4 : 1;
  const pixelTiles = Math.ceil((s.n * s.oh * s.ow) / (lanes * pixels));
  const columnTiles = Math.ceil(s.k / columns);
  const at = (row: string, column: string) =>
    `(wo + c + ${row}) * p.k + min(column + ${column}, p.k - 1u)`;
  const load = (t: number) =>
    step === 4
      ? `select(vec4<f32>(), x_[(o${t} + c) / 4u], ok${t})`
      : `select(0.0, x_[o${t} + c], ok${t})`;
  return kernel({
    name: "conv2d",
    inputs: [
      { name: "x_", type: step === 4 ? "vec4<f32>" : "f32" },
      { name: "w_", type: "f32" },
      ...(bias ? [{ name: "b_", type: "f32" }] : []),
    ],
    outputs: [{ name: "y_", type: outputType(s.k, columns) }],
    params: params(s, { pixelTiles, columnTiles }),
    subgroups,
    workgroup: [lanes],
    grid: fold(pixelTiles * columnTiles),
    body: wgsl`let column = (flat / p.pixelTiles) * ${columns}u;
if (column >= p.k) { return; }
let first = (flat % p.pixelTiles) * ${lanes * pixels}u + lid.x;
let pixels = p.n * p.oh * p.ow;
let c0 = column / p.kg * p.cg;
${declareSums(pixels, columns, bias ? (group) => biasOf(columns, group) : undefined)}
${unroll(
  pixels,
  (t) => `let q${t} = first + ${t * lanes}u;
let x${t} = i32(q${t} % p.ow * p.strideW) - i32(p.padLeft);
let y${t} = i32(q${t} / p.ow % p.oh * p.strideH) - i32(p.padTop);
let n${t} = q${t} / p.ow / p.oh * p.h;`,
)}
for (var i = 0u; i < p.kh; i++) {
for (var j = 0u; j < p.kw; j++) {
${unroll(
  pixels,
  (t) => `  let v${t} = y${t} + i32(i * p.dilationH); let u${t} = x${t} + i32(j * p.dilationW);
  let ok${t} = q${t} < pixels && v${t} >= 0 && u${t} >= 0 && v${t} < i32(p.h) && u${t} < i32(p.w);
  let o${t} = select(0u, ((n${t} + u32(v${t})) * p.w + u32(u${t})) * p.c + c0, ok${t});`,
)}
  let wo = (i * p.kw + j) * p.cg;
  for (var c = 0u; c < p.cg; c += ${step}u) {
${unroll(pixels, (t) => `    let e${t} = ${load(t)};`)}
${multiplyTile({ rows: step, columns, subgroups, along: "column", at }, pixels, (t) => `e${t}`)}
  }
}}
${unroll(pixels, (t) => `if (q${t} < pixels) { ${storeRow(`q${t}`, t, "p.k", columns, s.k)} }`)}`,
  });
}

function biasOf(columns: number, group: number): string {
  if (columns === 1) return "b_[column]";
  const at = (q: number) => `b_[min(column + ${group * 4 + q}u, p.k - 1u)]`;
  return `vec4<f32>(${[0, 1, 2, 3].map(at)})`;
}

function outputType(channels: number, columns: number): string {
  return columns > 1 && channels % 4 === 0 ? "vec4<f32>" : "f32";
}

/** Stores the sums `a<t>_…` as channels `column…` of a row of `width` channels. */
function storeRow(
  row: string,
  t: number,
  width: string,
  columns: number,
  channels: number,
): string {
  if (columns === 1) return `y_[${row} * ${width} + column] = a${t}_0;`;
  const wide = outputType(channels, columns) !== "f32";
  return unroll(columns / 4, (group) => {
    const here = `column + ${group * 4}u`;
    if (wide)
      return `if (${here} < ${width}) { y_[(${row} * ${width} + ${here}) / 4u] = a${t}_${group}; }`;
    return unroll(4, (q) => {
      return `if (${here} + ${q}u < ${width}) { y_[${row} * ${width} + ${here} + ${q}u] = a${t}_${group}[${q}]; }`;
    });
  });
}

/**
 * The gradient of the input. Pixels are grouped by their position inside a stride, so that all threads of a workgroup use
 * the same taps and a stride of two costs no wasted products.
 */
export function conv2dInputGradKernel(s: ConvShape, subgroups: boolean): KernelSpec {
  const columns = columnsOf(s.c, s.groups);
  const step = (s.k / s.groups) % 4 === 0 ? 4 : 1;
  const hp = Math.ceil(s.h / s.strideH);
  const wp = Math.ceil(s.w / s.strideW);
  const pixelTiles = Math.ceil((s.n * hp * wp) / (lanes * pixels));
  const columnTiles = Math.ceil(s.c / columns);
  const phases = s.strideH * s.strideW;
  const at = (row: string, column: string) =>
    `wo + min(cc + ${column}, p.cg - 1u) * p.k + k + ${row}`;
  const load = (t: number) =>
    step === 4
      ? `select(vec4<f32>(), d_[(o${t} + k) / 4u], ok${t})`
      : `select(0.0, d_[o${t} + k], ok${t})`;
  return kernel({
    name: "conv2d input gradient",
    inputs: [
      { name: "d_", type: step === 4 ? "vec4<f32>" : "f32" },
      { name: "w_", type: "f32" },
    ],
    outputs: [{ name: "y_", type: outputType(s.c, columns) }],
    params: params(s, { pixelTiles, columnTiles, hp, wp, phases }),
    subgroups,
    workgroup: [lanes],
    grid: fold(pixelTiles * columnTiles * phases),
    body: wgsl`let phase = flat / (p.pixelTiles * p.columnTiles);
if (phase >= p.phases) { return; }
let column = (flat / p.pixelTiles % p.columnTiles) * ${columns}u;
let first = (flat % p.pixelTiles) * ${lanes * pixels}u + lid.x;
let group = column / p.cg;
let cc = column - group * p.cg;
let k0 = group * p.kg;
let py = phase / p.strideW; let px = phase % p.strideW;
${declareSums(pixels, columns)}
${unroll(
  pixels,
  (t) => `let q${t} = first + ${t * lanes}u;
let x${t} = q${t} % p.wp * p.strideW + px; let y${t} = q${t} / p.wp % p.hp * p.strideH + py;
let n${t} = q${t} / p.wp / p.hp; let in${t} = n${t} < p.n && x${t} < p.w && y${t} < p.h;`,
)}
for (var i = 0u; i < p.kh; i++) {
let ty = i32(py + p.padTop) - i32(i * p.dilationH);
if (ty % i32(p.strideH) != 0) { continue; }
for (var j = 0u; j < p.kw; j++) {
let tx = i32(px + p.padLeft) - i32(j * p.dilationW);
if (tx % i32(p.strideW) != 0) { continue; }
${unroll(
  pixels,
  (t) => `  let sy${t} = i32(y${t} - py) + ty; let sx${t} = i32(x${t} - px) + tx;
  let v${t} = sy${t} / i32(p.strideH); let u${t} = sx${t} / i32(p.strideW);
  let ok${t} = in${t} && sy${t} >= 0 && sx${t} >= 0 && v${t} < i32(p.oh) && u${t} < i32(p.ow);
  let o${t} = select(0u, ((n${t} * p.oh + u32(v${t})) * p.ow + u32(u${t})) * p.k + k0, ok${t});`,
)}
  let wo = (i * p.kw + j) * p.cg * p.k + k0;
  for (var k = 0u; k < p.kg; k += ${step}u) {
${unroll(pixels, (t) => `    let e${t} = ${load(t)};`)}
${multiplyTile({ rows: step, columns, subgroups, along: "row", at }, pixels, (t) => `e${t}`)}
  }
}}
${unroll(pixels, (t) => `if (in${t}) { let r = (n${t} * p.h + y${t}) * p.w + x${t}; ${storeRow("r", t, "p.c", columns, s.c)} }`)}`,
  });
}

/** Pieces of the pixels whose weight gradients are summed apart, then added in a fixed order. */
export function weightGradChunks(s: ConvShape): number {
  const rows = s.kh * s.kw * (s.c / s.groups);
  const total = s.n * s.oh * s.ow;
  const threads = Math.ceil(rows / 4) * Math.ceil(s.k / columnsOf(s.k, s.groups));
  const wanted = Math.ceil(65_536 / threads);
  const room = Math.floor((16 * 2 ** 20) / (rows * s.k)); // at most 64 MiB of partial sums
  return Math.max(1, Math.min(wanted, Math.ceil(total / 32), room));
}

/** The gradient of the weight in `chunks` pieces: `[chunks, kh, kw, c/groups, k]`. */
export function conv2dWeightGradKernel(
  s: ConvShape,
  chunks: number,
  subgroups: boolean,
): KernelSpec {
  const columns = columnsOf(s.k, s.groups);
  const cg = s.c / s.groups;
  const wide = cg % 4 === 0;
  const rows = s.kh * s.kw * cg;
  const rowThreads = Math.ceil(rows / 4);
  const group = rowThreads <= 8 ? 8 : rowThreads <= 16 ? 16 : lanes;
  const rowTiles = Math.ceil(rowThreads / group);
  const columnTiles = Math.ceil(s.k / columns);
  const step = Math.ceil((s.n * s.oh * s.ow) / chunks);
  const taps = wide ? 1 : 4;
  const at = (_: string, column: string) => `q * p.k + min(column + ${column}, p.k - 1u)`;
  const x = (r: number) => (wide ? `e[${r}]` : `e${r}`);
  return kernel({
    name: "conv2d weight gradient",
    inputs: [
      { name: "x_", type: wide ? "vec4<f32>" : "f32" },
      { name: "w_", type: "f32" },
    ],
    outputs: [{ name: "y_", type: outputType(s.k, columns) }],
    params: params(s, { rowTiles, columnTiles, chunks, step, rows }),
    subgroups,
    workgroup: [group],
    grid: fold(rowTiles * columnTiles * chunks),
    body: wgsl`let chunk = flat / (p.rowTiles * p.columnTiles);
if (chunk >= p.chunks) { return; }
let column = (flat / p.rowTiles % p.columnTiles) * ${columns}u;
let row = ((flat % p.rowTiles) * ${group}u + lid.x) * 4u;
let c0 = column / p.kg * p.cg;
${declareSums(4, columns)}
${unroll(
  taps,
  (r) => `let r${r} = min(row + ${r}u, p.rows - 1u); let c${r}r = c0 + r${r} % p.cg;
let i${r} = i32(r${r} / p.cg / p.kw * p.dilationH) - i32(p.padTop);
let j${r} = i32(r${r} / p.cg % p.kw * p.dilationW) - i32(p.padLeft);`,
)}
let end = min((chunk + 1u) * p.step, p.n * p.oh * p.ow);
var ox = chunk * p.step % p.ow;
var oy = chunk * p.step / p.ow % p.oh;
var n = chunk * p.step / p.ow / p.oh;
for (var q = chunk * p.step; q < end; q++) {
${unroll(
  taps,
  (r) => `  let v${r} = i32(oy * p.strideH) + i${r}; let u${r} = i32(ox * p.strideW) + j${r};
  let ok${r} = v${r} >= 0 && u${r} >= 0 && v${r} < i32(p.h) && u${r} < i32(p.w);
  let o${r} = select(0u, ((n * p.h + u32(v${r})) * p.w + u32(u${r})) * p.c + c${r}r, ok${r});`,
)}
#if ${wide}
  let e = select(vec4<f32>(), x_[o0 / 4u], ok0);
#else
${unroll(4, (r) => `  let e${r} = select(0.0, x_[o${r}], ok${r});`)}
#endif
${multiplyTile({ rows: 1, columns, subgroups, along: "column", at }, 4, x)}
  ox++;
  if (ox == p.ow) { ox = 0u; oy++; if (oy == p.oh) { oy = 0u; n++; } }
}
${unroll(4, (r) => `if (row + ${r}u < p.rows) { let o = chunk * p.rows + row + ${r}u; ${storeRow("o", r, "p.k", columns, s.k)} }`)}`,
  });
}
