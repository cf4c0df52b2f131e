/**
 * Reading and adding at positions given by an index tensor. Positions are compared with the axis before anything is read, so
 * an index out of range never touches other memory: it gives NaN (the smallest i32, the largest u32).
 *
 * Adding needs no atomics: the index comes sorted, each result finds its own run of equal positions by bisection and adds that
 * run in the order of the source.
 */
import type { Float } from "./caps.ts";
import type { OrderedType } from "./order.ts";
import { fold, type KernelSpec, kernel, type ParamType, sizeOf, unroll } from "./spec.ts";
import { wgsl } from "./wgsl.ts";

export interface GatherOptions {
  readonly name: string;
  readonly dtype: OrderedType | "f16";
  /** Shape of the result. */
  readonly shape: readonly number[];
  readonly axis: number;
  /** Size of the axis in x. */
  readonly n: number;
  /** Elements between neighbours along each axis of the result: in x, and in the index. */
  readonly strides: readonly number[];
  readonly indexStrides: readonly number[];
}

const workgroup = 256;
const missing = {
  f16: "p.nan",
  f32: "0x7fc00000u",
  i32: "0x80000000u",
  u32: "0xffffffffu",
} as const;

/** y[…, i, …] = x[…, index[…], …] along one axis. */
export function gatherKernel(options: GatherOptions): KernelSpec {
  const { name, dtype, n, axis } = options;
  const wide = widened(options);
  const { shape, strides, indexStrides } = wide ?? options;
  const count = sizeOf(shape);
  const one = dtype === "f16" ? "f16" : "u32"; // bits are moved, whatever they mean
  const type = wide ? `vec4<${one}>` : one;
  return kernel({
    name,
    inputs: [
      { name: "x_", type },
      { name: "index_", type: "i32" },
    ],
    outputs: [{ name: "y_", type }],
    params: {
      count: ["u32", count],
      n: ["i32", n],
      nan: ["f32", Number.NaN],
      step: ["u32", strides[axis] as number],
      ...axes("n", shape),
      ...axes("s", strides),
      ...axes("t", indexStrides),
    },
    workgroup: [workgroup],
    grid: fold(Math.ceil(count / workgroup)),
    body: wgsl`let i = flat * ${workgroup}u + lid.x;
if (i >= p.count) { return; }
var rest = i; var at = 0u; var t = 0u;
${unroll(shape.length, (k) => {
  const d = shape.length - 1 - k;
  const own = d === axis ? "" : `at += c * p.s${d};`;
  return `{ let c = rest % p.n${d}; rest /= p.n${d}; t += c * p.t${d}; ${own} }`;
})}
let position = index_[t];
if (position < 0 || position >= p.n) { y_[i] = ${type}(${one}(${missing[dtype]})); }
else { y_[i] = x_[at + u32(position) * p.step]; }`,
  });
}

/** Four elements at once where they are neighbours in x and share their index. */
function widened(o: GatherOptions): Omit<GatherOptions, "name" | "dtype" | "n"> | undefined {
  const last = o.shape.length - 1;
  const size = o.shape[last] as number;
  const fits = last > 0 && o.axis !== last && o.indexStrides[last] === 0 && o.strides[last] === 1;
  if (!fits || size % 4 !== 0 || o.strides.slice(0, last).some((s) => s % 4 !== 0))
    return undefined;
  return {
    axis: o.axis,
    shape: o.shape.with(last, size / 4),
    strides: o.strides.map((s, i) => (i === last ? 1 : s / 4)),
    indexStrides: o.indexStrides,
  };
}

export interface ScatterAddOptions {
  readonly name: string;
  /** Shape of the result. */
  readonly shape: readonly number[];
  readonly axis: number;
  /** Length of a row of the sorted index. */
  readonly m: number;
  /** Coordinates from here on are not touched by the source. */
  readonly limits: readonly number[];
  /** Per axis of the result: rows between neighbours in the sorted index, and elements in the source. */
  readonly rowStrides: readonly number[];
  readonly strides: readonly number[];
  /** Whether x comes as an input; else sums start from 0. */
  readonly start: boolean;
  /** Of the source, x and the result; sums are f32. Default f32. */
  readonly dtype?: Float;
}

/** y = x + Σ source elements whose index is here. Inputs: x (if `start`), sorted index, its order, source. */
export function scatterAddKernel(options: ScatterAddOptions): KernelSpec {
  const { name, shape, axis, m, limits, rowStrides, strides, start, dtype = "f32" } = options;
  const count = sizeOf(shape);
  const others = shape.map((_, d) => d).filter((d) => d !== axis);
  return kernel({
    name,
    inputs: [
      ...(start ? [{ name: "x_", type: dtype }] : []),
      { name: "key_", type: "i32" },
      { name: "order_", type: "i32" },
      { name: "source_", type: dtype },
    ],
    outputs: [{ name: "y_", type: dtype }],
    params: {
      count: ["u32", count],
      m: ["u32", m],
      step: ["u32", strides[axis] as number],
      nan: ["f32", Number.NaN],
      ...axes("n", shape),
      ...axes("l", limits),
      ...axes("r", rowStrides),
      ...axes("s", strides),
    },
    workgroup: [workgroup],
    grid: fold(Math.ceil(count / workgroup)),
    body: wgsl`let i = flat * ${workgroup}u + lid.x;
if (i >= p.count) { return; }
var rest = i;
${unroll(shape.length, (k) => {
  const d = shape.length - 1 - k;
  return `let c${d} = rest % p.n${d}; rest /= p.n${d};`;
})}
var sum = ${start ? "f32(x_[i])" : "0.0"};
if (${others.map((d) => `c${d} < p.l${d}`).join(" && ") || "true"}) {
  let row = (${others.map((d) => `c${d} * p.r${d}`).join(" + ") || "0u"}) * p.m;
  let at = ${others.map((d) => `c${d} * p.s${d}`).join(" + ") || "0u"};
  let here = i32(c${axis});
  var low = 0u; var high = p.m;
  while (low < high) {
    let probe = (low + high) / 2u;
    if (key_[row + probe] < here) { low = probe + 1u; } else { high = probe; }
  }
  for (; low < p.m; low++) {
    if (key_[row + low] != here) { break; }
    sum += f32(source_[at + u32(order_[row + low]) * p.step]);
  }
  if (key_[row] < 0 || key_[row + p.m - 1u] >= i32(p.n${axis})) { sum = p.nan; }
}
y_[i] = ${dtype}(sum);`,
  });
}

function axes(name: string, values: readonly number[]) {
  const entries = values.map((v, d) => [`${name}${d}`, ["u32" as ParamType, v]] as const);
  return Object.fromEntries(entries) as Record<string, readonly [ParamType, number]>;
}
