/** Sums parts of a product in a fixed order: y[i] = Σ_part x[part, i]. The second pass of split sums, without atomics. */
import { elementType, type Float } from "../caps.ts";
import { fold, type KernelSpec, kernel } from "../spec.ts";

const workgroup = 256;

export function sumPartsKernel(parts: number, size: number, result: Float): KernelSpec {
  const wide = size % 4 === 0;
  const count = wide ? size / 4 : size;
  const type = elementType("f32", wide);
  return kernel({
    name: "sum of parts",
    inputs: [{ name: "x_", type }],
    outputs: [{ name: "y_", type: elementType(result, wide) }],
    params: { parts: ["u32", parts], count: ["u32", count] },
    workgroup: [workgroup],
    grid: fold(Math.ceil(count / workgroup)),
    body: `let i = flat * ${workgroup}u + lid.x;
if (i >= p.count) { return; }
var sum = ${type}();
for (var part = 0u; part < p.parts; part++) { sum += x_[part * p.count + i]; }
y_[i] = ${elementType(result, wide)}(sum);`,
  });
}
