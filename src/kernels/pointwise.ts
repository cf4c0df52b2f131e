/**
 * One element of each argument in, one element out: y[i] = f(a[i], b[i], …) for any WGSL expression f.
 *
 * In the expression `T` is the compute type, `f32` or, where sizes allow, `vec4<f32>`, so it must hold for both:
 * `T(0)` for constants, `select(…)` for choices. Parameters are `p.<name>`.
 */
import {
  bytesOf,
  type DType,
  fold,
  type KernelSpec,
  kernel,
  type ParamType,
  sizeOf,
} from "./spec.ts";
import { wgsl } from "./wgsl.ts";

/** One argument: a tensor to broadcast against the output, or a number. */
export type PointwiseArg =
  | { readonly name: string; readonly dtype: DType; readonly shape: readonly number[] }
  | { readonly name: string; readonly value: number };

export interface PointwiseOptions {
  readonly name: string;
  /** WGSL expression over the names of the arguments. */
  readonly expression: string;
  readonly args: readonly PointwiseArg[];
  readonly shape: readonly number[];
  /** Type of the result. */
  readonly dtype: DType;
  /** Type to compute in; default f32, or the arguments' integer type. */
  readonly compute?: "f32" | "i32" | "u32";
  readonly params?: Readonly<Record<string, number>>;
}

/** How the index of an argument follows from the index of the output. */
type Mode = "same" | "scalar" | "row" | "outer" | "strided" | "value";

const workgroup = 256;

export function pointwiseKernel(options: PointwiseOptions): KernelSpec {
  const { name, expression, args, shape, dtype } = options;
  const total = sizeOf(shape);
  const modes = args.map((arg) => modeOf(arg, shape));
  const wide = isWide(args, modes, shape);
  const compute = options.compute ?? "f32";
  const count = wide ? total / 4 : total;
  const params: Record<string, readonly [ParamType, number]> = { count: ["u32", count] };
  for (const [key, value] of Object.entries(options.params ?? {})) params[key] = ["f32", value];
  const loads = args.map((arg, i) => load(arg, modes[i] as Mode, shape, wide, compute, params));
  const tensors = args.flatMap((arg, i) => {
    if (!("shape" in arg)) return [];
    const each = modes[i] === "same" || modes[i] === "row";
    return [{ name: `${arg.name}_`, type: element(arg.dtype, wide && each) }];
  });
  const store = dtype === "f16" ? (wide ? "vec4<f16>" : "f16") : wide ? `vec4<${dtype}>` : dtype;
  return kernel({
    name,
    inputs: tensors,
    outputs: [{ name: "out_", type: element(dtype, wide) }],
    params,
    head: wgsl`alias T = ${wide ? `vec4<${compute}>` : compute};\n${helpersFor(expression, wide)}`,
    workgroup: [workgroup],
    grid: fold(Math.ceil(count / workgroup)),
    body: wgsl`let i = flat * ${workgroup}u + lid.x;
if (i >= p.count) { return; }
${loads.join("\n")}
out_[i] = ${store}(${expression});`,
  });
}

function element(dtype: DType, wide: boolean): string {
  return wide ? `vec4<${dtype}>` : dtype;
}

function modeOf(arg: PointwiseArg, shape: readonly number[]): Mode {
  if (!("shape" in arg)) return "value";
  const size = sizeOf(arg.shape);
  if (size === sizeOf(shape)) return "same";
  if (size === 1) return "scalar";
  const full = padded(arg.shape, shape.length);
  const first = full.findIndex((n) => n !== 1);
  if (full.slice(first).every((n, i) => n === shape[first + i])) return "row";
  const last = full.findLastIndex((n) => n !== 1);
  if (full.slice(0, last + 1).every((n, i) => n === shape[i])) return "outer";
  return "strided";
}

function padded(shape: readonly number[], rank: number): number[] {
  return [...Array(rank - shape.length).fill(1), ...shape];
}

/** Elements of the output that share one element of an `outer` argument. */
function innerOf(argShape: readonly number[], shape: readonly number[]): number {
  return sizeOf(shape) / sizeOf(argShape);
}

function isWide(
  args: readonly PointwiseArg[],
  modes: readonly Mode[],
  shape: readonly number[],
): boolean {
  if (sizeOf(shape) % 4 !== 0) return false;
  return args.every((arg, i) => {
    if (!("shape" in arg)) return true;
    if (modes[i] === "row") return sizeOf(arg.shape) % 4 === 0;
    if (modes[i] === "outer") return innerOf(arg.shape, shape) % 4 === 0;
    return modes[i] !== "strided";
  });
}

function load(
  arg: PointwiseArg,
  mode: Mode,
  shape: readonly number[],
  wide: boolean,
  compute: string,
  params: Record<string, readonly [ParamType, number]>,
): string {
  if (!("shape" in arg)) {
    params[`v_${arg.name}`] = [compute as ParamType, arg.value];
    return `let ${arg.name} = T(p.v_${arg.name});`;
  }
  const { name } = arg;
  const from = (index: string) =>
    `let ${name} = ${bytesOf[arg.dtype] === 2 || arg.dtype !== compute ? "T" : ""}(${name}_[${index}]);`;
  if (mode === "same") return from("i");
  if (mode === "scalar") return `let ${name} = T(${compute}(${name}_[0]));`;
  if (mode === "row") {
    params[`n_${name}`] = ["u32", sizeOf(arg.shape) / (wide ? 4 : 1)];
    return from(`i % p.n_${name}`);
  }
  if (mode === "outer") {
    params[`n_${name}`] = ["u32", innerOf(arg.shape, shape) / (wide ? 4 : 1)];
    return `let ${name} = T(${compute}(${name}_[i / p.n_${name}]));`;
  }
  return `${stridedIndex(name, arg.shape, shape, params)}\n${from(`${name}i`)}`;
}

/** `let <name>i = …`: the flat index into a broadcast argument, with sizes and strides as parameters. */
function stridedIndex(
  name: string,
  argShape: readonly number[],
  shape: readonly number[],
  params: Record<string, readonly [ParamType, number]>,
): string {
  const full = padded(argShape, shape.length);
  let stride = 1;
  const lines = [`var ${name}r = i; var ${name}i = 0u;`];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const n = full[axis] as number;
    params[`d${axis}`] = ["u32", shape[axis] as number];
    params[`s${axis}_${name}`] = ["u32", n === 1 ? 0 : stride];
    lines.push(`${name}i += (${name}r % p.d${axis}) * p.s${axis}_${name}; ${name}r /= p.d${axis};`);
    stride *= n;
  }
  return lines.join("\n");
}

/** Sine and cosine after Cephes: the angle is reduced by π/2 in three parts. WGSL promises no more than 2⁻¹¹. */
const sinCos = `fn sinCos(x: f32, shift: i32) -> f32 {
  let k = round(x * 0.6366197723675814);
  let r = ((x - k * 1.5703125) - k * 4.837512969970703e-4) - k * 7.54978995489188e-8;
  let z = r * r;
  let s = r + r * z * (-0.16666654611 + z * (8.3321608736e-3 + z * -1.9515295891e-4));
  let c = 1.0 - 0.5 * z + z * z * (0.04166664568298827 + z * (-1.388731625493765e-3 + z * 2.443315711809948e-5));
  let q = (i32(k) + shift) & 3;
  let v = select(s, c, (q & 1) == 1);
  return select(v, -v, q >= 2);
}`;

/** WGSL lacks erf, a tanh that survives large numbers, a pow for negative bases and exact angles. */
const helpers: Readonly<Record<string, string>> = {
  sin_: `fn sin1(x: f32) -> f32 { return sinCos(x, 0); }`,
  cos_: `fn cos1(x: f32) -> f32 { return sinCos(x, 1); }`,
  erf_: `fn erf1(x: f32) -> f32 {
  let a = abs(x);
  if (a < 0.5) {
    let s = x * x;
    return x * (1.1283791670955126 + s * (-0.37612638903183754 + s * (0.11283791670955126
      + s * (-0.026866170645131252 + s * (0.005223977625442188 + s * -0.0008548327023450853)))));
  }
  let t = 1.0 / (1.0 + 0.5 * a);
  let q = t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807
    + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
  return sign(x) * (1.0 - t * exp(-a * a - 1.26551223 + q));
}`,
  tanh_: `fn tanh1(x: f32) -> f32 {
  if (abs(x) < 0.05) { let s = x * x; return x * (1.0 + s * (-0.3333333333 + s * 0.1333333333)); }
  let e = exp(-2.0 * abs(x));
  return sign(x) * (1.0 - e) / (1.0 + e);
}`,
  pow_: `fn pow1(x: f32, n: f32) -> f32 {
  if (n == 0.0) { return 1.0; }
  if (x == 0.0) { return select(0.0, 1.0 / x, n < 0.0); }
  let m = pow(abs(x), n);
  if (x > 0.0) { return m; }
  if (n != floor(n)) { return sqrt(x); } // not a number
  return select(m, -m, abs(n - 2.0 * floor(n * 0.5)) == 1.0);
}`,
};

/** The helpers an expression calls, as functions of `T`. */
function helpersFor(expression: string, wide: boolean): string {
  const used = Object.entries(helpers).filter(([name]) => expression.includes(`${name}(`));
  const angles = used.some(([name]) => /^(sin|cos)_$/.test(name)) ? `${sinCos}\n` : "";
  const texts = used.map(([name, text]) => {
    const args = name === "pow_" ? ["x", "n"] : ["x"];
    const one = name.replace("_", "1");
    const calls = ["x", "y", "z", "w"].map((c) => `${one}(${args.map((a) => `${a}.${c}`)})`);
    const value = wide ? `T(${calls})` : `${one}(${args})`;
    return `${text}\nfn ${name}(${args.map((a) => `${a}: T`)}) -> T { return ${value}; }`;
  });
  return angles + texts.join("\n");
}

/** Sets `size` elements to one value. */
export function fillKernel(size: number, dtype: DType, value: number): KernelSpec {
  const compute = dtype === "f16" ? "f32" : dtype;
  const args = [{ name: "a", value }];
  return pointwiseKernel({ name: "fill", expression: "a", args, shape: [size], dtype, compute });
}
