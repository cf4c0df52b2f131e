/**
 * The gradients of attention (attention.ts). With P from what was saved, dPᵢⱼ = dyᵢ · vⱼ + gD ∂D/∂P + gH ∂H/∂P, and
 * δᵢ = Σⱼ P dP = dyᵢ · yᵢ + gD R₁ + gH R₂, computed first, with σ's gradient:
 *
 *   dS = P (dP − δ)     dqᵢ = scale Σⱼ dSᵢⱼ kⱼ     dkⱼ = scale Σᵢ dSᵢⱼ qᵢ     dvⱼ = Σᵢ Pᵢⱼ dyᵢ
 *
 * A thread owns queries for dq and keys for dk and dv.
 */
import { attentionFacts, factNames } from "./attention-facts.ts";
import { gridPlace, priorOf, slopes } from "./attention-prior.ts";
import type { AttentionShape } from "./attention-shape.ts";
import {
  addRows,
  forRows,
  forTile,
  loadTile,
  ownRows,
  ownType,
  part,
  products,
  readOwn,
  rowBuffer,
  type Side,
  shapeParams,
  tilePlaces,
  writeOwn,
} from "./attention-text.ts";
import { type Buffer, fold, type KernelSpec, kernel } from "./spec.ts";
import { wgsl } from "./wgsl.ts";

const inputs = (s: AttentionShape): Buffer[] => [
  rowBuffer(s, "q_", s.stored.q),
  rowBuffer(s, "k_", s.stored.k),
  rowBuffer(s, "v_", s.stored.v),
  rowBuffer(s, "dy_"),
  { name: "facts_", type: "f32" },
];

/** dq, in q's type, from q, k, v, dy and the numbers of the queries. */
export function attentionQueryGradKernel(s: AttentionShape): KernelSpec {
  const prior = s.grid !== undefined;
  const out = rowBuffer(s, "dq_", s.stored.q);
  const { lanes, rows, tile } = s.plan;
  const tiles = Math.ceil(s.queries / (lanes * rows));
  const type = ownType(s);
  const k: Side = { buffer: "k_", place: "k" };
  const v: Side = { buffer: "v_", place: "k" };
  const fact = (f: number) =>
    forRows(
      s,
      (r) => `facts_[(pair * p.queries + ${part(s, "own", r)}) * ${attentionFacts}u + ${f}u]`,
    );
  return kernel({
    name: "attention gradient",
    inputs: inputs(s),
    outputs: [out],
    params: { ...shapeParams(s), tiles: ["u32", tiles], strideK: ["u32", s.shared ? 0 : 1] },
    subgroups: s.plan.handed,
    workgroup: [lanes],
    grid: fold(tiles * s.batch * s.heads),
    body: wgsl`let pair = flat / p.tiles;
if (pair >= p.pairs) { return; }
let image = pair / p.heads; let head = pair % p.heads;
${ownRows(s, "flat % p.tiles", "image", "p.queries")}
let base = image * p.strideK * p.keys * p.row + head * p.width;
${readOwn(s, "q", "q_", "p.scale * ")}
${readOwn(s, "g", "dy_")}
${readOwn(s, "dq")}
${factNames(s)
  .map((name, f) => `let ${name} = ${fact(f)};`)
  .join("\n")}
${prior ? gridPlace("my", `${type}(own)`) : ""}
for (var j = 0u; j < p.keys; j += ${tile}u) {
  ${tilePlaces(s, "k", "j", "p.keys")}
  ${loadTile(s, k)}
  ${products(s, "s", "q", k)}
  ${loadTile(s, v)}
  ${products(s, "dw", "g", v)}
  ${forTile(
    s,
    (r) => `var ds${r} = ${type}(); {
let w = select(${type}(), exp(s${r} - most - rest), j + ${r}u < p.keys);
${prior ? `${gridPlace("key", `f32(j + ${r}u)`)} ${priorOf("key", ["fallRow", "fallColumn", "sum"], type)} ${slopes} dw${r} += map * a + entropy * b;` : ""}
ds${r} = w * (dw${r} - delta); }`,
  )}
  ${addRows(s, "dq", "ds", k)}
}
${writeOwn(s, "dq", out, "p.queries", "p.scale * ")}`,
  });
}

/** dk and dv, each if wanted and in its type, from q, k, v, dy and the numbers of the queries; of a shared k their sums over the batch. */
export function attentionKeyGradKernel(
  s: AttentionShape,
  wanted: Readonly<Record<"k" | "v", boolean>>,
): KernelSpec {
  const prior = s.grid !== undefined;
  const images = s.shared ? 1 : s.batch;
  const { lanes, rows, tile } = s.plan;
  const tiles = Math.ceil(s.keys / (lanes * rows));
  const type = ownType(s);
  const [dk, dv] = [rowBuffer(s, "dk_", s.stored.k), rowBuffer(s, "dv_", s.stored.v)];
  const q: Side = { buffer: "q_", place: "q" };
  const dy: Side = { buffer: "dy_", place: "q" };
  return kernel({
    name: "attention gradient",
    inputs: inputs(s),
    outputs: [...(wanted.k ? [dk] : []), ...(wanted.v ? [dv] : [])],
    params: {
      ...shapeParams(s),
      tiles: ["u32", tiles],
      ownPairs: ["u32", images * s.heads],
      sharedBy: ["u32", s.batch / images],
    },
    subgroups: s.plan.handed,
    workgroup: [lanes],
    grid: fold(tiles * images * s.heads),
    body: wgsl`let ownPair = flat / p.tiles;
if (ownPair >= p.ownPairs) { return; }
let owner = ownPair / p.heads; let head = ownPair % p.heads;
${ownRows(s, "flat % p.tiles", "owner", "p.keys")}
${readOwn(s, "k", "k_", "p.scale * ")}
${wanted.k ? `${readOwn(s, "v", "v_")}\n${readOwn(s, "dk")}` : ""}
${wanted.v ? readOwn(s, "dv") : ""}
${prior ? gridPlace("my", `${type}(own)`) : ""}
for (var image = owner * p.sharedBy; image < (owner + 1u) * p.sharedBy; image++) {
  let base = image * p.queries * p.row + head * p.width;
  let pair = image * p.heads + head;
  for (var j = 0u; j < p.queries; j += ${tile}u) {
    ${tilePlaces(s, "q", "j", "p.queries")}
    ${forTile(s, (r) => queryFacts(s, r))}
    ${loadTile(s, q)}
    ${products(s, "s", "k", q)}
    ${forTile(s, (r) => `let w${r} = select(${type}(), exp(s${r} - most${r} - rest${r}), j + ${r}u < p.queries);`)}
    ${loadTile(s, dy)}
    ${wanted.v ? addRows(s, "dv", "w", dy) : ""}
    ${wanted.k ? scoreGrads(s, type, q, dy) : ""}
  }
}
${wanted.k ? writeOwn(s, "dk", dk, "p.keys", "p.scale * ") : ""}
${wanted.v ? writeOwn(s, "dv", dv, "p.keys") : ""}`,
  });
}

/** Adds to dk what a tile of queries gives. */
function scoreGrads(s: AttentionShape, type: string, q: Side, dy: Side): string {
  const ofPrior = (r: number) =>
    s.grid
      ? `let w = w${r}; ${gridPlace("query", `f32(j + ${r}u)`)}
${priorOf("query", [`fallRow${r}`, `fallColumn${r}`, `sum${r}`], type)} ${slopes}
dw${r} += map${r} * a + entropy${r} * b;`
      : "";
  return `${products(s, "dw", "v", dy)}
${forTile(s, (r) => `{ ${ofPrior(r)} } let ds${r} = w${r} * (dw${r} - delta${r});`)}
${addRows(s, "dk", "ds", q)}`;
}

/** What is known of query r of the tile. */
function queryFacts(s: AttentionShape, r: number): string {
  const at = `(pair * p.queries + min(j + ${r}u, p.queries - 1u)) * ${attentionFacts}u`;
  const load = s.plan.handed ? `let facts${r} = facts_[${at} + lane];` : `let facts${r} = ${at};`;
  const value = (f: number) =>
    s.plan.handed ? `subgroupBroadcast(facts${r}, ${f}u)` : `facts_[facts${r} + ${f}u]`;
  return `${load} ${factNames(s)
    .map((name, f) => `let ${name}${r} = ${value(f)};`)
    .join(" ")}`;
}
