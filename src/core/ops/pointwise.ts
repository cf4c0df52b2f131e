/**
 * The table of point-wise ops: one line each. `g` is the gradient of the output, `y` the output, `T` one number or four.
 * Names and conventions are PyTorch's. Comparisons give 0 and 1 in the arguments' dtype and have no gradient.
 */
import { LoupeError } from "../../error.ts";
import type { DType } from "../../kernels/index.ts";
import { track } from "../autograd.ts";
import type { Tensor } from "../tensor.ts";
import { map, type Operand, type PointwiseRow } from "./map.ts";

type Unary = (x: Tensor) => Tensor;
type Binary = (a: Operand, b: Operand) => Tensor;

const unary =
  (name: string, f: string, dx?: string): Unary =>
  (x) =>
    map(name, dx ? { f, d: { x: dx } } : { f }, { x });

const binary =
  (name: string, f: string, da?: string, db?: string): Binary =>
  (a, b) =>
    map(name, da && db ? { f, d: { a: da, b: db } } : { f }, { a, b });

const yes = (condition: string) => `select(T(0), T(1), ${condition})`;

export const add: Binary = binary("add", "a + b", "g", "g");
export const sub: Binary = binary("sub", "a - b", "g", "-g");
export const mul: Binary = binary("mul", "a * b", "g * b", "g * a");
export const div: Binary = binary("div", "a / b", "g / b", "-g * a / (b * b)");
/** Ties share the gradient equally and NaN stays NaN, as in PyTorch; WGSL's max and min may drop it. */
export const maximum: Binary = binary(
  "maximum",
  "select(b, select(a, b, a < b), b == b)",
  "g * select(select(T(0), T(0.5), a == b), T(1), a > b)",
  "g * select(select(T(0), T(0.5), a == b), T(1), a < b)",
);
export const minimum: Binary = binary(
  "minimum",
  "select(b, select(a, b, a > b), b == b)",
  "g * select(select(T(0), T(0.5), a == b), T(1), a < b)",
  "g * select(select(T(0), T(0.5), a == b), T(1), a > b)",
);
export const eq: Binary = binary("eq", yes("a == b"));
export const ne: Binary = binary("ne", yes("a != b"));
export const lt: Binary = binary("lt", yes("a < b"));
export const le: Binary = binary("le", yes("a <= b"));
export const gt: Binary = binary("gt", yes("a > b"));
export const ge: Binary = binary("ge", yes("a >= b"));

export const neg: Unary = unary("neg", "-x", "-g");
export const exp: Unary = unary("exp", "exp(x)", "g * y");
export const log: Unary = unary("log", "log(x)", "g / x");
export const sqrt: Unary = unary("sqrt", "sqrt(x)", "g * T(0.5) / y");
export const rsqrt: Unary = unary("rsqrt", "T(1) / sqrt(x)", "g * T(-0.5) * y / x");
export const abs: Unary = unary("abs", "abs(x)", "g * sign(x)");
export const sign: Unary = unary("sign", "sign(x)", "T(0) * g");
export const square: Unary = unary("square", "x * x", "g * T(2) * x");
export const reciprocal: Unary = unary("reciprocal", "T(1) / x", "-g * y * y");
export const sin: Unary = unary("sin", "sin_(x)", "g * cos_(x)");
export const cos: Unary = unary("cos", "cos_(x)", "-g * sin_(x)");
export const floor: Unary = unary("floor", "floor(x)", "T(0) * g");
/** Halves go to the even neighbour. */
export const round: Unary = unary("round", "round(x)", "T(0) * g");
export const erf: Unary = unary("erf", "erf_(x)", "g * T(1.1283791670955126) * exp(-x * x)");
/** max(x, 0). NaN stays NaN, as in PyTorch, so that diverging numbers are seen; WGSL's max may drop it. */
export const relu: Unary = unary("relu", "select(x, T(0), x <= T(0))", "select(T(0), g, y > T(0))");
export const sigmoid: Unary = unary("sigmoid", "T(1) / (T(1) + exp(-x))", "g * y * (T(1) - y)");
export const silu: Unary = unary(
  "silu",
  "x / (T(1) + exp(-x))",
  "g * (T(1) + x * (T(1) - T(1) / (T(1) + exp(-x)))) / (T(1) + exp(-x))",
);
/** The exact form, with the error function. */
export const gelu: Unary = unary(
  "gelu",
  "T(0.5) * x * (T(1) + erf_(x * T(0.7071067811865476)))",
  "g * (T(0.5) * (T(1) + erf_(x * T(0.7071067811865476))) + x * T(0.3989422804014327) * exp(T(-0.5) * x * x))",
);
export const tanh: Unary = unary("tanh", "tanh_(x)", "g * (T(1) - y * y)");

/** x where x > 0, else slope · x. */
export function leakyRelu(x: Tensor, negativeSlope = 0.01): Tensor {
  const slope = "select(T(p.slope), T(1), x > T(0))";
  return map(
    "leakyRelu",
    { f: `x * ${slope}`, d: { x: `g * ${slope}` } },
    { x },
    { slope: negativeSlope },
  );
}

/** log(1 + exp(beta · x)) / beta; the identity where beta · x > threshold. */
export function softplus(x: Tensor, beta = 1, threshold = 20): Tensor {
  const linear = "x * T(p.beta) > T(p.threshold)";
  const row: PointwiseRow = {
    f: `select((max(x * T(p.beta), T(0)) + log(T(1) + exp(-abs(x * T(p.beta))))) / T(p.beta), x, ${linear})`,
    d: { x: `select(g / (T(1) + exp(-x * T(p.beta))), g, ${linear})` },
  };
  return map("softplus", row, { x }, { beta, threshold });
}

/** x limited to [min, max]; the gradient is zero outside. NaN stays NaN. */
export function clamp(
  x: Tensor,
  min = Number.NEGATIVE_INFINITY,
  max = Number.POSITIVE_INFINITY,
): Tensor {
  if (Number.isNaN(min) || Number.isNaN(max)) {
    throw new LoupeError("shape", `clamp: limits must be numbers, got ${min} and ${max}`);
  }
  const inside = "x >= T(p.lo) && x <= T(p.hi)".replace("&&", "&");
  const row = {
    f: "select(x, min(max(x, T(p.lo)), T(p.hi)), x == x)",
    d: { x: `select(T(0), g, (${inside.replace(" & ", ") & (")}))` },
  };
  return map("clamp", row, { x }, { lo: min, hi: max });
}

/** aᵇ. A negative base with a fractional exponent gives NaN, as in PyTorch. */
export function pow(a: Operand, b: Operand): Tensor {
  if (typeof b === "number" && typeof a !== "number") return powOf(a, b);
  const zero = "select(y * log(a), T(0), (a == T(0)) & (b >= T(0)))";
  const d = { a: "g * b * pow_(a, b - T(1))", b: `g * ${zero}` };
  return map("pow", { f: "pow_(a, b)", d }, { a, b });
}

/** xⁿ for a fixed exponent; small whole exponents are products. */
function powOf(x: Tensor, n: number): Tensor {
  const power = (k: number): string => {
    if (k === 0) return "T(1) + T(0) * x";
    if (k === 0.5) return "sqrt(x)";
    if (Number.isInteger(k) && k > 0 && k <= 8) return Array(k).fill("x").join(" * ");
    if (Number.isInteger(k) && k < 0 && k >= -8) return `T(1) / (${power(-k)})`;
    return `pow_(x, T(${k < 0 ? `-${-k}` : k}))`;
  };
  const d = n === 0 ? "T(0) * g" : `g * T(${n}) * (${power(n - 1)})`;
  return map("pow", { f: power(n), d: { x: d } }, { x });
}

/** a where the condition is not zero, else b. */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  const row = {
    f: "select(b, a, c != T(0))",
    d: { a: "select(T(0), g, c != T(0))", b: "select(g, T(0), c != T(0))" },
  };
  return map("where", row, { c: condition, a, b });
}

/** The same values as another dtype; f32 to integers truncates. Gradients flow between f32 and f16. */
export function cast(x: Tensor, dtype: DType): Tensor {
  if (x.dtype === dtype) return x;
  const y = map("cast", { f: "x", dtype }, { x });
  return track("cast", y, [x], (dy) => [/^f/.test(dtype) ? cast(dy, x.dtype) : undefined]);
}
