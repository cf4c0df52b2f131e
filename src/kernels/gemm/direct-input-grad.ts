/**
 * The gradient of a convolution's input, straight from memory. Pixels are grouped by their position inside a stride, so that
 * all threads of a workgroup use the same taps and a stride of two costs no wasted products.
 */
import { elementType } from "../caps.ts";
import { fold, type KernelSpec, kernel, unroll } from "../spec.ts";
import { wgsl } from "../wgsl.ts";
import { type ConvShape, convParams, firstTap, tapSteps } from "./conv-shape.ts";
import { columnsOf, loadOr0, pixelHead, pixelsOf, putRows, putsOf, threadRows } from "./direct.ts";
import type { DirectPlan } from "./plans.ts";
import { declareSums, multiplyTile } from "./tile.ts";
import { type Epilogue, type ProductTypes, writer } from "./write.ts";

const lanes = 32;

/**
 * True where it pays to copy the weight to `[kh, kw, k, c]` first: neighbours of a tile are then neighbours in memory, which is a
 * third faster on lavapipe, and twice with 256 channels.
 */
export function suitsTurnedWeight(s: ConvShape): boolean {
  return s.groups === 1 && s.n * s.h * s.w >= 1024;
}

/** The weight is `turned`: `[kh, kw, k, c]`, of one group. */
export function directInputGradKernel(
  s: ConvShape,
  { subgroups }: DirectPlan,
  { operands, result }: ProductTypes,
  epilogue: Epilogue = {},
  turned = false,
): KernelSpec {
  const columns = columnsOf(s.c, s.groups);
  const step = (s.k / s.groups) % 4 === 0 ? 4 : 1;
  const pixels = pixelsOf(step, columns);
  const hp = Math.ceil(s.h / s.strideH);
  const wp = Math.ceil(s.w / s.strideW);
  const pixelTiles = Math.ceil((s.n * hp * wp) / (lanes * pixels));
  const columnTiles = Math.ceil(s.c / columns);
  const phases = s.strideH * s.strideW;
  const at = (row: string, column: string) => {
    const channel = `min(cc + ${column}, p.cg - 1u)`;
    return turned ? `wo + (k + ${row}) * p.c + ${channel}` : `wo + ${channel} * p.k + k + ${row}`;
  };
  const wide = step === 4;
  const load = (t: number) => loadOr0("d_", `o${t} + k`, `ok${t}`, operands, wide);
  const write = writer({
    width: "p.c",
    columns: columns === 1 ? 1 : 4,
    wide: s.c % 4 === 0,
    result,
    epilogue,
  });
  const rows = threadRows(pixels, (t) => ({ row: `r${t}`, inside: `in${t}` }));
  const puts = putsOf(pixels, columns);
  return kernel({
    name: "conv2d input gradient",
    inputs: [
      { name: "d_", type: elementType(operands, wide) },
      { name: "w_", type: operands },
      ...write.inputs,
    ],
    outputs: [write.output],
    head: `${firstTap}\n${pixelHead}\n${write.head}`,
    params: convParams(s, { pixelTiles, columnTiles, hp, wp, phases, puts, ...tapSteps(s) }),
    subgroups,
    workgroup: [lanes],
    grid: fold(pixelTiles * columnTiles * phases),
    body: wgsl`let phase = flat % p.phases; // neighbours: phases have more and fewer taps, and a driver may give out work in long runs
let tile = flat / p.phases;
let column = (tile / p.pixelTiles) * ${columns}u;
if (column >= p.c) { return; }
let base = (tile % p.pixelTiles) * ${lanes * pixels}u;
let group = column / p.cg;
let cc = column - group * p.cg;
let k0 = group * p.kg;
let py = phase / p.strideW; let px = phase % p.strideW;
${declareSums(pixels, columns)}
${unroll(
  pixels,
  (t) => `let at${t} = pixel(base, lid.x + ${t * lanes}u, p.wp, p.hp);
let x${t} = i32(at${t}.x); let y${t} = i32(at${t}.y); let n${t} = at${t}.z;
let r${t} = (n${t} * p.h + u32(y${t}) * p.strideH + py) * p.w + u32(x${t}) * p.strideW + px;
let in${t} = n${t} < p.n && u32(x${t}) * p.strideW + px < p.w && u32(y${t}) * p.strideH + py < p.h;`,
)}
let i0 = first_tap(py + p.padTop, p.strideH, p.dilationH, p.everyH, p.kh);
let j0 = first_tap(px + p.padLeft, p.strideW, p.dilationW, p.everyW, p.kw);
for (var i = i0; i < p.kh; i += p.everyH) {
let ty = (i32(py + p.padTop) - i32(i * p.dilationH)) / i32(p.strideH);
for (var j = j0; j < p.kw; j += p.everyW) {
let tx = (i32(px + p.padLeft) - i32(j * p.dilationW)) / i32(p.strideW);
${unroll(
  pixels,
  (t) => `  let v${t} = y${t} + ty; let u${t} = x${t} + tx;
  let ok${t} = in${t} && v${t} >= 0 && u${t} >= 0 && v${t} < i32(p.oh) && u${t} < i32(p.ow);
  let o${t} = select(0u, ((n${t} * p.oh + u32(v${t})) * p.ow + u32(u${t})) * p.k + k0, ok${t});`,
)}
  let wo = (i * p.kw + j) * p.cg * p.k + k0;
  for (var k = 0u; k < p.kg; k += ${step}u) {
${unroll(pixels, (t) => `    let e${t} = ${load(t)};`)}
${multiplyTile({ rows: step, columns, subgroups, at, dtype: operands }, pixels, (t) => `e${t}`)}
  }
}}
${putRows(rows, columns, "p.c")}`,
  });
}
