/** What the gradients of attention (attention-grad.ts) need to know of each query, computed once, and σ's gradient with it. */
import type { AttentionShape } from "./attention-shape.ts";
import { type Buffer, fold, type KernelSpec, kernel } from "./spec.ts";
import { wgsl } from "./wgsl.ts";

const names = ["most", "rest", "delta", "map", "entropy", "fallRow", "fallColumn", "sum"] as const;
/** The names of a query's numbers, in order. */
export const factNames = (s: AttentionShape): readonly string[] =>
  s.grid ? names : names.slice(0, 3);
/** Numbers of a query that the gradients need: those of `names`, those from `map` on only with a prior. */
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
      { name: "saved_", type: prior ? "vec4<f32>" : "vec2<f32>" },
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
let sums = saved_[3u * at]; let fall = saved_[3u * at + 1u];
let map = map_[at]; let entropy = entropy_[at];
delta += map * sums.z + entropy * sums.w;
facts_[2u * at] = vec4<f32>(sums.xy, delta, map);
facts_[2u * at + 1u] = vec4<f32>(entropy, fall.xyz);
sigma_[place] = prior_[at] * saved_[3u * at + 2u].xy;
#else
facts_[2u * at] = vec4<f32>(saved_[at], delta, 0.0);
#endif`,
  });
}
