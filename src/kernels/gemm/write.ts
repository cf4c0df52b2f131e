/**
 * The write hook of every product: `put(row, column, end, v)` finishes four neighbouring columns of a row, or one, and stores
 * those before `end`.
 *
 *   y = act(norm(scale[column] · v + shift[column]) + residual[row, column])      each part optional; a bias is a shift
 *
 * where norm(v) = (v − mean[column]) · weight[column] / √(variance[column] + ε) + bias[column], a BatchNorm that is evaluated.
 */
import { elementType, type Float } from "../caps.ts";
import { type Buffer, unroll } from "../spec.ts";

/** What happens to a sum before it is stored. */
export interface Epilogue {
  /** Multiply by `[columns]` of this type. */
  readonly scale?: Float | undefined;
  /** Add `[columns]` of this type. */
  readonly shift?: Float | undefined;
  /** Normalise with statistics `[columns]`. */
  readonly norm?: NormEpilogue | undefined;
  /** Add a tensor of the result's shape and type. */
  readonly residual?: boolean;
  /** Negative values become 0; NaN stays. */
  readonly relu?: boolean;
  /** r becomes r · σ(r). */
  readonly silu?: boolean;
}

/** Types of the `[columns]` of a BatchNorm. */
export interface NormEpilogue {
  readonly mean: Float;
  readonly variance: Float;
  readonly weight?: Float | undefined;
  readonly bias?: Float | undefined;
  readonly eps: number;
}

/** Element types of a product: of both operands, and of the result. */
export interface ProductTypes {
  readonly operands: Float;
  readonly result: Float;
}

export const allF32: ProductTypes = { operands: "f32", result: "f32" };

export interface WriteOptions {
  /** Expression of the columns of the result's rows. */
  readonly width: string;
  /** Columns that one call stores. */
  readonly columns: 1 | 4;
  /** Rows begin on a multiple of four elements. */
  readonly wide: boolean;
  readonly result: Float;
  readonly epilogue?: Epilogue;
  /** Whether negative values become 0, as an expression, so that one shader serves both; default: what the epilogue says. */
  readonly reluIf?: string;
}

export interface Writer {
  /** Inputs of the epilogue in the order scale, shift, mean, variance, weight, bias, residual. */
  readonly inputs: readonly Buffer[];
  readonly output: Buffer;
  readonly head: string;
}

export function writer(options: WriteOptions): Writer {
  const { columns, result, epilogue = {} } = options;
  const { scale, shift, norm, residual } = epilogue;
  const wide = options.wide && columns === 4;
  const named: readonly (readonly [string, Float | undefined])[] = [
    ["scale_", scale],
    ["shift_", shift],
    ["mean_", norm?.mean],
    ["variance_", norm?.variance],
    ["weight_", norm?.weight],
    ["bias_", norm?.bias],
    ["residual_", residual ? result : undefined],
  ];
  const inputs = named.flatMap(([name, type]) =>
    type ? [{ name, type: elementType(type, wide) }] : [],
  );
  return {
    inputs,
    output: { name: "y_", type: elementType(result, wide) },
    head: columns === 1 ? putOne(options) : putFour(options, wide),
  };
}

function putOne(options: WriteOptions): string {
  const { width, result } = options;
  return `fn put(row: u32, column: u32, end: u32, v: f32) {
let at = row * ${width} + column;
var r = v;
${finish(options, "f32", (name) => `f32(${name}[column])`, "f32(residual_[at])")}
y_[at] = ${result}(r);
}`;
}

function putFour(options: WriteOptions, wide: boolean): string {
  const { width, result } = options;
  const read = (name: string, from: string) =>
    wide
      ? `vec4<f32>(${name}[${from} / 4u])`
      : `vec4<f32>(${[0, 1, 2, 3].map((q) => `f32(${name}[${from} + ${q}u])`).join(", ")})`;
  const store = wide
    ? `y_[at / 4u] = vec4<${result}>(r);`
    : unroll(4, (q) => `if (column + ${q}u < end) { y_[at + ${q}u] = ${result}(r[${q}]); }`);
  return `fn put(row: u32, column: u32, end: u32, v: vec4<f32>) {
if (column >= end) { return; }
let at = row * ${width} + column;
var r = v;
${finish(options, "vec4<f32>", (name) => read(name, "column"), read("residual_", "at"))}
${store}
}`;
}

function finish(
  { epilogue = {}, reluIf }: WriteOptions,
  type: string,
  columnOf: (name: string) => string,
  residualHere: string,
): string {
  const { scale, shift, norm, residual, relu, silu } = epilogue;
  const zero = `${type}()`;
  const rectify = `r = select(r, ${zero}, r <= ${zero});`;
  return [
    scale ? `r *= ${columnOf("scale_")};` : "",
    shift ? `r += ${columnOf("shift_")};` : "",
    norm ? normalised(norm, type, columnOf) : "",
    residual ? `r += ${residualHere};` : "",
    reluIf ? `if (${reluIf}) { ${rectify} }` : relu ? rectify : "",
    silu ? `r /= ${type}(1.0) + exp(-r);` : "",
  ]
    .filter((line) => line !== "")
    .join("\n");
}

/** As the kernel of batchNorm does it. */
function normalised(
  { weight, bias, eps }: NormEpilogue,
  type: string,
  columnOf: (name: string) => string,
): string {
  const gain = weight ? columnOf("weight_") : `${type}(1.0)`;
  const root = `sqrt(${columnOf("variance_")} + f32(${eps}))`;
  const y = `(r - ${columnOf("mean_")}) * (${gain} / ${root})`;
  return `r = ${y}${bias ? ` + ${columnOf("bias_")}` : ""};`;
}
