/**
 * Attention without its matrix: P = softmax(scale · q kᵀ), out = P v, for each head. A thread owns a query and walks over the keys
 * twice: first for lse = log Σ exp, then, with P = exp(s − lse), for everything else. With a prior T, a Gaussian over the grid that
 * is normalised where the grid ends, it also sums
 *
 *   D = Σ (P − T)(log(P + ε) − log(T + ε))        H = −Σ P log(P + ε)
 *
 * and what their gradients need (attention-grad.ts): R₁ = Σ P ∂D/∂P, R₂ = Σ P ∂H/∂P, U = ∂D/∂σ. The keys' addresses are those of all
 * threads of a workgroup.
 */
import {
  type AttentionShape,
  addRows,
  each,
  gridPlace,
  load,
  places,
  positions,
  priorEps,
  priorOf,
  products,
  rowBuffer,
  shapeParams,
  slopes,
  store,
  within,
} from "./attention-text.ts";
import type { Float } from "./caps.ts";
import { fold, type KernelSpec, kernel } from "./spec.ts";
import { storedType } from "./stored.ts";
import { wgsl } from "./wgsl.ts";

export type { AttentionShape } from "./attention-text.ts";

const lanes = 32;

export interface AttentionOptions {
  /** Writes what the gradients need. */
  readonly saved: boolean;
  /** Type of σ. */
  readonly sigma: Float;
}

/**
 * q `[B, queries, heads · width]`, k, v, with a prior σ `[B, queries, heads, 2]`, to out and, with a prior, D and H
 * `[B, heads, queries]`. Saved: lse `[B, heads, queries]`; with a prior 8 numbers for each query: lse, 1 / 2σ² twice, log of T's
 * sum; R₁, R₂, U.
 */
export function attentionKernel(s: AttentionShape, options: AttentionOptions): KernelSpec {
  const { saved, sigma } = options;
  const prior = s.grid !== undefined;
  const out = rowBuffer(s, "y_");
  const tiles = Math.ceil(s.queries / lanes);
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
      ...(prior
        ? [
            { name: "divergence_", type: "f32" },
            { name: "entropy_", type: "f32" },
          ]
        : []),
      ...(saved ? [{ name: "saved_", type: prior ? "vec4<f32>" : "f32" }] : []),
    ],
    params: {
      ...shapeParams(s),
      tiles: ["u32", tiles],
      strideK: ["u32", s.shared ? 0 : 1],
    },
    workgroup: [lanes],
    grid: fold(tiles * s.batch * s.heads),
    body: wgsl`let pair = flat / p.tiles;
if (pair >= p.pairs) { return; }
let i = flat % p.tiles * ${lanes}u + lid.x;
let own = min(i, p.queries - 1u);
let image = pair / p.heads; let head = pair % p.heads;
let mine = (image * p.queries + own) * p.row + head * p.width;
let base = image * p.strideK * p.keys * p.row + head * p.width;
${each(s, (c) => `let q${c} = p.scale * ${load(s, "q_", "mine", c)}; var o${c} = vec4<f32>();`)}
var most = p.least; var total = 0.0;
for (var j = 0u; j < p.keys; j += 4u) {
  ${places("k", "base", "j", "p.keys")}
  ${products(s, "scores", "q", "k_", "k")}
  let x = select(vec4<f32>(p.least), scores, ${within("j", "p.keys")});
  let top = max(max(most, max(x.x, x.y)), max(x.z, x.w));
  total = total * exp(most - top) + dot(exp(x - top), vec4<f32>(1.0));
  most = top;
}
let lse = most + log(total);
#if ${prior}
${priorSums("sigma_[(image * p.queries + own) * p.heads + head]")}
#endif
for (var j = 0u; j < p.keys; j += 4u) {
  ${places("k", "base", "j", "p.keys")}
  ${products(s, "scores", "q", "k_", "k")}
  let inside = ${within("j", "p.keys")};
  let w = select(vec4<f32>(), exp(scores - lse), inside);
  ${addRows(s, "o", "w", "v_", "k")}
#if ${prior}
  ${gridPlace("key", positions("j"))}
  let rr = (keyRow - myRow) * (keyRow - myRow); let cc = (keyColumn - myColumn) * (keyColumn - myColumn);
  ${priorOf(["fallRow", "fallColumn", "sum"], "inside")}
  divergence += dot(w - t, lp - lt);
  entropy -= dot(w, lp);
#endif
#if ${prior && saved}
  ${slopes}
  along += vec2<f32>(dot(w, a), dot(w, b));
  let pull = (lt - lp + (t - w) / (t + ${priorEps})) * t;
  spread += vec2<f32>(dot(pull, rr - meanRow), dot(pull, cc - meanColumn));
#endif
}
if (i < p.queries) {
  ${each(s, (c) => store(s, out, "mine", c, `o${c}`))}
  let at = pair * p.queries + i;
#if ${prior}
  divergence_[at] = divergence; entropy_[at] = entropy;
#endif
#if ${prior && saved}
  saved_[2u * at] = vec4<f32>(lse, fallRow, fallColumn, sum);
  saved_[2u * at + 1u] = vec4<f32>(along, spread / max(deviation * deviation * deviation, vec2<f32>(1e-30)));
#elif ${saved}
  saved_[at] = lse;
#endif
}`,
  });
}

/** The prior's 1 / 2σ², the logarithm of its sum over the grid, and the mean squared distances under it. */
function priorSums(sigma: string): string {
  const axis = (name: string, count: string) => `var sum${name} = 0.0; var mean${name} = 0.0;
for (var r = 0.0; r < ${count}; r += 1.0) {
  let square = (r - my${name}) * (r - my${name}); let x = exp(-square * fall${name});
  sum${name} += x; mean${name} += x * square;
}
mean${name} /= sum${name};`;
  return `let deviation = vec2<f32>(${sigma});
let falls = min(0.5 / (deviation * deviation), vec2<f32>(1e30));
let fallRow = falls.x; let fallColumn = falls.y;
${gridPlace("my", "f32(own)")}
${axis("Row", "p.rows")}
${axis("Column", "p.columns")}
let sum = log(sumRow * sumColumn);
var divergence = 0.0; var entropy = 0.0; var along = vec2<f32>(); var spread = vec2<f32>();`;
}
