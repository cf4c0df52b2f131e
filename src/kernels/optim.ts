/**
 * Optimiser steps over all parameters at once. Parameters, moments and gradients each lie in one flat buffer, every parameter from
 * a multiple of 1,024 numbers on; `table_` says for each such chunk whose it is. What changes from step to step stays on the GPU:
 * first `optimiserRows` counts the step of each parameter and works out its numbers, then `optimiserUpdate` moves all of them.
 * A flag that is not zero (an infinity was found) makes both do nothing.
 */
import { fold, type KernelSpec, kernel } from "./spec.ts";
import { wgsl } from "./wgsl.ts";

/** Numbers in a chunk. */
export const chunkSize = 1024;
const threads = 64;
/** Chunk `row` of which `used` numbers are the parameter's, as `table_` has it. */
export function chunkEntry(row: number, used: number): number {
  return row * 2 * chunkSize + used;
}

/** Scalars of SGD, in order. */
const sgdShared = ["lr", "weight_decay", "momentum", "take"] as const;
/** Scalars of Adam, in order; `shrink` is what decoupled decay multiplies parameters with. */
const adamShared = ["lr", "b1", "one_b1", "b2", "one_b2", "eps", "weight_decay", "shrink"] as const;
/** Numbers of a parameter in this step; the first is 0 when nothing moves. */
const ownSize = 3;

/** Numbers that the buffer of all parameters' numbers needs. */
export function ownCount(rows: number): number {
  return rows * ownSize;
}

/** What tells one optimiser's kernels from another's. */
export interface OptimiserRule {
  readonly name: string;
  readonly shared: readonly string[];
  /** Reads the step `t` and the shared numbers; sets `a` and `b`. */
  readonly rows: string;
  /** Buffers that are read and overwritten, after the parameters. */
  readonly state: readonly string[];
  /** Reads `w`, `g`, the state's names, the shared numbers, `a` and `b`; sets `w` and the state. */
  readonly body: string;
}

export interface SgdOptions {
  /** True: there is a momentum buffer. */
  readonly momentum: boolean;
  readonly nesterov: boolean;
}

/** SGD: its buffer begins with the first gradient, then m = momentum · m + take · g. */
export function sgdRule({ momentum, nesterov }: SgdOptions): OptimiserRule {
  const step = nesterov ? "g + momentum * m" : "m";
  return {
    name: "sgd",
    shared: sgdShared,
    rows: "a = select(momentum, 0.0, t == 1u); b = select(take, 1.0, t == 1u);",
    state: momentum ? ["m"] : [],
    body: `g += weight_decay * w;
${momentum ? `m = a * m + b * g;\ng = ${step};` : ""}
w -= lr * g;`,
  };
}

export interface AdamOptions {
  /** True: divide by the largest second moment so far. */
  readonly amsgrad: boolean;
  /** True: AdamW. */
  readonly decoupled: boolean;
}

/**
 * Adam and AdamW: a = lr / (1 − β₁ᵗ), b = √(1 − β₂ᵗ). The shared numbers end with 1 − β₁^(2ᵏ), 1 − β₂^(2ᵏ) for k = 0 … 31, of which
 * 1 − βᵗ is put together bit by bit: 1 − xy = (1 − x) + x (1 − y) adds up positive numbers only.
 */
export function adamRule({ amsgrad, decoupled }: AdamOptions): OptimiserRule {
  return {
    name: decoupled ? "adamW" : "adam",
    shared: adamShared,
    rows: `var c = vec2f();
for (var k = 0u; k < 32u; k++) {
  let at = ${adamShared.length}u + 2u * k;
  if (((t >> k) & 1u) == 1u) { c += (1.0 - c) * vec2f(s_[at], s_[at + 1u]); }
}
a = lr / c.x; b = sqrt(c.y);`,
    state: ["m", "v", ...(amsgrad ? ["top"] : [])],
    body: `${decoupled ? "w *= shrink;" : "g += weight_decay * w;"}
m = b1 * m + one_b1 * g;
v = b2 * v + one_b2 * (g * g);
${amsgrad ? "top = max(top, v);" : ""}
w -= a * (m / (sqrt(${amsgrad ? "top" : "v"}) / b + eps));`,
  };
}

/** 1 − β^(2ᵏ) of both betas, as `adamRule` wants them after the shared numbers. */
export function adamPowers(b1: number, b2: number): number[] {
  return Array.from({ length: 64 }, (_, i) => 1 - (i % 2 ? b2 : b1) ** (2 ** (i >> 1)));
}

const sharedNames = (rule: OptimiserRule) =>
  rule.shared.map((name, k) => `let ${name} = s_[${k}u];`).join(" ");

/**
 * Counts a step of parameters `first` to `first + count`. Inputs: shared numbers, flag. Outputs: steps so far, own numbers.
 * @param begun count only those that have had a step
 */
export function optimiserRowsKernel(
  rule: OptimiserRule,
  first: number,
  count: number,
  begun = false,
): KernelSpec {
  return kernel({
    name: `${rule.name} numbers`,
    inputs: [
      { name: "s_", type: "f32" },
      { name: "skip_", type: "u32" },
    ],
    outputs: [
      { name: "t_", type: "u32" },
      { name: "own_", type: "f32" },
    ],
    params: { first: ["u32", first], count: ["u32", count] },
    workgroup: [threads],
    grid: fold(Math.ceil(count / threads)),
    body: wgsl`let i = flat * ${threads}u + lid.x;
if (i >= p.count) { return; }
let row = p.first + i;
let moves = (skip_[0] & 0x7fffffffu) == 0u${begun ? " && t_[row] > 0u" : ""};
own_[row * ${ownSize}u] = select(0.0, 1.0, moves);
if (!moves) { return; }
${sharedNames(rule)}
let t = t_[row] + 1u;
t_[row] = t;
var a = 0.0; var b = 0.0;
${rule.rows}
own_[row * ${ownSize}u + 1u] = a;
own_[row * ${ownSize}u + 2u] = b;`,
  });
}

/** A range of chunks. */
export interface ChunkRange {
  readonly first: number;
  readonly count: number;
}

/**
 * Moves the parameters of some chunks. Inputs: shared and own numbers, table, gradients. Outputs: parameters, state.
 * @param zero every gradient is 0, and there is no input for them
 */
export function optimiserUpdateKernel(
  rule: OptimiserRule,
  range: ChunkRange,
  zero = false,
): KernelSpec {
  const held = ["w", ...rule.state];
  return kernel({
    name: rule.name,
    inputs: [
      { name: "s_", type: "f32" },
      { name: "own_", type: "f32" },
      { name: "table_", type: "u32" },
      ...(zero ? [] : [{ name: "g_", type: "vec4<f32>" } as const]),
    ],
    outputs: held.map((h) => ({ name: `${h}_`, type: "vec4<f32>" })),
    params: { first: ["u32", range.first], count: ["u32", range.count] },
    head: "alias T = vec4<f32>;",
    workgroup: [threads],
    grid: fold(range.count),
    body: wgsl`if (flat >= p.count) { return; }
let entry = table_[p.first + flat];
let own = entry / ${2 * chunkSize}u * ${ownSize}u;
if (own_[own] == 0.0) { return; }
let a = own_[own + 1u]; let b = own_[own + 2u];
${sharedNames(rule)}
let start = (p.first + flat) * ${chunkSize / 4}u;
let end = start + (entry % ${2 * chunkSize}u + 3u) / 4u;
for (var i = start + lid.x; i < end; i += ${threads}u) {
  var g = ${zero ? "T()" : "g_[i]"};
  ${held.map((h) => `var ${h} = ${h}_[i];`).join(" ")}
  ${rule.body}
  ${held.map((h) => `${h}_[i] = ${h};`).join(" ")}
}`,
  });
}
