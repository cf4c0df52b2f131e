/** How sums leave their fragments, which can't be read element by element: through a patch of workgroup memory, patch by patch. */
import { unroll } from "../spec.ts";
import type { Product } from "./body.ts";
import { type FragmentText, type Index, indexText, patchWords } from "./dialect.ts";
import { fragmentsOf, type Patch } from "./tile.ts";

/** Fragments go out one row of them at a time, a patch after the other. */
export function drainText(product: Product, patch: Patch, text: FragmentText): string {
  const { tile, unit } = product.layout;
  const [down, across] = fragmentsOf(tile, unit.fragment);
  const groups = across / tile.patch;
  if (text.named) {
    return unroll(down * groups, (n) => {
      const group = n % groups;
      return patchText(
        product,
        patch,
        text,
        Math.floor(n / groups),
        group,
        (j) => group * tile.patch + j,
      );
    });
  }
  const one = patchText(product, patch, text, "i", "g", (j) => `(g * ${tile.patch}u + ${j}u)`);
  return `for (var n = 0u; n < ${down * groups}u * min(p.layers, 1u); n++) {
let i = n / ${groups}u; let g = n % ${groups}u;
${one}
}`;
}

/** Row `i` of fragments, patch `group` of it: stored by each subgroup, then read by all threads. */
function patchText(
  { layout: { tile, unit }, write }: Product,
  patch: Patch,
  text: FragmentText,
  i: Index,
  group: Index,
  fragment: (j: number) => Index,
): string {
  const f = unit.fragment;
  const threads = tile.rows * tile.columns * unit.subgroupSize;
  const perRow = patch.columns / 4;
  const fours = tile.rows * tile.columns * f.m * perRow;
  const at = `(part * ${patch.each}u + r * ${patch.pitch}u + c)`;
  const value =
    patchWords(unit) === 4
      ? `patch_[${at} / 4u]`
      : `vec4<f32>(${[0, 1, 2, 3].map((q) => `patch_[${at} + ${q}u]`)})`;
  return `${unroll(tile.patch, (j) => text.store(i, fragment(j), j * f.n))}
workgroupBarrier();
for (var e = lid.x; e < ${fours}u; e += ${threads}u) {
let part = e / ${f.m * perRow}u; let r = e / ${perRow}u % ${f.m}u; let c = e % ${perRow}u * 4u;
let row = m0 + part / ${tile.columns}u * ${tile.m / tile.rows}u + ${indexText(i)} * ${f.m}u + r;
let column = n0 + part % ${tile.columns}u * ${tile.n / tile.columns}u + ${indexText(group)} * ${patch.columns}u + c;
if (row < mEnd && column < nEnd) { let v = ${value}; ${write} }
}
workgroupBarrier();`;
}
