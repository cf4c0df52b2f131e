/**
 * The product of matrices as GPUs like it: a workgroup computes a tile of C, block by block of k. Both operands' blocks lie in its
 * own memory (rows padded against bank conflicts), each thread keeps a small tile of sums in registers, and the next block is
 * read while this one is multiplied. What is multiplied and where the result goes is the hooks' business, so that matmul and the
 * three convolutions share this body.
 */
import { elementType } from "../caps.ts";
import { fold, type KernelSpec, kernel, type ParamType, unroll } from "../spec.ts";
import { wgsl } from "../wgsl.ts";
import { type Operand, operandHead, staging } from "./operand.ts";
import { tileDepth as depth, type TiledPlan, tileThreads } from "./tile-plans.ts";
import type { Writer } from "./write.ts";

/** C[batch] = A[batch] · B[batch], by its hooks. */
export interface Product {
  readonly name: string;
  /** Rows and columns of one batch's C, and batches. */
  readonly m: number;
  readonly n: number;
  readonly batches: number;
  /** Rows that one part of a split sum has in the result. */
  readonly rows: number;
  readonly a: Operand;
  readonly b: Operand;
  readonly write: Writer;
  readonly params: Readonly<Record<string, readonly [ParamType, number]>>;
  /** Functions that the hooks use. */
  readonly head?: string;
  /** Expression of four numbers of a batch that all hooks are handed as `phase`. */
  readonly phase?: string;
  /** Expression of the sum's length; may use `phase`. */
  readonly depth: string;
  /** Body of `fn row_of(m: u32, batch: u32, phase: vec4<i32>) -> i32`: the row of the result, −1 for none. */
  readonly rowOf: string;
  /** Expression of the first column of a batch. */
  readonly firstColumn: string;
}

/** The product by tiles; in several parts, `[parts, rows, columns]` of partial sums. */
export function tiledKernel(product: Product, plan: TiledPlan): KernelSpec {
  const { a, b, write } = product;
  const { tileM, tileN, threadM, threadN, parts } = plan;
  const threads = tileThreads(plan);
  const columns = tileN / threadN;
  const [pitchA, pitchB] = [tileM / 4 + 1, tileN / 4 + 1];
  const mTiles = Math.ceil(product.m / tileM);
  const nTiles = Math.ceil(product.n / tileN);
  const of = { depth, threads };
  const inA = staging({ ...of, letter: "a", operand: a, size: tileM, pitch: pitchA, first: "m0" });
  const inB = staging({ ...of, letter: "b", operand: b, size: tileN, pitch: pitchB, first: "n0" });
  const [groupsM, groupsN] = [threadM / 4, threadN / 4];
  const sum = (row: number, group: number) => `s${row}_${group}`;
  return kernel({
    name: product.name,
    inputs: [
      { name: "a_", type: elementType(a.dtype, a.wide) },
      { name: "b_", type: elementType(b.dtype, b.wide) },
      ...write.inputs,
    ],
    outputs: [write.output],
    params: {
      ...product.params,
      rowCount: ["u32", product.m],
      columnCount: ["u32", product.n],
      batches: ["u32", product.batches],
      partRows: ["u32", product.rows],
      mTiles: ["u32", mTiles],
      nTiles: ["u32", nTiles],
      parts: ["u32", parts],
    },
    head: [
      `var<workgroup> as_: array<vec4<f32>, ${depth * pitchA}>;`,
      `var<workgroup> bs_: array<vec4<f32>, ${depth * pitchB}>;`,
      product.head ?? "",
      operandHead("a", a),
      operandHead("b", b),
      `fn row_of(m: u32, batch: u32, phase: vec4<i32>) -> i32 {\n${product.rowOf}\n}`,
      write.head,
    ].join("\n"),
    workgroup: [threads],
    grid: fold(mTiles * nTiles * product.batches * parts),
    body: wgsl`let part = flat / (p.mTiles * p.nTiles * p.batches);
if (part >= p.parts) { return; }
let batch = flat / (p.mTiles * p.nTiles) % p.batches;
let m0 = flat % p.mTiles * ${tileM}u;
let n0 = flat / p.mTiles % p.nTiles * ${tileN}u;
let tx = lid.x % ${columns}u;
let ty = lid.x / ${columns}u;
let phase = ${product.phase ?? "vec4<i32>()"};
let depth = ${product.depth};
let share = (depth + p.parts * ${depth}u - 1u) / (p.parts * ${depth}u) * ${depth}u;
let end = min(depth, (part + 1u) * share);
${inA.rows}
${inB.rows}
${inA.declare}
${inB.declare}
${unroll(threadM * groupsN, (i) => `var ${sum(Math.floor(i / groupsN), i % groupsN)} = vec4<f32>();`)}
if (part * share < end) {
${inA.read("part * share")}
${inB.read("part * share")}
}
for (var k = part * share; k < end; k += ${depth}u) {
workgroupBarrier();
${inA.store}
${inB.store}
workgroupBarrier();
if (k + ${depth}u < end) {
${inA.read(`k + ${depth}u`)}
${inB.read(`k + ${depth}u`)}
}
for (var kk = 0u; kk < ${depth}u; kk++) {
${unroll(groupsM, (g) => `let x${g} = as_[kk * ${pitchA}u + ty + ${(g * tileM) / threadM}u];`)}
${unroll(groupsN, (g) => `let y${g} = bs_[kk * ${pitchB}u + tx + ${(g * tileN) / threadN}u];`)}
${unroll(threadM * groupsN, (i) => {
  const [row, g] = [Math.floor(i / groupsN), i % groupsN];
  return `${sum(row, g)} = fma(vec4<f32>(x${row >> 2}[${row & 3}]), y${g}, ${sum(row, g)});`;
})}
}
}
let first = ${product.firstColumn};
${unroll(threadM, (row) => {
  const m = `m0 + ty * 4u + ${((row >> 2) * tileM * 4) / threadM + (row & 3)}u`;
  const puts = unroll(groupsN, (g) => {
    const column = `first + n0 + tx * 4u + ${(g * tileN * 4) / threadN}u`;
    return `put(u32(row) + part * p.partRows, ${column}, first + p.columnCount, ${sum(row, g)});`;
  });
  return `if (${m} < p.rowCount) { let row = row_of(${m}, batch, phase); if (row >= 0) { ${puts} } }`;
})}`,
  });
}
