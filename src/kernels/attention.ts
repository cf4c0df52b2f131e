/**
 * Attention without its matrix: P = softmax(scale · q kᵀ), out = P v, for each head. A thread owns queries and walks over the keys
 * twice: first for the greatest score m and log Σ exp(s − m), then, with P = exp(s − m − log Σ), for everything else. With a prior T, a Gaussian over the grid that
 * is normalised where the grid ends, it also sums
 *
 *   D = Σ (P − T)(log(P + ε) − log(T + ε))        H = −Σ P log(P + ε)
 *
 * and what their gradients need (attention-grad.ts): R₁ = Σ P ∂D/∂P, R₂ = Σ P ∂H/∂P, U = ∂D/∂σ.
 */
import { gridPlace, priorEps, priorOf, slopes } from "./attention-prior.ts";
import type { AttentionShape } from "./attention-shape.ts";
import {
  addRows,
  forOwn,
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
import type { Float } from "./caps.ts";
import { fold, type KernelSpec, kernel } from "./spec.ts";
import { storedType } from "./stored.ts";
import { wgsl } from "./wgsl.ts";

export interface AttentionForward {
  /** Writes what the gradients need. */
  readonly saved: boolean;
  /** Type of σ. */
  readonly sigma: Float;
}

/**
 * q `[B, queries, heads · width]`, k, v, with a prior σ `[B, queries, heads, 2]`, to out and, with a prior, D and H
 * `[B, heads, queries]`. Saved for each query: m and log Σ; with a prior also R₁ and R₂, then 1 / 2σ² twice and the logarithm of T's
 * sum, then U, four numbers each.
 */
export function attentionKernel(s: AttentionShape, { saved, sigma }: AttentionForward): KernelSpec {
  const prior = s.grid !== undefined;
  const out = rowBuffer(s, "y_");
  const { lanes, rows } = s.plan;
  const tiles = Math.ceil(s.queries / (lanes * rows));
  const type = ownType(s);
  const k: Side = { buffer: "k_", place: "k" };
  const v: Side = { buffer: "v_", place: "k" };
  const sums = ["divergence_", "entropy_"].map((name) => ({ name, type: "f32" }));
  return kernel({
    name: "attention",
    inputs: [
      rowBuffer(s, "q_", s.stored.q),
      rowBuffer(s, "k_", s.stored.k),
      rowBuffer(s, "v_", s.stored.v),
      ...(prior ? [{ name: "sigma_", type: storedType("vec2<f32>", sigma) }] : []),
    ],
    outputs: [
      out,
      ...(prior ? sums : []),
      ...(saved ? [{ name: "saved_", type: prior ? "vec4<f32>" : "vec2<f32>" }] : []),
    ],
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
var most = ${type}(p.least); var total = ${type}();
for (var j = 0u; j < p.keys; j += ${s.plan.tile}u) {
  ${tilePlaces(s, "k", "j", "p.keys")}
  ${loadTile(s, k)}
  ${products(s, "s", "q", k)}
  var top = most;
  ${forTile(s, (r) => `s${r} = select(${type}(p.least), s${r}, j + ${r}u < p.keys); top = max(top, s${r});`)}
  total *= exp(most - top);
  ${forTile(s, (r) => `total += exp(s${r} - top);`)}
  most = top;
}
let rest = log(total);
${readOwn(s, "o")}
#if ${prior}
${priorSums(s)}
#endif
for (var j = 0u; j < p.keys; j += ${s.plan.tile}u) {
  ${tilePlaces(s, "k", "j", "p.keys")}
  ${loadTile(s, k)}
  ${products(s, "s", "q", k)}
  ${forTile(s, (r) => `let w${r} = select(${type}(), exp(s${r} - most - rest), j + ${r}u < p.keys);`)}
  ${loadTile(s, v)}
  ${addRows(s, "o", "w", v)}
  ${prior ? forTile(s, (r) => `{ ${priorTerms(type, r, saved)} }`) : ""}
}
${writeOwn(s, "o", out, "p.queries")}
${prior || saved ? forOwn(s, "p.queries", (r) => writeSums(s, r, prior, saved)) : ""}`,
  });
}

/**
 * The prior's 1 / 2σ², the logarithm of its sum over the grid, and the mean squared distances under it. Not by `min`, which would make
 * a prior of a σ that is NaN.
 */
function priorSums(s: AttentionShape): string {
  const type = ownType(s);
  const deviation = (r: number, axis: "x" | "y") =>
    `f32(sigma_[(image * p.queries + ${part(s, "own", r)}) * p.heads + head].${axis})`;
  const axis = (name: "Row" | "Column", end: string, of: "x" | "y") => `
let deviation${name} = ${forRows(s, (r) => deviation(r, of))};
let steep${name} = 0.5 / (deviation${name} * deviation${name});
let fall${name} = select(steep${name}, ${type}(1e30), steep${name} > ${type}(1e30));
var sum${name} = ${type}(); var mean${name} = ${type}();
for (var r = 0.0; r < ${end}; r += 1.0) {
  let square = (r - my${name}) * (r - my${name}); let x = exp(-square * fall${name});
  sum${name} += x; mean${name} += x * square;
}
mean${name} /= sum${name};
var spread${name} = ${type}();`;
  return `${gridPlace("my", `${type}(own)`)}
${axis("Row", "p.rows", "x")}
${axis("Column", "p.columns", "y")}
let sum = log(sumRow * sumColumn);
var divergence = ${type}(); var entropy = ${type}(); var alongD = ${type}(); var alongH = ${type}();`;
}

/** What pairs with row r of the tile add to the sums. */
function priorTerms(type: string, r: number, saved: boolean): string {
  return `let w = w${r};
${gridPlace("key", `f32(j + ${r}u)`)}
${priorOf("key", ["fallRow", "fallColumn", "sum"], type, `j + ${r}u < p.keys`)}
divergence += (w - t) * (lp - lt); entropy -= w * lp;
${saved ? gradTerms : ""}`;
}

const gradTerms = `${slopes}
alongD += w * a; alongH += w * b;
let pull = (lt - lp + (t - w) / (t + ${priorEps})) * t;
spreadRow += pull * (rr - meanRow); spreadColumn += pull * (cc - meanColumn);`;

/** Writes what there is one of for row r of the thread. */
function writeSums(s: AttentionShape, r: number | "r", prior: boolean, saved: boolean): string {
  const of = (name: string) => part(s, name, r);
  const at = `let at = pair * p.queries + ${of("i")};`;
  if (!prior) return `${at} saved_[at] = vec2<f32>(${of("most")}, ${of("rest")});`;
  const slope = (name: string) => {
    const deviation = of(`deviation${name}`);
    return `${of(`spread${name}`)} / max(${deviation} * ${deviation} * ${deviation}, 1e-30)`;
  };
  return `${at} divergence_[at] = ${of("divergence")}; entropy_[at] = ${of("entropy")};
${
  saved
    ? `saved_[3u * at] = vec4<f32>(${["most", "rest", "alongD", "alongH"].map(of).join(", ")});
saved_[3u * at + 1u] = vec4<f32>(${["fallRow", "fallColumn", "sum"].map(of).join(", ")}, 0.0);
saved_[3u * at + 2u] = vec4<f32>(${slope("Row")}, ${slope("Column")}, 0.0, 0.0);`
    : ""
}`;
}
