/**
 * Transposes the last two axes: `[b, r, c]` to `[b, c, r]`, r a multiple of four. A workgroup takes four rows and reads along them; which
 * rows is found once for all of its threads, since a division in every one of them costs more than the copy.
 */
import { type DType, fold, type KernelSpec, kernel } from "./spec.ts";
import { wgsl } from "./wgsl.ts";

export interface TransposeShape {
  readonly batch: number;
  readonly rows: number;
  readonly columns: number;
}

const workgroup = 64;

export function transposeKernel(
  { batch, rows, columns }: TransposeShape,
  dtype: DType,
): KernelSpec {
  const pieces = Math.ceil(columns / workgroup);
  const strips = rows / 4;
  return kernel({
    name: "permute",
    inputs: [{ name: "x_", type: dtype }],
    outputs: [{ name: "y_", type: `vec4<${dtype}>` }],
    params: {
      count: ["u32", batch * strips * pieces],
      columns: ["u32", columns],
      strips: ["u32", strips],
      pieces: ["u32", pieces],
    },
    workgroup: [workgroup],
    grid: fold(batch * strips * pieces),
    body: wgsl`if (flat >= p.count) { return; }
let strip = flat / p.pieces;
let column = flat % p.pieces * ${workgroup}u + lid.x;
if (column >= p.columns) { return; }
let at = strip * 4u * p.columns + column;
let four = vec4<${dtype}>(x_[at], x_[at + p.columns], x_[at + 2u * p.columns], x_[at + 3u * p.columns]);
let batch = strip / p.strips;
y_[(batch * p.columns + column) * p.strips + strip % p.strips] = four;`,
  });
}
