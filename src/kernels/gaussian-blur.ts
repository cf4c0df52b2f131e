/**
 * A Gaussian along one axis of `[outer, n, inner]`, with the border mirrored at the edge (d c b a | a b c d | d c b a), as often
 * as the radius asks: y_i = Σ_j w_|j| · x_(i + j). A small launch writes the weights e^(−j²/2σ²) / Σ; the sum of them is the
 * host's. Read in pairs, the mirrored matrix is symmetric, so the blur is its own gradient.
 */
import type { Float } from "./caps.ts";
import { imageGrid } from "./image-grid.ts";
import { lanesOf } from "./lanes.ts";
import { fold, type KernelSpec, kernel, unroll } from "./spec.ts";
import { storedHead, storedType } from "./stored.ts";
import { wgsl } from "./wgsl.ts";

const weightThreads = 64;
/** Neighbours along the axis that a thread computes from one walk over the pixels. */
const together = 4;

/** Numbers that `gaussianWeightsKernel` writes. */
export const blurWeights = (radius: number): number => radius + together;

/** w_0 … w_radius, and zeros for the neighbours that a walk goes past. */
export function gaussianWeightsKernel(sigma: number, radius: number): KernelSpec {
  let total = 1;
  for (let j = radius; j > 0; j--) total += 2 * Math.exp((-0.5 * j * j) / (sigma * sigma));
  return kernel({
    name: "gaussianBlur weights",
    inputs: [],
    outputs: [{ name: "w_", type: "f32" }],
    params: {
      radius: ["u32", radius],
      slope: ["f32", -0.5 / (sigma * sigma)],
      scale: ["f32", 1 / total],
    },
    workgroup: [weightThreads],
    grid: fold(Math.ceil(blurWeights(radius) / weightThreads)),
    body: wgsl`let j = flat * ${weightThreads}u + lid.x;
if (j < p.radius + ${together}u) {
  w_[j] = select(0.0, exp(f32(j) * f32(j) * p.slope) * p.scale, j <= p.radius);
}`,
  });
}

export interface BlurShape {
  readonly outer: number;
  readonly n: number;
  readonly inner: number;
  readonly radius: number;
  /** Before and after: the first pass may leave more digits than the image has. */
  readonly from: Float;
  readonly to: Float;
}

/** The weighted sum along the axis. */
export function gaussianBlurKernel({ outer, n, inner, radius, from, to }: BlurShape): KernelSpec {
  const lanes = lanesOf(inner);
  const steps = Math.ceil(n / together);
  // a long inner axis is a row of its own: then all threads of a workgroup stand at the same place
  const long = inner / lanes.width >= 64;
  const launch = imageGrid(
    long ? { n: outer, h: steps, w: 1, c: inner } : { n: 1, h: outer, w: steps, c: inner },
    lanes,
  );
  return kernel({
    name: "gaussianBlur",
    inputs: [
      { name: "x_", type: storedType(lanes.type, from) },
      { name: "w_", type: "f32" },
    ],
    outputs: [{ name: "y_", type: storedType(lanes.type, to) }],
    params: {
      ...launch.params,
      size: ["u32", n],
      radius: ["u32", radius],
      // the radius and then some, in whole periods, so that positions stay above zero
      periods: ["u32", Math.ceil(radius / (2 * n)) * 2 * n],
    },
    head: wgsl`${launch.head}\n${storedHead(lanes.type, to)}`,
    workgroup: launch.workgroup,
    grid: launch.grid,
    body: wgsl`${launch.start}
let first = ${long ? "y" : "x"} * ${together}u;
let outer = ${long ? "n" : "y"};
let base = outer * p.size * p.c + c;
var at = (first + p.periods - p.radius) % (2u * p.size);
${unroll(together, (k) => `var sum${k} = T(); var w${k} = 0.0;`)}
for (var j = 0u; j < 2u * p.radius + ${together}u; j++) {
${unroll(together - 1, (k) => `  w${together - 1 - k} = w${together - 2 - k};`)}
  w0 = w_[select(p.radius - j, j - p.radius, j > p.radius)];
  let v = T(x_[base + min(at, 2u * p.size - 1u - at) * p.c]);
${unroll(together, (k) => `  sum${k} += w${k} * v;`)}
  at++;
  if (at == 2u * p.size) { at = 0u; }
}
${unroll(together, (k) => `if (first + ${k}u < p.size) { y_[base + (first + ${k}u) * p.c] = S(sum${k}); }`)}`,
  });
}
