/**
 * Kernels that fold a row to a few numbers and then use them for every element of it: softmax, unit lengths, cosines, layer
 * normalisation. A row is the middle axis of `[outer, n, inner]`. One thread walks a short row, 8 or 64 share a long one and
 * fold their parts in a tree, always in the same order.
 */
import type { Float } from "./caps.ts";
import { across, lanesOf } from "./lanes.ts";
import { fold, type KernelSpec, kernel, type ParamType } from "./spec.ts";
import { storedType } from "./stored.ts";
import { wgsl } from "./wgsl.ts";

export interface RowShape {
  readonly outer: number;
  readonly n: number;
  readonly inner: number;
}

/**
 * What a buffer holds: a number for each `element` `[outer, n, inner]`, for each `row` `[outer, inner]`, or for each
 * position in a row (`column`, `[n]`, where inner is 1).
 */
export type RowBuffer = "element" | "row" | "column";

/** Numbers folded on one walk along the row. */
export interface RowPass {
  /** By name: how and over which expression of the inputs. */
  readonly folds: Readonly<Record<string, readonly ["sum" | "max", string]>>;
  /** WGSL after the walk, for example `let mean = total / p.n;`. */
  readonly after?: string;
}

export interface RowsOptions {
  readonly name: string;
  readonly shape: RowShape;
  /** Named as in the expressions. `T` is the type of an element: f32 or a vector of it. */
  readonly inputs: Readonly<Record<string, RowBuffer>>;
  readonly passes: readonly RowPass[];
  /** By name: outputs for each element, as expressions. */
  readonly each?: Readonly<Record<string, string>>;
  /** By name: outputs for each row. */
  readonly once?: Readonly<Record<string, string>>;
  readonly params?: Readonly<Record<string, number>>;
  /** By name: element types of inputs and outputs; f32 unless given. */
  readonly stored?: Readonly<Record<string, Float>>;
}

const threads = 64;

/** Threads that share a row of `units` loads. */
function sharing(units: number, inner: number): 1 | 8 | 64 {
  if (inner > 1 || units <= 32) return 1;
  return units <= 256 ? 8 : 64;
}

export function rowsKernel(o: RowsOptions): KernelSpec {
  const { shape, inputs, each = {}, once = {}, stored = {} } = o;
  const lanes = shape.inner === 1 ? lanesOf(shape.n) : lanesOf(1);
  const units = shape.n / lanes.width;
  const shared = sharing(units, shape.inner);
  const rows = shape.outer * shape.inner;
  const params: Record<string, readonly [ParamType, number]> = {
    rows: ["u32", rows],
    units: ["u32", units],
    inner: ["u32", shape.inner],
    n: ["f32", shape.n],
    least: ["f32", Number.NEGATIVE_INFINITY],
  };
  for (const [key, value] of Object.entries(o.params ?? {})) params[key] = ["f32", value];
  const typed = (name: string, kind: RowBuffer) =>
    storedType(kind === "row" ? "f32" : lanes.type, stored[name]);
  const folds = o.passes.flatMap((pass) => Object.keys(pass.folds));
  return kernel({
    name: o.name,
    inputs: Object.entries(inputs).map(([name, kind]) => ({
      name: `${name}_`,
      type: typed(name, kind),
    })),
    outputs: [
      ...Object.keys(each).map((name) => ({ name: `${name}_`, type: typed(name, "element") })),
      ...Object.keys(once).map((name) => ({ name: `${name}_`, type: typed(name, "row") })),
    ],
    params,
    head: [
      `alias T = ${lanes.type};`,
      ...(shared > 1
        ? folds.map((name) => `var<workgroup> ${name}Parts: array<f32, ${threads}>;`)
        : []),
    ].join("\n"),
    workgroup: [threads],
    grid: fold(Math.ceil((rows * shared) / threads)),
    body: wgsl`let row = flat * ${threads / shared}u + lid.x / ${shared}u;
let lane = lid.x % ${shared}u;
let inside = row < p.rows;
let base = row / p.inner * p.units * p.inner + row % p.inner;
let end = select(0u, p.units, inside);
${rowLoads(inputs)}
${o.passes.map((pass) => passText(pass, inputs, shared, (kind, value) => across(kind, value, lanes))).join("\n")}
${eachText(each, inputs, shared, (name) => typed(name, "element"))}
${Object.entries(once)
  .map(
    ([name, value]) =>
      `if (inside && lane == 0u) { ${name}_[row] = ${typed(name, "row")}(${value}); }`,
  )
  .join("\n")}`,
  });
}

/** What a row has one number of is loaded at the start. */
function rowLoads(inputs: RowsOptions["inputs"]): string {
  const rows = Object.entries(inputs).filter(([, kind]) => kind === "row");
  return rows.map(([name]) => `let ${name} = f32(${name}_[min(row, p.rows - 1u)]);`).join("\n");
}

/** The inputs that the expressions use, at element i, the j-th of the row. */
function loads(inputs: RowsOptions["inputs"], expressions: readonly string[]): string {
  const used = Object.entries(inputs).filter(
    ([name, kind]) =>
      kind !== "row" && expressions.some((e) => new RegExp(`\\b${name}\\b`).test(e)),
  );
  return used
    .map(([name, kind]) => `let ${name} = T(${name}_[${kind === "column" ? "j" : "i"}]);`)
    .join(" ");
}

function passText(
  { folds, after = "" }: RowPass,
  inputs: RowsOptions["inputs"],
  shared: number,
  joined: (kind: "sum" | "max", value: string) => string,
): string {
  const entries = Object.entries(folds);
  const combine = (kind: "sum" | "max", a: string, b: string) =>
    kind === "sum" ? `${a} + ${b}` : `max(${a}, ${b})`;
  const walk = `${entries.map(([name, [kind]]) => `var ${name}Sofar = ${kind === "sum" ? "T()" : "T(p.least)"};`).join(" ")}
for (var j = lane; j < end; j += ${shared}u) {
  let i = base + j * p.inner;
  ${loads(
    inputs,
    entries.map(([, [, value]]) => value),
  )}
  ${entries.map(([name, [kind, value]]) => `${name}Sofar = ${combine(kind, `${name}Sofar`, `(${value})`)};`).join(" ")}
}`;
  const own = (name: string, kind: "sum" | "max") => joined(kind, `${name}Sofar`);
  if (shared === 1) {
    return `${walk}
${entries.map(([name, [kind]]) => `let ${name} = ${own(name, kind)};`).join(" ")}
${after}`;
  }
  const at = (name: string, index: string) => `${name}Parts[${index}]`;
  const fold2 = ([name, [kind]]: (typeof entries)[number]) =>
    `${at(name, "lid.x")} = ${combine(kind, at(name, "lid.x"), at(name, "lid.x + half"))};`;
  return `${walk}
${entries.map(([name, [kind]]) => `${at(name, "lid.x")} = ${own(name, kind)};`).join(" ")}
workgroupBarrier();
for (var half = ${shared / 2}u; half > 0u; half /= 2u) {
  if (lane < half) { ${entries.map(fold2).join(" ")} }
  workgroupBarrier();
}
${entries.map(([name]) => `let ${name} = ${at(name, "lid.x - lane")};`).join(" ")}
${after}`;
}

function eachText(
  each: Readonly<Record<string, string>>,
  inputs: RowsOptions["inputs"],
  shared: number,
  typed: (name: string) => string,
): string {
  const entries = Object.entries(each);
  if (entries.length === 0) return "";
  return `for (var j = lane; j < end; j += ${shared}u) {
  let i = base + j * p.inner;
  ${loads(inputs, Object.values(each))}
  ${entries.map(([name, value]) => `${name}_[i] = ${typed(name)}(${value});`).join(" ")}
}`;
}
