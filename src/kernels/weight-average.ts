/** Moves an average a share of the way to new numbers, in place: see `WeightAverage`. */
import { fold, type KernelSpec, kernel } from "./spec.ts";
import { wgsl } from "./wgsl.ts";

const threads = 256;

/** average += share · (x − average). Inputs: x, share (one number), both f32. Output, in place: average. */
export function weightAverageKernel(n: number): KernelSpec {
  return kernel({
    name: "weight average",
    inputs: [
      { name: "x_", type: "f32" },
      { name: "share_", type: "f32" },
    ],
    outputs: [{ name: "average_", type: "f32" }],
    params: { n: ["u32", n] },
    workgroup: [threads],
    grid: fold(Math.ceil(n / threads)),
    body: wgsl`let i = flat * ${threads}u + lid.x;
if (i >= p.n) { return; }
average_[i] += share_[0] * (x_[i] - average_[i]);`,
  });
}
