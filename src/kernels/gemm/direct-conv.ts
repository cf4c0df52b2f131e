/** Convolution, straight from memory: a thread owns a few pixels, its workgroup shares a tile of columns of the weight. */
import { elementType } from "../caps.ts";
import { fold, type KernelSpec, kernel, unroll } from "../spec.ts";
import { wgsl } from "../wgsl.ts";
import { type ConvShape, convParams } from "./conv-shape.ts";
import { columnsOf, loadOr0, pixelHead, pixelsOf, putRows, putsOf, threadRows } from "./direct.ts";
import type { DirectPlan } from "./plans.ts";
import { declareSums, multiplyTile } from "./tile.ts";
import { type Epilogue, type ProductTypes, writer } from "./write.ts";

const lanes = 32;

export function directConvKernel(
  s: ConvShape,
  { subgroups }: DirectPlan,
  { operands, result }: ProductTypes,
  epilogue: Epilogue,
): KernelSpec {
  const columns = columnsOf(s.k, s.groups);
  const step = (s.c / s.groups) % 4 === 0 ? 4 : 1;
  const pixels = pixelsOf(step, columns);
  const pixelTiles = Math.ceil((s.n * s.oh * s.ow) / (lanes * pixels));
  const columnTiles = Math.ceil(s.k / columns);
  const at = (row: string, column: string) =>
    `(wo + c + ${row}) * p.k + min(column + ${column}, p.k - 1u)`;
  const wide = step === 4;
  const load = (t: number) => loadOr0("x_", `o${t} + c`, `ok${t}`, operands, wide);
  const finished = Object.values(epilogue).some(Boolean);
  const write = writer({
    width: "p.k",
    columns: columns === 1 ? 1 : 4,
    wide: s.k % 4 === 0,
    result,
    epilogue,
    ...(finished ? { reluIf: "p.relu == 1u" } : {}),
  });
  const rows = threadRows(pixels, (t) => ({ row: `q${t}`, inside: `q${t} < pixels` }));
  return kernel({
    name: "conv2d",
    inputs: [
      { name: "x_", type: elementType(operands, wide) },
      { name: "w_", type: operands },
      ...write.inputs,
    ],
    outputs: [write.output],
    head: `${pixelHead}\n${write.head}`,
    params: convParams(s, {
      pixelTiles,
      columnTiles,
      puts: putsOf(pixels, columns),
      relu: Number(epilogue.relu ?? false),
    }),
    subgroups,
    workgroup: [lanes],
    grid: fold(pixelTiles * columnTiles),
    body: wgsl`let column = (flat / p.pixelTiles) * ${columns}u;
if (column >= p.k) { return; }
let base = (flat % p.pixelTiles) * ${lanes * pixels}u;
let pixels = p.n * p.oh * p.ow;
let c0 = column / p.kg * p.cg;
${declareSums(pixels, columns)}
${unroll(
  pixels,
  (t) => `let q${t} = base + lid.x + ${t * lanes}u;
let at${t} = pixel(base, lid.x + ${t * lanes}u, p.ow, p.oh);
let x${t} = i32(at${t}.x * p.strideW) - i32(p.padLeft);
let y${t} = i32(at${t}.y * p.strideH) - i32(p.padTop);
let n${t} = at${t}.z * p.h;`,
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
${multiplyTile({ rows: step, columns, subgroups, at, dtype: operands }, pixels, (t) => `e${t}`)}
  }
}}
${putRows(rows, columns, "p.k")}`,
  });
}
