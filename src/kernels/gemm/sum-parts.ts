/**
 * Sums parts of a product in a fixed order: y[row, column] = Σ_part x[part, row, column], with the product's epilogue. The second
 * pass of split sums, without atomics.
 */
import { elementType } from "../caps.ts";
import { fold, type KernelSpec, kernel } from "../spec.ts";
import { type Epilogue, type ProductTypes, writer } from "./write.ts";

const workgroup = 256;

/** What is summed: `parts` matrices of `rows` × `width`, f32. */
export interface PartsShape {
  readonly parts: number;
  readonly rows: number;
  readonly width: number;
}

export function sumPartsKernel(
  { parts, rows, width }: PartsShape,
  result: ProductTypes["result"],
  epilogue: Epilogue = {},
): KernelSpec {
  const wide = width % 4 === 0;
  const across = Math.ceil(width / 4);
  const write = writer({ width: "p.width", columns: 4, wide, result, epilogue });
  const load = wide ? "x_[at / 4u]" : "vec4<f32>(x_[at], x_[at + 1u], x_[at + 2u], x_[at + 3u])";
  return kernel({
    name: "sum of parts",
    inputs: [{ name: "x_", type: elementType("f32", wide) }, ...write.inputs],
    outputs: [write.output],
    params: {
      parts: ["u32", parts],
      rows: ["u32", rows],
      width: ["u32", width],
      across: ["u32", across],
    },
    head: write.head,
    workgroup: [workgroup],
    grid: fold(Math.ceil((rows * across) / workgroup)),
    body: `let i = flat * ${workgroup}u + lid.x;
let row = i / p.across;
if (row >= p.rows) { return; }
let column = i % p.across * 4u;
var sum = vec4<f32>();
for (var part = 0u; part < p.parts; part++) {
let at = (part * p.rows + row) * p.width + column;
sum += ${load};
}
put(row, column, p.width, sum);`,
  });
}
