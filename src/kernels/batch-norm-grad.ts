/**
 * The gradient of batch normalisation, with x̂ = (x − μ) / √(σ² + ε):
 *
 *   db = Σ dy      dw = Σ dy · x̂      dx = w / √(σ² + ε) · (dy − db / m − x̂ · dw / m)
 *
 * Both sums come from one pass over x and dy, dx from another. Running statistics are constants: then dx = dy · w / √(σ² + ε).
 */
import { rootOf } from "./batch-norm.ts";
import {
  atChannel,
  type Channels,
  channelParams,
  channelType,
  chunksOf,
  columnKernel,
  foldChunks,
  foldRows,
  foldThreads,
  typeOf,
} from "./channels.ts";
import { fold, type KernelSpec, kernel } from "./spec.ts";

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
