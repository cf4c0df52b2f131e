/**
 * relu(x + Σ_k bilinear(low_k)): images of other sizes are brought to the size of x while they are added, so that none of them is
 * ever stored at that size. What ends an exchange unit of HRNet.
 */
import type { Float } from "./caps.ts";
import { imageGrid } from "./image-grid.ts";
import { axisOf, axisParams, type Sampling, tapHead } from "./interpolate.ts";
import { lanesOf } from "./lanes.ts";
import { type KernelSpec, kernel, unroll } from "./spec.ts";
import { storedHead, storedType } from "./stored.ts";
import { wgsl } from "./wgsl.ts";

export interface InterpolateSumShape {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  /** Sizes of what is added, each `[n, h, w, c]`. */
  readonly lows: readonly { readonly h: number; readonly w: number }[];
  readonly sampling: Exclude<Sampling, "nearest">;
  readonly relu: boolean;
  readonly dtype: Float;
}

/** Inputs x and the lows in their order. */
export function interpolateSumKernel(s: InterpolateSumShape): KernelSpec {
  const lanes = lanesOf(s.c);
  const launch = imageGrid(s, lanes);
  const type = storedType(lanes.type, s.dtype);
  const axes = s.lows.map(({ h, w }, k) => ({
    ...axisParams(`H${k}`, h, s.h, s.sampling),
    ...axisParams(`W${k}`, w, s.w, s.sampling),
  }));
  return kernel({
    name: "interpolate and add",
    inputs: ["x_", ...s.lows.map((_, k) => `low${k}_`)].map((name) => ({ name, type })),
    outputs: [{ name: "y_", type }],
    params: { ...launch.params, ...Object.assign({}, ...axes) },
    head: wgsl`${storedHead(lanes.type, s.dtype)}\n${tapHead(s.sampling)}`,
    workgroup: launch.workgroup,
    grid: launch.grid,
    body: wgsl`${launch.start}
var sum = T(x_[id]);
${unroll(s.lows.length, addLow)}
y_[id] = S(${s.relu ? "select(sum, T(), sum <= T())" : "sum"});`,
  });
}

/** As `interpolate` mixes: columns from their two rows, then the pixel from its two columns. */
function addLow(k: number): string {
  return `{
let ty = tap(y, ${axisOf(`H${k}`)});
let tx = tap(x, ${axisOf(`W${k}`)});
let upper = (n * p.nH${k} + ty.at) * p.nW${k};
let lower = (n * p.nH${k} + min(ty.at + 1u, p.nH${k} - 1u)) * p.nW${k};
let next = min(tx.at + 1u, p.nW${k} - 1u);
let down = f32(ty.rest) / f32(ty.below);
let across = f32(tx.rest) / f32(tx.below);
let left = T(low${k}_[(upper + tx.at) * p.c + c]) * (1.0 - down) + T(low${k}_[(lower + tx.at) * p.c + c]) * down;
let right = T(low${k}_[(upper + next) * p.c + c]) * (1.0 - down) + T(low${k}_[(lower + next) * p.c + c]) * down;
sum += left * (1.0 - across) + right * across;
}`;
}
