/**
 * Batch normalisation over the rows of `[m, c]`: y = (x − μ) / √(σ² + ε) · w + b.
 *
 * μ and σ² come from one pass: means and sums of squared differences of small groups, counted from the first value a thread
 * sees and merged by Chan's formula, so a mean far from zero costs few digits. Gradient, with x̂ = (x − μ) / √(σ² + ε):
 *
 *   db = Σ dy      dw = Σ dy · x̂      dx = w / √(σ² + ε) · (dy − db / m − x̂ · dw / m)
 */
import {
  atChannel,
  type Channels,
  channelParams,
  channelType,
  chunksOf,
  foldChunks,
  foldRows,
  foldThreads,
  typeOf,
} from "./channels.ts";
import { type Buffer, fold, type KernelSpec, kernel, unroll } from "./spec.ts";

const workgroup = 256;
/** Rows of its column that a thread of a point-wise launch takes. */
const rowsEach = 4;

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
    inputs: [{ name: "x_", type }],
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
      four: `if (n == 0.0) { first = x_[i0]; }
    let a = x_[i0] - first; let b = x_[i1] - first; let c = x_[i2] - first; let d = x_[i3] - first;
    let m = ((a + b) + (c + d)) * 0.25;
    let delta = m - mean;
    n += 4.0;
    square += ((a - m) * (a - m) + (b - m) * (b - m)) + ((c - m) * (c - m) + (d - m) * (d - m))
      + delta * delta * ((n - 4.0) * (4.0 / n));
    mean += delta * (4.0 / n);`,
      one: `if (n == 0.0) { first = x_[i]; }
    let a = x_[i] - first;
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

/** A launch over all elements, in which a thread keeps its column: `setup` once, then `each` for every index `i`. */
function columnKernel(
  layout: Channels,
  parts: {
    readonly name: string;
    readonly data: readonly string[];
    readonly perChannel: readonly string[];
    readonly eps: number;
    readonly setup: string;
    readonly each: string;
  },
): KernelSpec {
  const { rows, columns, c, m } = layout;
  const stride = Math.ceil(rows / rowsEach) * columns;
  const type = typeOf(layout);
  const inputs: Buffer[] = [
    ...parts.data.map((name) => ({ name, type })),
    ...parts.perChannel.map((name) => ({ name, type: channelType(layout) })),
  ];
  return kernel({
    name: parts.name,
    inputs,
    outputs: [{ name: "y_", type }],
    params: {
      count: ["u32", rows * columns],
      stride: ["u32", stride],
      columns: ["u32", columns],
      c: ["u32", c],
      scale: ["f32", 1 / m],
      eps: ["f32", parts.eps],
    },
    head: `alias T = ${type};`,
    workgroup: [workgroup],
    grid: fold(Math.ceil(stride / workgroup)),
    body: `let id = flat * ${workgroup}u + lid.x;
if (id >= p.stride) { return; }
let column = id % p.columns;
${parts.setup}
${unroll(rowsEach, (k) => `{ let i = id + ${k}u * p.stride; if (i < p.count) { ${parts.each} } }`)}`,
  });
}

const rootOf = (layout: Channels) => `sqrt(${atChannel("variance_", layout)} + p.eps)`;

/** y from x, mean, variance `[c]` and, where present, weight and bias `[c]`: training and inference alike. */
export function batchNormKernel(
  layout: Channels,
  options: { readonly weight: boolean; readonly bias: boolean; readonly eps: number },
): KernelSpec {
  const { weight, bias, eps } = options;
  const at = (name: string) => atChannel(name, layout);
  return columnKernel(layout, {
    name: "batchNorm",
    data: ["x_"],
    perChannel: ["mean_", "variance_", ...(weight ? ["w_"] : []), ...(bias ? ["b_"] : [])],
    eps,
    setup: `let mean = ${at("mean_")};
let scale = ${weight ? at("w_") : "T(1)"} / ${rootOf(layout)};
let shift = ${bias ? at("b_") : "T(0)"};`,
    each: "y_[i] = (x_[i] - mean) * scale + shift;",
  });
}

/** Σ dy and Σ dy · (x − μ) of each chunk: two outputs `[chunks · repeat, c]`. */
export function batchNormSumsKernel(layout: Channels): KernelSpec {
  const cut = chunksOf(layout);
  const type = typeOf(layout);
  return kernel({
    name: "batchNorm gradient sums",
    inputs: [
      { name: "x_", type },
      { name: "d_", type },
      { name: "mean_", type: channelType(layout) },
    ],
    outputs: [
      { name: "sum_", type },
      { name: "dot_", type },
    ],
    params: channelParams(layout, cut),
    head: sumsHead(type),
    workgroup: [foldThreads],
    grid: fold(cut.chunks * cut.tiles),
    body: foldRows({
      init: `var sum = T(); var dotted = T(); var mean = T();
if (used) { mean = ${atChannel("mean_", layout)}; }`,
      four: `let a = d_[i0]; let b = d_[i1]; let c = d_[i2]; let d = d_[i3];
    sum += (a + b) + (c + d);
    dotted += (a * (x_[i0] - mean) + b * (x_[i1] - mean)) + (c * (x_[i2] - mean) + d * (x_[i3] - mean));`,
      one: "let a = d_[i]; sum += a; dotted += a * (x_[i] - mean);",
      store: "sums[lid.x] = sum; dots[lid.x] = dotted;",
      merge: addParts,
      finish: "sum_[out] = sums[lid.x]; dot_[out] = dots[lid.x];",
    }),
  });
}

function sumsHead(type: string): string {
  return `alias T = ${type};
var<workgroup> sums: array<T, ${foldThreads}>;
var<workgroup> dots: array<T, ${foldThreads}>;`;
}

const addParts = "sums[lid.x] += sums[other]; dots[lid.x] += dots[other];";

/** The gradients of bias and weight `[c]` from the sums of the chunks. */
export function batchNormSumsFinishKernel(layout: Channels, eps: number): KernelSpec {
  return kernel({
    name: "batchNorm gradient sums",
    inputs: ["sum_", "dot_", "variance_"].map((name) => ({ name, type: "f32" })),
    outputs: ["db_", "dw_"].map((name) => ({ name, type: "f32" })),
    params: { ...channelParams(layout, chunksOf(layout)), eps: ["f32", eps] },
    head: sumsHead("f32"),
    workgroup: [foldThreads],
    grid: fold(layout.c),
    body: foldChunks({
      init: "var sum = 0.0; var dotted = 0.0;",
      part: "sum += sum_[i]; dotted += dot_[i];",
      store: "sums[lid.x] = sum; dots[lid.x] = dotted;",
      merge: addParts,
      finish: "db_[channel] = sums[0]; dw_[channel] = dots[0] / sqrt(variance_[channel] + p.eps);",
    }),
  });
}

/** dx of a training step, from dy, x, mean, variance, db, dw and, where present, weight. */
export function batchNormGradKernel(
  layout: Channels,
  options: { readonly weight: boolean; readonly eps: number },
): KernelSpec {
  const { weight, eps } = options;
  const at = (name: string) => atChannel(name, layout);
  return columnKernel(layout, {
    name: "batchNorm gradient",
    data: ["d_", "x_"],
    perChannel: ["mean_", "variance_", "db_", "dw_", ...(weight ? ["w_"] : [])],
    eps,
    setup: `let mean = ${at("mean_")};
let root = ${rootOf(layout)};
let scale = ${weight ? at("w_") : "T(1)"} / root;
let sum = ${at("db_")} * p.scale;
let along = ${at("dw_")} * p.scale / root;`,
    each: "y_[i] = scale * (d_[i] - sum - (x_[i] - mean) * along);",
  });
}

/** dx under running statistics, which are constants: dy · w / √(σ² + ε). */
export function batchNormEvalGradKernel(
  layout: Channels,
  options: { readonly weight: boolean; readonly eps: number },
): KernelSpec {
  const { weight, eps } = options;
  return columnKernel(layout, {
    name: "batchNorm gradient",
    data: ["d_"],
    perChannel: ["variance_", ...(weight ? ["w_"] : [])],
    eps,
    setup: `let scale = ${weight ? atChannel("w_", layout) : "T(1)"} / ${rootOf(layout)};`,
    each: "y_[i] = d_[i] * scale;",
  });
}
