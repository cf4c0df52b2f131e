/**
 * Optimiser steps and gradient clipping, one launch per parameter, in place. Everything that changes from step to step (rate,
 * bias corrections, first-step flags) is read from the small buffer `s_`, so that a recorded step can be replayed: first the
 * numbers of the whole optimiser, then from `p.row` on those of this parameter.
 */
import { type DType, fold, type KernelSpec, kernel } from "./spec.ts";
import { wgsl } from "./wgsl.ts";

const workgroup = 256;

/** Scalars of SGD, in order. */
export const sgdShared = ["lr", "weight_decay", "momentum"] as const;
/** Scalars of one parameter under SGD: new buffer = keep · buffer + take · gradient. */
export const sgdOwn = ["keep", "take"] as const;
/** Scalars of Adam, in order; `shrink` is what decoupled decay multiplies parameters with. */
export const adamShared = [
  "b1",
  "one_b1",
  "b2",
  "one_b2",
  "eps",
  "weight_decay",
  "shrink",
] as const;
/** Scalars of one parameter under Adam: rate / (1 − β₁ᵗ) and √(1 − β₂ᵗ). */
export const adamOwn = ["step_size", "root"] as const;

interface Updated {
  readonly name: string;
  readonly n: number;
  /** First own scalar in `s_`. */
  readonly row: number;
  readonly shared: readonly string[];
  readonly own: readonly string[];
  /** Buffers that are read and overwritten, after the parameter itself. */
  readonly state: readonly string[];
  /** Reads `w`, `g` and the state's names; sets them. */
  readonly body: string;
}

function updateKernel({ name, n, row, shared, own, state, body }: Updated): KernelSpec {
  const wide = n % 4 === 0;
  const type = wide ? "vec4<f32>" : "f32";
  const count = wide ? n / 4 : n;
  const held = ["w", ...state];
  return kernel({
    name,
    inputs: [
      { name: "s_", type: "f32" as DType },
      { name: "g_", type },
    ],
    outputs: held.map((h) => ({ name: `${h}_`, type })),
    params: { count: ["u32", count], row: ["u32", row] },
    head: wgsl`alias T = ${type};`,
    workgroup: [workgroup],
    grid: fold(Math.ceil(count / workgroup)),
    body: wgsl`let i = flat * ${workgroup}u + lid.x;
if (i >= p.count) { return; }
${shared.map((s, k) => `let ${s} = s_[${k}u];`).join("\n")}
${own.map((s, k) => `let ${s} = s_[p.row + ${k}u];`).join("\n")}
var g = g_[i];
${held.map((h) => `var ${h} = ${h}_[i];`).join("\n")}
${body}
${held.map((h) => `${h}_[i] = ${h};`).join("\n")}`,
  });
}

export interface SgdOptions {
  readonly n: number;
  readonly row: number;
  /** True: there is a momentum buffer, the second output. */
  readonly momentum: boolean;
  readonly nesterov: boolean;
}

/** SGD. Inputs: scalars, gradient. Outputs, in place: parameter, and the momentum buffer where there is one. */
export function sgdKernel({ n, row, momentum, nesterov }: SgdOptions): KernelSpec {
  const step = nesterov ? "g + momentum * m" : "m";
  return updateKernel({
    name: "sgd",
    n,
    row,
    shared: sgdShared,
    own: sgdOwn,
    state: momentum ? ["m"] : [],
    body: wgsl`g += weight_decay * w;
${momentum ? `m = keep * m + take * g;\ng = ${step};` : ""}
w -= lr * g;`,
  });
}

export interface AdamOptions {
  readonly n: number;
  readonly row: number;
  /** True: divide by the largest second moment so far, the fourth output. */
  readonly amsgrad: boolean;
  /** True: AdamW. */
  readonly decoupled: boolean;
}

/** Adam and AdamW. Inputs: scalars, gradient. Outputs, in place: parameter, first and second moment, largest second moment. */
export function adamKernel({ n, row, amsgrad, decoupled }: AdamOptions): KernelSpec {
  return updateKernel({
    name: decoupled ? "adamW" : "adam",
    n,
    row,
    shared: adamShared,
    own: adamOwn,
    state: ["m", "v", ...(amsgrad ? ["top"] : [])],
    body: wgsl`${decoupled ? "w *= shrink;" : "g += weight_decay * w;"}
m = b1 * m + one_b1 * g;
v = b2 * v + one_b2 * (g * g);
${amsgrad ? "top = max(top, v);" : ""}
w -= step_size * (m / (sqrt(${amsgrad ? "top" : "v"}) / root + eps));`,
  });
}

/** Partial sums a gradient of `n` elements gets: one for each 16 thousand, at most 64. */
export function squareSlots(n: number): number {
  return Math.max(1, Math.min(64, Math.ceil(n / 16_384)));
}

/** Σ g² in `squareSlots(n)` parts, written from `slot` on. Input: gradient. Output: the parts of all gradients. */
export function squareSumKernel(n: number, slot: number): KernelSpec {
  const slots = squareSlots(n);
  return kernel({
    name: "clipGradNorm squares",
    inputs: [{ name: "g_", type: "f32" }],
    outputs: [{ name: "parts_", type: "f32" }],
    params: { n: ["u32", n], step: ["u32", Math.ceil(n / slots)], slot: ["u32", slot] },
    head: wgsl`var<workgroup> part: array<f32, ${workgroup}>;`,
    workgroup: [workgroup],
    grid: [slots, 1, 1],
    body: wgsl`let end = min((wid.x + 1u) * p.step, p.n);
var acc = 0.0;
for (var i = wid.x * p.step + lid.x; i < end; i += ${workgroup}u) { acc += g_[i] * g_[i]; }
part[lid.x] = acc;
workgroupBarrier();
for (var half = ${workgroup / 2}u; half > 0u; half /= 2u) {
  if (lid.x < half) { part[lid.x] += part[lid.x + half]; }
  workgroupBarrier();
}
if (lid.x == 0u) { parts_[p.slot + wid.x] = part[0]; }`,
  });
}

/** norm = √Σ parts and factor = min(1, maxNorm / (norm + 1e-6)). Input: parts. Outputs: norm, factor. */
export function clipFactorKernel(parts: number, maxNorm: number): KernelSpec {
  return kernel({
    name: "clipGradNorm factor",
    inputs: [{ name: "parts_", type: "f32" }],
    outputs: [
      { name: "norm_", type: "f32" },
      { name: "factor_", type: "f32" },
    ],
    params: { n: ["u32", parts], max_norm: ["f32", maxNorm] },
    head: wgsl`var<workgroup> part: array<f32, ${workgroup}>;`,
    workgroup: [workgroup],
    grid: [1, 1, 1],
    body: wgsl`var acc = 0.0;
for (var i = lid.x; i < p.n; i += ${workgroup}u) { acc += parts_[i]; }
part[lid.x] = acc;
workgroupBarrier();
for (var half = ${workgroup / 2}u; half > 0u; half /= 2u) {
  if (lid.x < half) { part[lid.x] += part[lid.x + half]; }
  workgroupBarrier();
}
if (lid.x == 0u) {
  let norm = sqrt(part[0]);
  norm_[0] = norm;
  let size = norm + 1e-6;
  factor_[0] = select(1.0, p.max_norm / size, !(size <= p.max_norm)); // a norm that is no number stays none
}`,
  });
}

/** g · factor in place. Input: factor. Output: gradient. */
export function scaleKernel(n: number): KernelSpec {
  const wide = n % 4 === 0;
  const count = wide ? n / 4 : n;
  return kernel({
    name: "clipGradNorm scale",
    inputs: [{ name: "factor_", type: "f32" }],
    outputs: [{ name: "g_", type: wide ? "vec4<f32>" : "f32" }],
    params: { count: ["u32", count] },
    workgroup: [workgroup],
    grid: fold(Math.ceil(count / workgroup)),
    body: wgsl`let i = flat * ${workgroup}u + lid.x;
if (i < p.count) { g_[i] *= factor_[0]; }`,
  });
}
