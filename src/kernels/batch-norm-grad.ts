/**
 * The gradient of batch normalisation, with x̂ = (x − μ) / √(σ² + ε):
 *
 *   db = Σ dy      dw = Σ dy · x̂      dx = w / √(σ² + ε) · (dy − db / m − x̂ · dw / m)
 *
 * Both sums come from one pass over x and dy, dx from another. Running statistics are constants: then dx = dy · w / √(σ² + ε).
 *
 * Where a ReLU followed, dy counts where its result is above 0. Both passes find that out from x, which they read anyway; where a
 * residual was added, the sums' pass reads the result and writes the masked dy, which is the residual's gradient, for the other.
 */
import { rootOf } from "./batch-norm.ts";
import {
  atChannel,
  type Channels,
  channelParams,
  channelType,
  chunksOf,
  columnKernel,
  dataType,
  foldChunks,
  foldRows,
  foldThreads,
  typeOf,
} from "./channels.ts";
import { fold, type KernelSpec, kernel, unroll } from "./spec.ts";

/** How it is known where a ReLU let dy through: there was none, from x by itself, or from the result. */
export type ReluMask = "none" | "input" | "result";

export interface BatchNormGradParts {
  readonly weight: boolean;
  readonly bias: boolean;
  readonly eps: number;
  readonly mask: ReluMask;
}

/** The affine map of the forward pass, for a mask from x: `scale` and `shift`. */
function affineOf(layout: Channels, { weight, bias }: BatchNormGradParts, root: string): string {
  const of = (name: string) => atChannel(name, layout);
  return `scale = ${weight ? of("w_") : "T(1)"} / ${root}; shift = ${bias ? of("b_") : "T(0)"};`;
}

/**
 * Σ dy and Σ dy · (x − μ) of each chunk: two outputs `[chunks · repeat, c]`. Inputs x, dy and the mean; then, for a mask from x, the
 * variance and, where present, weight and bias; for a mask from the result that, and a third output, the masked dy.
 */
export function batchNormSumsKernel(layout: Channels, parts: BatchNormGradParts): KernelSpec {
  const cut = chunksOf(layout);
  const [type, data] = [typeOf(layout), dataType(layout)];
  const { mask, weight, bias, eps } = parts;
  const channel = { type: channelType(layout) };
  const own = mask === "input";
  return kernel({
    name: "batchNorm gradient sums",
    inputs: [
      { name: "x_", type: data },
      { name: "d_", type: data },
      { name: "mean_", ...channel },
      ...(own ? [{ name: "variance_", ...channel }] : []),
      ...(own && weight ? [{ name: "w_", ...channel }] : []),
      ...(own && bias ? [{ name: "b_", ...channel }] : []),
      ...(mask === "result" ? [{ name: "y_", type: data }] : []),
    ],
    outputs: [
      { name: "sum_", type },
      { name: "dot_", type },
      ...(mask === "result" ? [{ name: "masked_", type: data }] : []),
    ],
    params: { ...channelParams(layout, cut), ...(own ? { eps: ["f32", eps] } : {}) },
    head: `${sumsHead(type)}\nalias S = ${data};`,
    workgroup: [foldThreads],
    grid: fold(cut.chunks * cut.tiles),
    body: foldRows({
      init: `var sum = T(); var dotted = T(); var mean = T();${own ? " var scale = T(); var shift = T();" : ""}
if (used) { mean = ${atChannel("mean_", layout)}; ${own ? affineOf(layout, parts, rootOf(layout)) : ""} }`,
      four: `${unroll(4, (k) => masked(mask, `x${k}`, `d${k}`, `i${k}`))}
    sum += (d0 + d1) + (d2 + d3);
    dotted += (d0 * x0 + d1 * x1) + (d2 * x2 + d3 * x3);`,
      one: `${masked(mask, "x", "d", "i")} sum += d; dotted += d * x;`,
      store: "sums[lid.x] = sum; dots[lid.x] = dotted;",
      merge: addParts,
      finish: "sum_[out] = sums[lid.x]; dot_[out] = dots[lid.x];",
    }),
  });
}

/** Names x − μ and the dy that counts at an index. */
function masked(mask: ReluMask, x: string, d: string, i: string): string {
  const centred = `let ${x} = T(x_[${i}]) - mean;`;
  if (mask === "none") return `${centred} let ${d} = T(d_[${i}]);`;
  const on = mask === "input" ? `${x} * scale + shift` : `T(y_[${i}])`;
  const dy = `${centred} let ${d} = select(T(0), T(d_[${i}]), ${on} > T(0));`;
  return mask === "input" ? dy : `${dy} masked_[${i}] = S(${d});`;
}

function sumsHead(type: string): string {
  return `alias T = ${type};
var<workgroup> sums: array<T, ${foldThreads}>;
var<workgroup> dots: array<T, ${foldThreads}>;`;
}

const addParts = "sums[lid.x] += sums[other]; dots[lid.x] += dots[other];";

/**
 * From the sums of the chunks the gradients of bias and weight `[c]`, and what dx needs of each channel, `[4, c]`: μ, √(σ² + ε), db / m
 * and dw / m / √(σ² + ε).
 */
export function batchNormSumsFinishKernel(layout: Channels, eps: number): KernelSpec {
  return kernel({
    name: "batchNorm gradient sums",
    inputs: ["sum_", "dot_", "mean_", "variance_"].map((name) => ({ name, type: "f32" })),
    outputs: ["db_", "dw_", "channel_"].map((name) => ({ name, type: "f32" })),
    params: {
      ...channelParams(layout, chunksOf(layout)),
      eps: ["f32", eps],
      scale: ["f32", 1 / layout.m],
    },
    head: sumsHead("f32"),
    workgroup: [foldThreads],
    grid: fold(layout.c),
    body: foldChunks({
      init: "var sum = 0.0; var dotted = 0.0;",
      part: "sum += sum_[i]; dotted += dot_[i];",
      store: "sums[lid.x] = sum; dots[lid.x] = dotted;",
      merge: addParts,
      finish: `let root = sqrt(variance_[channel] + p.eps);
  db_[channel] = sums[0];
  dw_[channel] = dots[0] / root;
  channel_[channel] = mean_[channel];
  channel_[p.c + channel] = root;
  channel_[2u * p.c + channel] = sums[0] * p.scale;
  channel_[3u * p.c + channel] = dots[0] / root * p.scale / root;`,
    }),
  });
}

/** dx of a training step, from dy, x, the `[4, c]` of each channel and, where present, weight and (for a mask from x) bias. */
export function batchNormGradKernel(layout: Channels, parts: BatchNormGradParts): KernelSpec {
  const { weight, bias, eps } = parts;
  const own = parts.mask === "input";
  const row = (k: number) => atChannel("channel_", layout, k);
  return columnKernel(layout, {
    name: "batchNorm gradient",
    data: ["d_", "x_"],
    perChannel: ["channel_", ...(weight ? ["w_"] : []), ...(own && bias ? ["b_"] : [])],
    eps,
    setup: `let mean = ${row(0)}; let sum = ${row(2)}; let along = ${row(3)};
var scale = T(); var shift = T();
${affineOf(layout, { ...parts, bias: own && bias }, row(1))}`,
    each: own
      ? `let x = T(x_[i]) - mean; let d = select(T(0), T(d_[i]), x * scale + shift > T(0));
y_[i] = S(scale * (d - sum - x * along));`
      : "y_[i] = S(scale * (T(d_[i]) - sum - (T(x_[i]) - mean) * along));",
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
    each: "y_[i] = S(T(d_[i]) * scale);",
  });
}
