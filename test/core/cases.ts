/**
 * The stored op cases (test/fixtures/ops, form in its README): PyTorch's answers in channels-last layout. Inputs are drawn by
 * name, answers are stored whole or as sums. Knows nothing of the engine nor of files, so that a browser can use it too.
 */
import { rnd, u01 } from "../golden.ts";

export type Dtype = "f32" | "i32" | "bool";

/** An input of a case: drawn (`lo`, `hi`), written out (`values`) or a plain number (`scalar`). */
export interface InputSpec {
  name: string;
  shape?: number[];
  lo?: number;
  hi?: number;
  step?: number;
  values?: StoredNumber[];
  scalar?: number;
  dtype?: Dtype;
  grad?: boolean;
}

/** A tensor to make: row-major data in our layout; `bool` is 0 and 1 in an Int32Array. */
export interface BuiltTensor {
  name: string;
  shape: number[];
  dtype: Dtype;
  data: Float32Array | Int32Array;
  grad: boolean;
}

export interface Stats {
  sum: number;
  absSum: number;
  sqSum: number;
  /** Sum of x * rnd(seed), which tells elements that changed places. */
  dot: number;
  seed: string;
  first: Float64Array;
  last: Float64Array;
}

/** An answer: all values (`data`) or, where it is large, `stats`. */
export interface Expected {
  name: string;
  shape: number[];
  dtype: Dtype;
  data?: Float64Array;
  stats?: Stats;
  /** Largest absolute error of PyTorch's own float32 run. */
  err32?: number;
}

export interface Case {
  op: string;
  name: string;
  inputs: InputSpec[];
  options: Record<string, unknown>;
  outputs: Expected[];
  /** Gradients of the inputs with `grad`, in order; empty where the case is forward only. */
  grads: Expected[];
  loss?: number;
}

export interface Tolerance {
  rtol: number;
  atol: number;
}

type StoredNumber = number | string;
type StoredStats = Omit<Stats, "first" | "last"> & Record<"first" | "last", StoredNumber[]>;
type StoredTensor = Omit<Expected, "data" | "stats" | "dtype"> & {
  dtype?: Dtype;
  data?: StoredNumber[];
  stats?: StoredStats;
};
type StoredCase = Omit<Case, "outputs" | "grads"> & {
  outputs: StoredTensor[];
  grads?: StoredTensor[];
};

/** The cases in the text of a family file. */
export function parseCases(text: string): Case[] {
  return (JSON.parse(text) as { cases: StoredCase[] }).cases.map(decodeCase);
}

function decodeCase(c: StoredCase): Case {
  return {
    ...c,
    outputs: c.outputs.map(decodeTensor),
    grads: (c.grads ?? []).map(decodeTensor),
  };
}

function decodeTensor({ data, stats, dtype, ...rest }: StoredTensor): Expected {
  const head = { ...rest, dtype: dtype ?? "f32" };
  if (data) return { ...head, data: decode(data) };
  if (!stats) throw new Error(`fixtures: ${rest.name} has neither data nor stats`);
  return { ...head, stats: { ...stats, first: decode(stats.first), last: decode(stats.last) } };
}

const decode = (values: readonly StoredNumber[]) => Float64Array.from(values, Number);

/** The arguments of a case in order: tensors to make, and plain numbers. */
export function buildInputs(c: Case): (BuiltTensor | number)[] {
  return c.inputs.map((spec) => spec.scalar ?? buildTensor(c.name, spec));
}

function buildTensor(caseName: string, spec: InputSpec): BuiltTensor {
  const { name, shape = [], dtype = "f32", grad = false } = spec;
  const values = spec.values ? decode(spec.values) : draw(`${caseName}/${name}`, spec);
  const data = dtype === "f32" ? Float32Array.from(values) : Int32Array.from(values);
  return { name, shape, dtype, data, grad };
}

function draw(seed: string, { shape = [], lo = -1, hi = 1, step, dtype = "f32" }: InputSpec) {
  if (dtype !== "f32") {
    return u01(
      seed,
      shape.reduce((a, b) => a * b, 1),
    ).map((u) => Math.floor(lo + (hi - lo) * u));
  }
  const values = rnd(seed, shape, lo, hi).map(Math.fround);
  return step === undefined ? values : values.map((x) => Math.floor(x / step) * step);
}

/** The weights w of the loss sum(outputs[0] * w). */
export function lossWeights(c: Case): Float32Array {
  return Float32Array.from(rnd(`${c.name}/w`, c.outputs[0]!.shape));
}

/** The gradient of parameter `name` in step `t` (from 1) of an optimiser case, or null where it has none. */
export function stepGradient(c: Case, name: string, t: number): Float32Array | null {
  const { missing, gradient } = c.options as {
    missing: Record<string, number[]>;
    gradient: { lo: number; hi: number };
  };
  if (missing[name]?.includes(t)) return null;
  const shape = c.inputs.find((spec) => spec.name === name)!.shape!;
  return Float32Array.from(rnd(`${c.name}/${name}/grad${t}`, shape, gradient.lo, gradient.hi));
}
