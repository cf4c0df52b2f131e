/**
 * The norm of all gradients together, and scaling them by it: Σ g² in parts, then norm and factor, then g · factor. Gradients lie
 * in the flat buffer of an optimiser (a range of its chunks, see optim.ts) or in a buffer of their own. No atomics: the
 * same bits each time.
 */
import { type ChunkRange, chunkSize } from "./optim.ts";
import { fold, type KernelSpec, kernel, type ParamType, unroll } from "./spec.ts";
import { wgsl } from "./wgsl.ts";

const threads = 64;
/** Chunks that a workgroup adds up. */
const span = 16;

/** Where gradients lie: chunks of a flat buffer, or all `n` numbers of one. */
export type GradRange = ChunkRange | { readonly n: number };

interface Layout {
  readonly chunks: number;
  readonly width: 1 | 4;
  readonly type: string;
  readonly params: Record<string, readonly [ParamType, number]>;
  /** Numbers of chunk `chunk` that count, as an expression. */
  readonly used: string;
  readonly table: readonly { readonly name: string; readonly type: string }[];
}

function layoutOf(range: GradRange): Layout {
  if ("n" in range) {
    const width = range.n % 4 === 0 ? 4 : 1;
    const chunks = Math.ceil(range.n / chunkSize);
    const params = { first: ["u32", 0], count: ["u32", chunks], n: ["u32", range.n] } as const;
    const used = `min(${chunkSize}u, p.n - chunk * ${chunkSize}u)`;
    return { chunks, width, type: width === 4 ? "vec4<f32>" : "f32", params, used, table: [] };
  }
  return {
    chunks: range.count,
    width: 4,
    type: "vec4<f32>",
    params: { first: ["u32", range.first], count: ["u32", range.count] },
    used: `table_[chunk] % ${2 * chunkSize}u`,
    table: [{ name: "table_", type: "u32" }],
  };
}

/** The flat buffer ends a parameter within four numbers; what follows it there does not count. */
function inside(value: string, { width }: Layout): string {
  if (width === 1) return value;
  return `select(T(), ${value}, vec4u(4u * k) + vec4u(0u, 1u, 2u, 3u) < vec4u(used))`;
}

/** Body that calls `each` for every unit `k` of the chunk `chunk`, at index `i`. */
function eachUnit({ width, used }: Layout, each: string): string {
  return `let used = ${used};
let start = chunk * ${chunkSize / width}u;
for (var k = lid.x; k < (used + ${width - 1}u) / ${width}u; k += ${threads}u) { let i = start + k; ${each} }`;
}

/** How many parts `squareSumKernel` writes. */
export function squareSlots(range: GradRange): number {
  return Math.ceil(layoutOf(range).chunks / span);
}

/** Σ g² in `squareSlots` parts, from `slot` on. Inputs: the table of a flat buffer, gradients. Output: parts of all gradients. */
export function squareSumKernel(range: GradRange, slot: number): KernelSpec {
  const layout = layoutOf(range);
  return kernel({
    name: "clipGradNorm squares",
    inputs: [...layout.table, { name: "g_", type: layout.type }],
    outputs: [{ name: "parts_", type: "f32" }],
    params: { ...layout.params, slot: ["u32", slot] },
    head: `alias T = ${layout.type};\n${treeHead}`,
    workgroup: [threads],
    grid: fold(Math.ceil(layout.chunks / span)),
    body: wgsl`var sum = T();
let stop = p.first + min((flat + 1u) * ${span}u, p.count);
for (var chunk = p.first + flat * ${span}u; chunk < stop; chunk++) {
  ${eachUnit(layout, `let g = ${inside("g_[i]", layout)}; sum += g * g;`)}
}
part[lid.x] = ${layout.width === 4 ? "(sum.x + sum.y) + (sum.z + sum.w)" : "sum"};
${tree}
if (lid.x == 0u && flat * ${span}u < p.count) { parts_[p.slot + flat] = part[0]; }`,
  });
}

const treeHead = `var<workgroup> part: array<f32, ${threads}>;`;
const tree = unroll(
  6,
  (k) =>
    `workgroupBarrier();\nif (lid.x < ${32 >> k}u) { part[lid.x] += part[lid.x + ${32 >> k}u]; }`,
);

export interface NormFactorOptions {
  readonly parts: number;
  readonly maxNorm: number;
  /** Gradients were multiplied by a loss scale, the second input. */
  readonly scaled: boolean;
}

/**
 * norm = √Σ parts / scale, factor = min(1, maxNorm / (norm + 1e-6)) / scale, found = 1 where the norm is no finite number. Inputs: parts,
 * scale. Outputs: norm, factor, found.
 */
export function normFactorKernel({ parts, maxNorm, scaled }: NormFactorOptions): KernelSpec {
  return kernel({
    name: "clipGradNorm factor",
    inputs: [{ name: "parts_", type: "f32" }, ...(scaled ? [{ name: "scale_", type: "f32" }] : [])],
    outputs: [
      { name: "norm_", type: "f32" },
      { name: "factor_", type: "f32" },
      { name: "found_", type: "u32" },
    ],
    params: { n: ["u32", parts], max_norm: ["f32", maxNorm] },
    head: treeHead,
    workgroup: [threads],
    grid: [1, 1, 1],
    body: wgsl`var sum = 0.0;
for (var i = lid.x; i < p.n; i += ${threads}u) { sum += parts_[i]; }
part[lid.x] = sum;
${tree}
if (lid.x == 0u) {
  let scale = ${scaled ? "scale_[0]" : "1.0"};
  let norm = sqrt(part[0]) / scale;
  norm_[0] = norm;
  let size = norm + 1e-6;
  let factor = select(1.0, p.max_norm / size, !(size <= p.max_norm)); // a norm that is no number stays none
  factor_[0] = factor / scale;
  let bits = bitcast<u32>(part[0]);
  found_[0] = select(0u, 1u, (bits & 0x7f800000u) == 0x7f800000u);
}`,
  });
}

/** g · factor in place. Inputs: factor, the table of a flat buffer. Output: gradients. */
export function scaleKernel(range: GradRange): KernelSpec {
  const layout = layoutOf(range);
  const scaled = layout.width === 4 ? inside("g_[i] * factor", layout) : "g_[i] * factor";
  return kernel({
    name: "clipGradNorm scale",
    inputs: [{ name: "factor_", type: "f32" }, ...layout.table],
    outputs: [{ name: "g_", type: layout.type }],
    params: layout.params,
    head: `alias T = ${layout.type};`,
    workgroup: [threads],
    grid: fold(layout.chunks),
    body: wgsl`if (flat >= p.count) { return; }
let chunk = p.first + flat;
let factor = factor_[0];
${eachUnit(layout, `g_[i] = ${scaled};`)}`,
  });
}
