/** Copies a box out of a tensor in another order of axes: permute, slice, and (with a start in the output) concat and pad. */
import {
  type DType,
  fold,
  type KernelSpec,
  kernel,
  type ParamType,
  sizeOf,
  unroll,
} from "./spec.ts";
import { wgsl } from "./wgsl.ts";

export interface CopyOptions {
  readonly name: string;
  readonly dtype: DType;
  /** Size of the box, one entry per axis. */
  readonly box: readonly number[];
  /** Elements between neighbours along each axis, and of the first, in the input. May be negative for flips. */
  readonly from: { readonly start: number; readonly strides: readonly number[] };
  readonly to: { readonly start: number; readonly strides: readonly number[] };
}

const workgroup = 256;

/** y[to + Σ i·strides] = x[from + Σ i·strides] for every index of the box. */
export function copyKernel({ name, dtype, box, from, to }: CopyOptions): KernelSpec {
  const params: Record<string, readonly [ParamType, number]> = {
    count: ["u32", sizeOf(box)],
    fromStart: ["i32", from.start],
    toStart: ["i32", to.start],
  };
  box.forEach((n, axis) => {
    params[`n${axis}`] = ["u32", n];
    params[`f${axis}`] = ["i32", from.strides[axis] as number];
    params[`t${axis}`] = ["i32", to.strides[axis] as number];
  });
  return kernel({
    name,
    inputs: [{ name: "x_", type: dtype }],
    outputs: [{ name: "y_", type: dtype }],
    params,
    workgroup: [workgroup],
    grid: fold(Math.ceil(sizeOf(box) / workgroup)),
    body: wgsl`let i = flat * ${workgroup}u + lid.x;
if (i >= p.count) { return; }
var rest = i; var f = p.fromStart; var t = p.toStart;
${unroll(box.length, (k) => {
  const axis = box.length - 1 - k;
  return `{ let a = i32(rest % p.n${axis}); rest /= p.n${axis}; f += a * p.f${axis}; t += a * p.t${axis}; }`;
})}
y_[t] = x_[f];`,
  });
}

/** Row-major strides of a shape, in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  return shape.map((_, i) => sizeOf(shape.slice(i + 1)));
}
