/**
 * A Gaussian along one axis of `[outer, n, inner]`, with the border mirrored at the edge (d c b a | a b c d | d c b a), as often
 * as the radius asks: y_i = Σ_j w_|j| · x_(i + j). A small launch writes the weights e^(−j²/2σ²) / Σ; the sum of them is the
 * host's. Read in pairs, the mirrored matrix is symmetric, so the blur is its own gradient.
 */
import { lanesOf } from "./lanes.ts";
import { fold, type KernelSpec, kernel } from "./spec.ts";

const workgroup = 256;
const weightThreads = 64;

/** w_0 … w_radius. */
export function gaussianWeightsKernel(sigma: number, radius: number): KernelSpec {
  let total = 1;
  for (let j = radius; j > 0; j--) total += 2 * Math.exp((-0.5 * j * j) / (sigma * sigma));
  return kernel({
    name: "gaussianBlur weights",
    inputs: [],
    outputs: [{ name: "w_", type: "f32" }],
    params: {
      count: ["u32", radius + 1],
      slope: ["f32", -0.5 / (sigma * sigma)],
      scale: ["f32", 1 / total],
    },
    workgroup: [weightThreads],
    grid: fold(Math.ceil((radius + 1) / weightThreads)),
    body: `let j = flat * ${weightThreads}u + lid.x;
if (j < p.count) { w_[j] = exp(f32(j) * f32(j) * p.slope) * p.scale; }`,
  });
}

export interface BlurShape {
  readonly outer: number;
  readonly n: number;
  readonly inner: number;
  readonly radius: number;
}

/** The weighted sum along the axis. */
export function gaussianBlurKernel({ outer, n, inner, radius }: BlurShape): KernelSpec {
  const { width, type } = lanesOf(inner);
  const count = (outer * n * inner) / width;
  return kernel({
    name: "gaussianBlur",
    inputs: [
      { name: "x_", type },
      { name: "w_", type: "f32" },
    ],
    outputs: [{ name: "y_", type }],
    params: {
      n: ["u32", n],
      inner: ["u32", inner / width],
      radius: ["u32", radius],
      count: ["u32", count],
      // the radius and then some, in whole periods, so that positions stay above zero
      periods: ["u32", Math.ceil(radius / (2 * n)) * 2 * n],
    },
    workgroup: [workgroup],
    grid: fold(Math.ceil(count / workgroup)),
    body: `let id = flat * ${workgroup}u + lid.x;
if (id >= p.count) { return; }
let i = id / p.inner % p.n;
let base = id / p.inner / p.n * p.n * p.inner + id % p.inner;
var at = (i + p.periods - p.radius) % (2u * p.n);
var sum = ${type}();
for (var j = 0u; j <= 2u * p.radius; j++) {
  let weight = w_[select(p.radius - j, j - p.radius, j > p.radius)];
  sum += weight * x_[base + min(at, 2u * p.n - 1u - at) * p.inner];
  at++;
  if (at == 2u * p.n) { at = 0u; }
}
y_[id] = sum;`,
  });
}
