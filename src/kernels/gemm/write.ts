/**
 * The write hook of every product: `put(row, column, v)` finishes four neighbouring columns of a row, or one, and stores them.
 *
 *   y = act(scale[column] · v + shift[column] + residual[row, column])      each part optional; a bias is a shift
 */
import { elementType, type Float } from "../caps.ts";
import { type Buffer, unroll } from "../spec.ts";

/** What happens to a sum before it is stored. */
export interface Epilogue {
  /** Multiply by `[columns]` of this type. */
  readonly scale?: Float | undefined;
  /** Add `[columns]` of this type. */
  readonly shift?: Float | undefined;
  /** Add a tensor of the result's shape and type. */
  readonly residual?: boolean;
  /** Negative values become 0; NaN stays. */
  readonly relu?: boolean;
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
}

export interface Writer {
  /** Inputs of the epilogue in the order scale, shift, residual. */
  readonly inputs: readonly Buffer[];
  readonly output: Buffer;
  readonly head: string;
}

export function writer(options: WriteOptions): Writer {
  const { columns, result, epilogue = {} } = options;
  const wide = options.wide && columns === 4;
  const inputs: Buffer[] = [];
  if (epilogue.scale) inputs.push({ name: "scale_", type: epilogue.scale });
  if (epilogue.shift) inputs.push({ name: "shift_", type: epilogue.shift });
  if (epilogue.residual) inputs.push({ name: "residual_", type: elementType(result, wide) });
  return {
    inputs,
    output: { name: "y_", type: elementType(result, wide) },
    head: columns === 1 ? putOne(options) : putFour(options),
  };
}

function putOne({ width, result, epilogue = {} }: WriteOptions): string {
  return `fn put(row: u32, column: u32, v: f32) {
let at = row * ${width} + column;
var r = v;
${finish(epilogue, (name) => `f32(${name}[column])`, "f32(residual_[at])", "0.0")}
y_[at] = ${result}(r);
}`;
}

function putFour({ width, wide, result, epilogue = {} }: WriteOptions): string {
  const four = (name: string) =>
    `vec4<f32>(${[0, 1, 2, 3].map((q) => `f32(${name}[column + ${q}u])`)})`;
  const residual = wide
    ? "residual_[at / 4u]"
    : [0, 1, 2, 3].map((q) => `f32(residual_[at + ${q}u])`).join(", ");
  const store = wide
    ? `if (column < ${width}) { y_[at / 4u] = vec4<${result}>(r); }`
    : unroll(4, (q) => `if (column + ${q}u < ${width}) { y_[at + ${q}u] = ${result}(r[${q}]); }`);
  return `fn put(row: u32, column: u32, v: vec4<f32>) {
let at = row * ${width} + column;
var r = v;
${finish(epilogue, four, `vec4<f32>(${residual})`, "vec4<f32>()")}
${store}
}`;
}

function finish(
  e: Epilogue,
  columnOf: (name: string) => string,
  residual: string,
  zero: string,
): string {
  return [
    e.scale ? `r *= ${columnOf("scale_")};` : "",
    e.shift ? `r += ${columnOf("shift_")};` : "",
    e.residual ? `r += ${residual};` : "",
    e.relu ? `r = select(r, ${zero}, r <= ${zero});` : "",
  ]
    .filter((line) => line !== "")
    .join("\n");
}
