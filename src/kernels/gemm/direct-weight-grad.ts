/** The gradient of a convolution's weight, straight from memory: a thread owns four rows of it and sums over pixels. */
import { elementType } from "../caps.ts";
import { fold, type KernelSpec, kernel, unroll } from "../spec.ts";
import { wgsl } from "../wgsl.ts";
import { type ConvShape, convParams } from "./conv-shape.ts";
import { columnsOf, loadOr0, putRows, putsOf, threadRows } from "./direct.ts";
import type { DirectPlan } from "./plans.ts";
import { declareSums, multiplyTile } from "./tile.ts";
import { type ProductTypes, writer } from "./write.ts";

/**
 * Pieces of the pixels whose weight gradients are summed apart, then added in a fixed order: as many as keep the adapter busy, a few on a
 * program on the CPU, where writing and reading the parts took as long as the products.
 */
export function weightGradChunks(s: ConvShape, software = false): number {
  const rows = s.kh * s.kw * (s.c / s.groups);
  const total = s.n * s.oh * s.ow;
  const threads = Math.ceil(rows / 4) * Math.ceil(s.k / columnsOf(s.k, s.groups));
  const wanted = Math.max(Math.ceil((software ? 8192 : 65_536) / threads), Math.ceil(total / 2048));
  const room = Math.floor((16 * 2 ** 20) / (rows * s.k)); // at most 64 MiB of partial sums
  return Math.max(1, Math.min(wanted, Math.ceil(total / 32), room));
}

/** The gradient of the weight in `chunks` pieces: `[chunks, kh, kw, c/groups, k]`. */
export function directWeightGradKernel(
  s: ConvShape,
  { subgroups }: DirectPlan,
  { operands, result }: ProductTypes,
  chunks: number,
): KernelSpec {
  const columns = columnsOf(s.k, s.groups);
  const cg = s.c / s.groups;
  const wide = cg % 4 === 0;
  const rows = s.kh * s.kw * cg;
  const rowThreads = Math.ceil(rows / 4);
  const group = groupOf(rowThreads);
  const rowTiles = Math.ceil(rowThreads / group);
  const columnTiles = Math.ceil(s.k / columns);
  const step = Math.ceil((s.n * s.oh * s.ow) / chunks);
  const taps = wide ? 1 : 4;
  const at = (_: string, column: string) => `q * p.k + min(column + ${column}, p.k - 1u)`;
  const x = (r: number) => (wide ? `e[${r}]` : `e${r}`);
  const write = writer({
    width: "p.k",
    columns: columns === 1 ? 1 : 4,
    wide: s.k % 4 === 0,
    result,
  });
  const results = threadRows(4, (r) => ({ row: `out + ${r}u`, inside: `row + ${r}u < p.rows` }));
  const puts = putsOf(4, columns);
  return kernel({
    name: "conv2d weight gradient",
    inputs: [
      { name: "x_", type: elementType(operands, wide) },
      { name: "w_", type: operands },
    ],
    outputs: [write.output],
    head: write.head,
    params: convParams(s, { rowTiles, columnTiles, chunks, step, rows, puts }),
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
let j${r} = i32(r${r} / p.cg % p.kw * p.dilationW) - i32(p.padLeft);
let b${r} = (i${r} * i32(p.w) + j${r}) * i32(p.c) + i32(c${r}r);`,
)}
let end = min((chunk + 1u) * p.step, p.n * p.oh * p.ow);
var ox = chunk * p.step % p.ow;
var oy = chunk * p.step / p.ow % p.oh;
var n = chunk * p.step / p.ow / p.oh;
for (var q = chunk * p.step; q < end; q++) {
  let y = i32(oy * p.strideH); let x = i32(ox * p.strideW);
  let b = ((i32(n * p.h) + y) * i32(p.w) + x) * i32(p.c);
${unroll(
  taps,
  (r) => `  let ok${r} = u32(y + i${r}) < p.h && u32(x + j${r}) < p.w;
  let o${r} = select(0u, u32(b + b${r}), ok${r});`,
)}
#if ${wide}
  let e = ${loadOr0("x_", "o0", "ok0", operands, true)};
#else
${unroll(4, (r) => `  let e${r} = ${loadOr0("x_", `o${r}`, `ok${r}`, operands, false)};`)}
#endif
${multiplyTile({ rows: 1, columns, subgroups, at, dtype: operands }, 4, x)}
  ox++;
  if (ox == p.ow) { ox = 0u; oy++; if (oy == p.oh) { oy = 0u; n++; } }
}
let out = chunk * p.rows + row;
${putRows(results, columns, "p.k")}`,
  });
}

/** Threads of a workgroup, the fewest of them idle. */
function groupOf(threads: number): number {
  const covered = (group: number) => Math.ceil(threads / group) * group;
  return [32, 16, 8].reduce((best, group) => (covered(group) < covered(best) ? group : best));
}
