/**
 * The gradient of a convolution's input, straight from memory. Pixels are grouped by their position inside a stride, so that
 * all threads of a workgroup use the same taps and a stride of two costs no wasted products.
 */
import { elementType } from "../caps.ts";
import { fold, type KernelSpec, kernel, unroll } from "../spec.ts";
import { wgsl } from "../wgsl.ts";
import { type ConvShape, convParams } from "./conv-shape.ts";
import { columnsOf, loadOr0, pixelsOf, putRow } from "./direct.ts";
import type { DirectPlan } from "./plans.ts";
import { declareSums, multiplyTile } from "./tile.ts";
import { type Epilogue, type ProductTypes, writer } from "./write.ts";

const lanes = 32;

export function directInputGradKernel(
  s: ConvShape,
  { subgroups }: DirectPlan,
  { operands, result }: ProductTypes,
  epilogue: Epilogue = {},
): KernelSpec {
  const columns = columnsOf(s.c, s.groups);
  const step = (s.k / s.groups) % 4 === 0 ? 4 : 1;
  const pixels = pixelsOf(step, columns);
  const hp = Math.ceil(s.h / s.strideH);
  const wp = Math.ceil(s.w / s.strideW);
  const pixelTiles = Math.ceil((s.n * hp * wp) / (lanes * pixels));
  const columnTiles = Math.ceil(s.c / columns);
  const phases = s.strideH * s.strideW;
  const at = (row: string, column: string) =>
    `wo + min(cc + ${column}, p.cg - 1u) * p.k + k + ${row}`;
  const wide = step === 4;
  const load = (t: number) => loadOr0("d_", `o${t} + k`, `ok${t}`, operands, wide);
  const write = writer({
    width: "p.c",
    columns: columns === 1 ? 1 : 4,
    wide: s.c % 4 === 0,
    result,
    epilogue,
  });
  return kernel({
    name: "conv2d input gradient",
    inputs: [
      { name: "d_", type: elementType(operands, wide) },
      { name: "w_", type: operands },
      ...write.inputs,
    ],
    outputs: [write.output],
    head: write.head,
    params: convParams(s, { pixelTiles, columnTiles, hp, wp, phases }),
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
${multiplyTile({ rows: step, columns, subgroups, along: "row", at, dtype: operands }, pixels, (t) => `e${t}`)}
  }
}}
${unroll(pixels, (t) => `if (in${t}) { let r = (n${t} * p.h + y${t}) * p.w + x${t}; ${putRow("r", t, columns, "p.c")} }`)}`,
  });
}
