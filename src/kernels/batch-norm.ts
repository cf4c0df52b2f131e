/**
 * Batch normalisation over the rows of `[m, c]`: y = (x − μ) / √(σ² + ε) · w + b, and in the same launch what often follows it,
 * y = relu(… + r).
 *
 * μ and σ² come from one pass: means and sums of squared differences of small groups, counted from the first value a thread
 * sees and merged by Chan's formula, so a mean far from zero costs few digits.
 */
import {
  atChannel,
  type Channels,
  channelParams,
  chunksOf,
  columnKernel,
  dataType,
  foldChunks,
  foldRows,
  foldThreads,
  typeOf,
} from "./channels.ts";
import { fold, type KernelSpec, kernel } from "./spec.ts";

/** Shared parts and Chan's formula: n, mean and the sum of squared differences of two sets joined. */
function chanHead(type: string): string {
  return `alias T = ${type};
var<workgroup> count: array<f32, ${foldThreads}>;
var<workgroup> means: array<T, ${foldThreads}>;
var<workgroup> squares: array<T, ${foldThreads}>;
fn join(a: u32, b: u32) {
  let n = max(count[a] + count[b], 1.0);
  let delta = means[b] - means[a];
  squares[a] += squares[b] + delta * delta * (count[a] * (count[b] / n));
  means[a] += delta * (count[b] / n);
  count[a] += count[b];
}`;
}

const storeChan = "count[lid.x] = n; means[lid.x] = mean; squares[lid.x] = square;";

/** Mean and sum of squared differences of each chunk: two outputs `[chunks · repeat, c]`. */
export function batchStatsKernel(layout: Channels): KernelSpec {
  const cut = chunksOf(layout);
  const type = typeOf(layout);
  return kernel({
    name: "batchNorm statistics",
    inputs: [{ name: "x_", type: dataType(layout) }],
    outputs: [
      { name: "mean_", type },
      { name: "square_", type },
    ],
    params: channelParams(layout, cut),
    head: chanHead(type),
    workgroup: [foldThreads],
    grid: fold(cut.chunks * cut.tiles),
    body: foldRows({
      init: "var n = 0.0; var mean = T(); var square = T(); var first = T();",
      four: `if (n == 0.0) { first = T(x_[i0]); }
    let a = T(x_[i0]) - first; let b = T(x_[i1]) - first;
    let c = T(x_[i2]) - first; let d = T(x_[i3]) - first;
    let m = ((a + b) + (c + d)) * 0.25;
    let delta = m - mean;
    n += 4.0;
    square += ((a - m) * (a - m) + (b - m) * (b - m)) + ((c - m) * (c - m) + (d - m) * (d - m))
      + delta * delta * ((n - 4.0) * (4.0 / n));
    mean += delta * (4.0 / n);`,
      one: `if (n == 0.0) { first = T(x_[i]); }
    let a = T(x_[i]) - first;
    let delta = a - mean;
    n += 1.0;
    mean += delta / n;
    square += delta * (a - mean);`,
      store: `mean += first; ${storeChan}`,
      merge: "join(lid.x, other);",
      finish: "mean_[out] = means[lid.x]; square_[out] = squares[lid.x];",
    }),
  });
}

/** Joins the chunks: mean and biased variance `[c]`, and the running statistics in place (with the unbiased variance). */
export function batchStatsFinishKernel(layout: Channels, momentum: number): KernelSpec {
  const names = ["mean_", "variance_", "runningMean_", "runningVar_"];
  return kernel({
    name: "batchNorm statistics",
    inputs: ["part_", "square_"].map((name) => ({ name, type: "f32" })),
    outputs: names.map((name) => ({ name, type: "f32" })),
    params: {
      ...channelParams(layout, chunksOf(layout)),
      momentum: ["f32", momentum],
      rest: ["f32", 1 - momentum],
    },
    head: chanHead("f32"),
    workgroup: [foldThreads],
    grid: fold(layout.c),
    body: foldChunks({
      init: "var n = 0.0; var mean = 0.0; var square = 0.0;",
      part: `let start = k / p.repeat * p.step;
  let more = f32(min(p.step, p.rows - start));
  let delta = part_[i] - mean;
  square += square_[i] + delta * delta * (n * (more / (n + more)));
  mean += delta * (more / (n + more));
  n += more;`,
      store: storeChan,
      merge: "join(lid.x, other);",
      finish: `mean_[channel] = means[0];
  variance_[channel] = squares[0] / f32(p.m);
  runningMean_[channel] = p.rest * runningMean_[channel] + p.momentum * means[0];
  runningVar_[channel] = p.rest * runningVar_[channel] + p.momentum * (squares[0] / f32(p.m - 1u));`,
    }),
  });
}

/** √(σ² + ε) of the column. */
export const rootOf = (layout: Channels) => `sqrt(${atChannel("variance_", layout)} + p.eps)`;

/** What of the affine map is there, and what follows it: a sum with a residual, a ReLU. */
export interface BatchNormParts {
  readonly weight: boolean;
  readonly bias: boolean;
  readonly residual: boolean;
  readonly relu: boolean;
  readonly eps: number;
}

/**
 * y from x, the residual if there is one, mean, variance `[c]` and, where present, weight and bias `[c]`: training and inference
 * alike. NaN passes the ReLU.
 */
export function batchNormKernel(layout: Channels, parts: BatchNormParts): KernelSpec {
  const { weight, bias, residual, relu, eps } = parts;
  const at = (name: string) => atChannel(name, layout);
  const z = `(T(x_[i]) - mean) * scale + shift${residual ? " + T(r_[i])" : ""}`;
  return columnKernel(layout, {
    name: "batchNorm",
    data: ["x_", ...(residual ? ["r_"] : [])],
    perChannel: ["mean_", "variance_", ...(weight ? ["w_"] : []), ...(bias ? ["b_"] : [])],
    eps,
    setup: `let mean = ${at("mean_")};
let scale = ${weight ? at("w_") : "T(1)"} / ${rootOf(layout)};
let shift = ${bias ? at("b_") : "T(0)"};`,
    each: relu ? `let z = ${z}; y_[i] = S(select(z, T(0), z <= T(0)));` : `y_[i] = S(${z});`,
  });
}
