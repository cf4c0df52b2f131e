/**
 * The gradients of attention (attention.ts). With P from the saved lse, dPᵢⱼ = dyᵢ · vⱼ + gD ∂D/∂P + gH ∂H/∂P, and
 * δᵢ = Σⱼ P dP = dyᵢ · yᵢ + gD R₁ + gH R₂, computed first, with σ's gradient:
 *
 *   dS = P (dP − δ)     dqᵢ = scale Σⱼ dSᵢⱼ kⱼ     dkⱼ = scale Σᵢ dSᵢⱼ qᵢ     dvⱼ = Σᵢ Pᵢⱼ dyᵢ
 *
 * A thread owns queries for dq and keys for dk and dv.
 */
import {
  type AttentionShape,
  addRows,
  forRows,
  forTile,
  gridPlace,
  loadTile,
  ownRows,
  ownType,
  part,
  priorOf,
  products,
  readOwn,
  rowBuffer,
  type Side,
  shapeParams,
  slopes,
  tilePlaces,
  writeOwn,
} from "./attention-text.ts";
import { type Buffer, fold, type KernelSpec, kernel } from "./spec.ts";
import { wgsl } from "./wgsl.ts";

const names = ["lse", "delta", "map", "entropy", "fallRow", "fallColumn", "sum"] as const;
/** Numbers of a query that the gradients need: those of `names`, from `map` on only with a prior. */
export const attentionFacts = 8;

/**
 * Those numbers `[B, heads, queries, 8]` from y, dy and what was saved. With a prior it reads gD, the gradient of the prior's
 * divergence and gH `[B, heads, queries]` too and also writes σ's gradient `[B, queries, heads, 2]`.
 */
export function attentionRowsKernel(s: AttentionShape): KernelSpec {
  const prior = s.grid !== undefined;
  const one = (name: string): Buffer => ({ name, type: "f32" });
  return kernel({
    name: "attention gradient",
    inputs: [
      one("y_"),
      one("dy_"),
      { name: "saved_", type: prior ? "vec4<f32>" : "f32" },
      ...(prior ? [one("map_"), one("prior_"), one("entropy_")] : []),
    ],
    outputs: [
      { name: "facts_", type: "vec4<f32>" },
      ...(prior ? [{ name: "sigma_", type: "vec2<f32>" }] : []),
    ],
    params: {
      pairs: ["u32", s.batch * s.heads],
      heads: ["u32", s.heads],
      queries: ["u32", s.queries],
      width: ["u32", s.width],
    },
    workgroup: [64],
    grid: fold(Math.ceil((s.batch * s.heads * s.queries) / 64)),
    body: wgsl`let at = flat * 64u + lid.x;
if (at >= p.pairs * p.queries) { return; }
let pair = at / p.queries;
let place = (pair / p.heads * p.queries + at % p.queries) * p.heads + pair % p.heads;
var delta = 0.0;
for (var c = place * p.width; c < (place + 1u) * p.width; c++) { delta += y_[c] * dy_[c]; }
#if ${prior}
let first = saved_[2u * at]; let second = saved_[2u * at + 1u];
let map = map_[at]; let entropy = entropy_[at];
delta += map * second.x + entropy * second.y;
facts_[2u * at] = vec4<f32>(first.x, delta, map, entropy);
facts_[2u * at + 1u] = vec4<f32>(first.yzw, 0.0);
sigma_[place] = prior_[at] * second.zw;
#else
facts_[2u * at] = vec4<f32>(saved_[at], delta, 0.0, 0.0);
#endif`,
  });
}

const inputs = (s: AttentionShape): Buffer[] => [
  rowBuffer(s, "q_", s.stored.q),
  rowBuffer(s, "k_", s.stored.k),
  rowBuffer(s, "v_", s.stored.v),
  rowBuffer(s, "dy_"),
  { name: "facts_", type: "f32" },
];

const used = (s: AttentionShape) => (s.grid ? names : names.slice(0, 2));

/** dq, in q's type, from q, k, v, dy and the numbers of the queries. */
export function attentionQueryGradKernel(s: AttentionShape): KernelSpec {
  const prior = s.grid !== undefined;
  const out = rowBuffer(s, "dq_", s.stored.q);
  const { lanes, rows, tile } = s.plan;
  const tiles = Math.ceil(s.queries / (lanes * rows));
  const type = ownType(s);
  const [k, v]: Side[] = [
    { buffer: "k_", place: "k" },
    { buffer: "v_", place: "k" },
  ];
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
${used(s)
  .map((name, f) => `let ${name} = ${fact(f)};`)
  .join("\n")}
${prior ? gridPlace("my", `${type}(own)`) : ""}
for (var j = 0u; j < p.keys; j += ${tile}u) {
  ${tilePlaces(s, "k", "j", "p.keys")}
  ${loadTile(s, k as Side)}
  ${products(s, "s", "q", k as Side)}
  ${loadTile(s, v as Side)}
  ${products(s, "dw", "g", v as Side)}
  ${forTile(
    s,
    (r) => `var ds${r} = ${type}(); {
let w = select(${type}(), exp(s${r} - lse), j + ${r}u < p.keys);
${prior ? `${gridPlace("key", `f32(j + ${r}u)`)} ${priorOf("key", ["fallRow", "fallColumn", "sum"], type)} ${slopes} dw${r} += map * a + entropy * b;` : ""}
ds${r} = w * (dw${r} - delta); }`,
  )}
  ${addRows(s, "dq", "ds", k as Side)}
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
  const [q, dy]: Side[] = [
    { buffer: "q_", place: "q" },
    { buffer: "dy_", place: "q" },
  ];
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
    ${loadTile(s, q as Side)}
    ${products(s, "s", "k", q as Side)}
    ${forTile(s, (r) => `let w${r} = select(${type}(), exp(s${r} - lse${r}), j + ${r}u < p.queries);`)}
    ${loadTile(s, dy as Side)}
    ${wanted.v ? addRows(s, "dv", "w", dy as Side) : ""}
    ${wanted.k ? scoreGrads(s, type, q as Side, dy as Side) : ""}
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
  return `${load} ${used(s)
    .map((name, f) => `let ${name}${r} = ${value(f)};`)
    .join(" ")}`;
}
