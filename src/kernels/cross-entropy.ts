/**
 * Cross-entropy of rows of logits against a class each, with class weights and label smoothing ε:
 *
 *   L = Σ_c q_c · w_c · (lse − x_c),   q_c = (1 − ε)·[c = t] + ε / C,   lse = max + log Σ exp(x − max)
 *   dL/dx_c = softmax_c · Σ_k q_k w_k − q_c w_c
 *
 * One thread walks a row: made for few classes. Targets are compared with the classes before they are used.
 */
import { fold, type KernelSpec, kernel } from "./spec.ts";
import { wgsl } from "./wgsl.ts";

export interface CrossEntropyOptions {
  readonly rows: number;
  readonly classes: number;
  readonly ignoreIndex: number;
  readonly smoothing: number;
  /** A weight per class comes as a third input. */
  readonly weighted: boolean;
}

const workgroup = 64;

function parts(options: CrossEntropyOptions) {
  const { rows, classes, ignoreIndex, smoothing, weighted } = options;
  return {
    inputs: [
      { name: "x_", type: "f32" },
      { name: "target_", type: "i32" },
      ...(weighted ? [{ name: "weight_", type: "f32" }] : []),
    ],
    params: {
      rows: ["u32", rows],
      classes: ["u32", classes],
      ignored: ["i32", ignoreIndex],
      hit: ["f32", 1 - smoothing],
      share: ["f32", smoothing / classes],
      nan: ["f32", Number.NaN],
    },
    head: wgsl`fn weightOf(c: u32) -> f32 { return ${weighted ? "weight_[c]" : "1.0"}; }
fn share(c: u32, goal: i32) -> f32 {
  return (p.share + select(0.0, p.hit, i32(c) == goal)) * weightOf(c);
}`,
    workgroup: [workgroup],
    grid: fold(Math.ceil(rows / workgroup)),
  } as const;
}

const row = `let row = flat * ${workgroup}u + lid.x;
if (row >= p.rows) { return; }
let start = row * p.classes;
let goal = target_[row];
let valid = goal >= 0 && goal < i32(p.classes);`;

const normaliser = `var top = x_[start];
for (var c = 1u; c < p.classes; c++) { top = max(top, x_[start + c]); }
var sum = 0.0;
for (var c = 0u; c < p.classes; c++) { sum += exp(x_[start + c] - top); }`;

/** Loss and weight (what a mean divides by) of each row: 0 and 0 if ignored, NaN if the target is no class. */
export function crossEntropyKernel(options: CrossEntropyOptions): KernelSpec {
  return kernel({
    ...parts(options),
    name: "crossEntropy",
    outputs: [
      { name: "y_", type: "f32" },
      { name: "w_", type: "f32" },
    ],
    body: wgsl`${row}
if (goal == p.ignored) { y_[row] = 0.0; w_[row] = 0.0; return; }
if (!valid) { y_[row] = p.nan; w_[row] = p.nan; return; }
${normaliser}
let rest = log(sum);
var loss = 0.0;
for (var c = 0u; c < p.classes; c++) { loss += share(c, goal) * (top - x_[start + c] + rest); }
y_[row] = loss;
w_[row] = weightOf(u32(goal));`,
  });
}

/** The gradient of the logits; the last input is that of the losses. */
export function crossEntropyGradKernel(options: CrossEntropyOptions): KernelSpec {
  const base = parts(options);
  return kernel({
    ...base,
    name: "crossEntropy gradient",
    inputs: [...base.inputs, { name: "d_", type: "f32" }],
    outputs: [{ name: "y_", type: "f32" }],
    body: wgsl`${row}
if (goal == p.ignored || !valid) {
  for (var c = 0u; c < p.classes; c++) { y_[start + c] = select(p.nan, 0.0, goal == p.ignored); }
  return;
}
${normaliser}
var all = 0.0;
for (var c = 0u; c < p.classes; c++) { all += share(c, goal); }
let d = d_[row];
for (var c = 0u; c < p.classes; c++) {
  y_[start + c] = d * (all * exp(x_[start + c] - top) / sum - share(c, goal));
}`,
  });
}
