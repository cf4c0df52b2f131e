/**
 * The gradients of attention (attention.ts). With P from the saved lse, dPᵢⱼ = dyᵢ · vⱼ + gD ∂D/∂P + gH ∂H/∂P, and
 * δᵢ = Σⱼ P dP = dyᵢ · yᵢ + gD R₁ + gH R₂, computed first, with σ's gradient:
 *
 *   dS = P (dP − δ)     dqᵢ = scale Σⱼ dSᵢⱼ kⱼ     dkⱼ = scale Σᵢ dSᵢⱼ qᵢ     dvⱼ = Σᵢ Pᵢⱼ dyᵢ
 *
 * A thread owns a query for dq and a key for dk and dv.
 */
import {
  type AttentionShape,
  addRows,
  each,
  gridPlace,
  load,
  places,
  positions,
  priorOf,
  products,
  rowBuffer,
  shapeParams,
  slopes,
  store,
  within,
} from "./attention-text.ts";
import { type Buffer, fold, type KernelSpec, kernel } from "./spec.ts";
import { wgsl } from "./wgsl.ts";

const lanes = 32;

/**
 * What the other two need of a query, from y, dy and what was saved: lse and δ; with a prior, 8 numbers: lse, δ, gD, gH, and the
 * prior's three. With a prior it reads gD, g of the prior's divergence and gH `[B, heads, queries]` too and also writes σ's
 * gradient `[B, queries, heads, 2]`.
 */
export function attentionRowsKernel(s: AttentionShape): KernelSpec {
  const prior = s.grid !== undefined;
  const one = (name: string): Buffer => ({ name, type: "f32" });
  return kernel({
    name: "attention gradient",
    inputs: [
      rowBuffer(s, "y_"),
      rowBuffer(s, "dy_"),
      { name: "saved_", type: prior ? "vec4<f32>" : "f32" },
      ...(prior ? [one("map_"), one("prior_"), one("entropy_")] : []),
    ],
    outputs: [
      { name: "facts_", type: prior ? "vec4<f32>" : "vec2<f32>" },
      ...(prior ? [{ name: "sigma_", type: "vec2<f32>" }] : []),
    ],
    params: shapeParams(s),
    workgroup: [64],
    grid: fold(Math.ceil((s.batch * s.heads * s.queries) / 64)),
    body: wgsl`let at = flat * 64u + lid.x;
if (at >= p.pairs * p.queries) { return; }
let pair = at / p.queries;
let place = (pair / p.heads * p.queries + at % p.queries) * p.heads + pair % p.heads;
let mine = place * p.width;
var delta = 0.0;
${each(s, (c) => `delta += dot(${load(s, "y_", "mine", c)}, ${load(s, "dy_", "mine", c)});`)}
#if ${prior}
let first = saved_[2u * at]; let second = saved_[2u * at + 1u];
let map = map_[at]; let entropy = entropy_[at];
delta += map * second.x + entropy * second.y;
facts_[2u * at] = vec4<f32>(first.x, delta, map, entropy);
facts_[2u * at + 1u] = vec4<f32>(first.yzw, 0.0);
sigma_[place] = prior_[at] * second.zw;
#else
facts_[at] = vec2<f32>(saved_[at], delta);
#endif`,
  });
}

const sides = (s: AttentionShape): Buffer[] => [
  rowBuffer(s, "q_", s.stored.q),
  rowBuffer(s, "k_", s.stored.k),
  rowBuffer(s, "v_", s.stored.v),
  rowBuffer(s, "dy_"),
  { name: "facts_", type: s.grid ? "vec4<f32>" : "vec2<f32>" },
];

/** dq, in q's type, from q, k, v, dy and the facts of the queries. */
export function attentionQueryGradKernel(s: AttentionShape): KernelSpec {
  const prior = s.grid !== undefined;
  const out = rowBuffer(s, "dq_", s.stored.q);
  const tiles = Math.ceil(s.queries / lanes);
  return kernel({
    name: "attention gradient",
    inputs: sides(s),
    outputs: [out],
    params: { ...shapeParams(s), tiles: ["u32", tiles], strideK: ["u32", s.shared ? 0 : 1] },
    workgroup: [lanes],
    grid: fold(tiles * s.batch * s.heads),
    body: wgsl`let pair = flat / p.tiles;
if (pair >= p.pairs) { return; }
let i = flat % p.tiles * ${lanes}u + lid.x;
let own = min(i, p.queries - 1u);
let image = pair / p.heads; let head = pair % p.heads;
let mine = (image * p.queries + own) * p.row + head * p.width;
let base = image * p.strideK * p.keys * p.row + head * p.width;
${each(
  s,
  (
    c,
  ) => `let q${c} = p.scale * ${load(s, "q_", "mine", c)}; let g${c} = ${load(s, "dy_", "mine", c)};
var d${c} = vec4<f32>();`,
)}
let at = pair * p.queries + own;
#if ${prior}
let facts = facts_[2u * at]; let fall = facts_[2u * at + 1u];
${gridPlace("my", "f32(own)")}
#else
let facts = facts_[at];
#endif
for (var j = 0u; j < p.keys; j += 4u) {
  ${places("k", "base", "j", "p.keys")}
  ${products(s, "scores", "q", "k_", "k")}
  ${products(s, "dw", "g", "v_", "k")}
  let w = select(vec4<f32>(), exp(scores - facts.x), ${within("j", "p.keys")});
#if ${prior}
  ${gridPlace("key", positions("j"))}
  let rr = (keyRow - myRow) * (keyRow - myRow); let cc = (keyColumn - myColumn) * (keyColumn - myColumn);
  ${priorOf(["fall.x", "fall.y", "fall.z"])}
  ${slopes}
  dw += facts.z * a + facts.w * b;
#endif
  let ds = w * (dw - facts.y);
  ${addRows(s, "d", "ds", "k_", "k")}
}
if (i < p.queries) {
  ${each(s, (c) => store(s, out, "mine", c, `p.scale * d${c}`))}
}`,
  });
}

/** dk and dv, each if wanted and in its type, from q, k, v, dy and the facts; where k is shared, their sums over the batch. */
export function attentionKeyGradKernel(
  s: AttentionShape,
  wanted: Readonly<Record<"k" | "v", boolean>>,
): KernelSpec {
  const prior = s.grid !== undefined;
  const images = s.shared ? 1 : s.batch;
  const tiles = Math.ceil(s.keys / lanes);
  const [dk, dv] = [rowBuffer(s, "dk_", s.stored.k), rowBuffer(s, "dv_", s.stored.v)];
  return kernel({
    name: "attention gradient",
    inputs: sides(s),
    outputs: [...(wanted.k ? [dk] : []), ...(wanted.v ? [dv] : [])],
    params: {
      ...shapeParams(s),
      tiles: ["u32", tiles],
      ownPairs: ["u32", images * s.heads],
      sharedBy: ["u32", s.batch / images],
    },
    workgroup: [lanes],
    grid: fold(tiles * images * s.heads),
    body: wgsl`let ownPair = flat / p.tiles;
if (ownPair >= p.ownPairs) { return; }
let j = flat % p.tiles * ${lanes}u + lid.x;
let own = min(j, p.keys - 1u);
let head = ownPair % p.heads;
let mine = (ownPair / p.heads * p.keys + own) * p.row + head * p.width;
${each(
  s,
  (c) => `let k${c} = p.scale * ${load(s, "k_", "mine", c)};
${wanted.k ? `let v${c} = ${load(s, "v_", "mine", c)}; var dk${c} = vec4<f32>();` : ""}
${wanted.v ? `var dv${c} = vec4<f32>();` : ""}`,
)}
${prior ? gridPlace("my", "f32(own)") : ""}
for (var image = ownPair / p.heads * p.sharedBy; image < (ownPair / p.heads + 1u) * p.sharedBy; image++) {
  let base = image * p.queries * p.row + head * p.width;
  let pair = image * p.heads + head;
  for (var i = 0u; i < p.queries; i += 4u) {
    ${places("q", "base", "i", "p.queries")}
    ${queryFacts(prior)}
    ${products(s, "scores", "k", "q_", "q")}
    let w = select(vec4<f32>(), exp(scores - lse), ${within("i", "p.queries")});
#if ${wanted.v}
    ${addRows(s, "dv", "w", "dy_", "q")}
#endif
#if ${wanted.k}
    ${products(s, "dw", "v", "dy_", "q")}
#if ${prior}
    ${gridPlace("query", positions("i"))}
    let rr = (queryRow - myRow) * (queryRow - myRow);
    let cc = (queryColumn - myColumn) * (queryColumn - myColumn);
    ${priorOf(["fallRow", "fallColumn", "sum"])}
    ${slopes}
    dw += map * a + entropy * b;
#endif
    let ds = w * (dw - delta);
    ${addRows(s, "dk", "ds", "q_", "q")}
#endif
  }
}
if (j < p.keys) {
  ${wanted.k ? each(s, (c) => store(s, dk, "mine", c, `p.scale * dk${c}`)) : ""}
  ${wanted.v ? each(s, (c) => store(s, dv, "mine", c, `dv${c}`)) : ""}
}`,
  });
}

/** What is known of four queries, each thing in a vector. */
function queryFacts(prior: boolean): string {
  const rows = [0, 1, 2, 3];
  const at = (r: number) => `(pair * p.queries + min(i + ${r}u, p.queries - 1u))`;
  const across = (name: string, of: string, part: string) =>
    `let ${name} = vec4<f32>(${rows.map((r) => `${of}${r}.${part}`).join(", ")});`;
  if (!prior) {
    return `${rows.map((r) => `let f${r} = facts_[${at(r)}];`).join(" ")}
${across("lse", "f", "x")} ${across("delta", "f", "y")}`;
  }
  return `${rows.map((r) => `let f${r} = facts_[2u * ${at(r)}]; let g${r} = facts_[2u * ${at(r)} + 1u];`).join(" ")}
${across("lse", "f", "x")} ${across("delta", "f", "y")} ${across("map", "f", "z")} ${across("entropy", "f", "w")}
${across("fallRow", "g", "x")} ${across("fallColumn", "g", "y")} ${across("sum", "g", "z")}`;
}
