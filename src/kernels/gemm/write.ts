/**
 * The write hook of every product: `put(row, column, end, v)` finishes four neighbouring columns of a row, or one, and stores
 * those before `end`. A thread with several rows calls `columns_at(column)` once and `put_row` for each: what the columns need is then
 * read, and its root taken, once.
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
  const columns = columnReader(options, "f32", (name) => `f32(${name}[column])`);
  return `${columns}
fn put_row(row: u32, column: u32, end: u32, v: f32) {
let at = row * ${width} + column;
var r = v;
${finish(options, "f32", "f32(residual_[at])")}
y_[at] = ${result}(r);
}
${put("f32")}`;
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
  const columns = columnReader(options, "vec4<f32>", (name) => read(name, "column"));
  return `${columns}
fn put_row(row: u32, column: u32, end: u32, v: vec4<f32>) {
if (column >= end) { return; }
let at = row * ${width} + column;
var r = v;
${finish(options, "vec4<f32>", read("residual_", "at"))}
${store}
}
${put("vec4<f32>")}`;
}

const put = (type: string) => `fn put(row: u32, column: u32, end: u32, v: ${type}) {
if (column >= end) { return; }
columns_at(column);
put_row(row, column, end, v);
}`;

/** What the epilogue needs of columns: private variables, and `columns_at`, which fills them. */
function columnReader(
  { epilogue = {} }: WriteOptions,
  type: string,
  columnOf: (name: string) => string,
): string {
  const { scale, shift, norm } = epilogue;
  const gain = () => {
    const root = `sqrt(${columnOf("variance_")} + f32(${norm?.eps}))`;
    return `${norm?.weight ? columnOf("weight_") : `${type}(1.0)`} / ${root}`;
  };
  const values: readonly (readonly [string, string | undefined])[] = [
    ["scale_c", scale && columnOf("scale_")],
    ["shift_c", shift && columnOf("shift_")],
    ["mean_c", norm && columnOf("mean_")],
    ["gain_c", norm && gain()],
    ["bias_c", norm?.bias && columnOf("bias_")],
  ];
  const there = values.filter(([, value]) => value !== undefined);
  return `${there.map(([name]) => `var<private> ${name}: ${type};`).join("\n")}
fn columns_at(column: u32) {
${there.map(([name, value]) => `${name} = ${value};`).join("\n")}
}`;
}

function finish({ epilogue = {}, reluIf }: WriteOptions, type: string, residual: string): string {
  const { scale, shift, norm, relu, silu } = epilogue;
  const zero = `${type}()`;
  const rectify = `r = select(r, ${zero}, r <= ${zero});`;
  return [
    scale ? "r *= scale_c;" : "",
    shift ? "r += shift_c;" : "",
    // as the kernel of batchNorm does it
    norm ? `r = (r - mean_c) * gain_c${norm.bias ? " + bias_c" : ""};` : "",
    epilogue.residual ? `r += ${residual};` : "",
    reluIf ? `if (${reluIf}) { ${rectify} }` : relu ? rectify : "",
    silu ? `r /= ${type}(1.0) + exp(-r);` : "",
  ]
    .filter((line) => line !== "")
    .join("\n");
}
