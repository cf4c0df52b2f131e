/**
 * What a kernel is before a GPU sees it: pure data. Shapes and dtypes go in, shader text, bindings, grid and the values
 * of its parameters come out, so that every kernel can be read and tested without an adapter.
 *
 * Sizes are parameters, not text: one shader serves every shape, so a first step compiles few pipelines.
 */
import { LoupeError } from "../error.ts";

/** Element types on the GPU. There are no stored booleans: comparisons give 0 and 1. */
export type DType = "f32" | "i32" | "u32" | "f16";

/** Bytes of one element. */
export const bytesOf: Readonly<Record<DType, number>> = { f32: 4, i32: 4, u32: 4, f16: 2 };

/** How many workgroups one axis of a dispatch may have, on every adapter. */
export const maxGridAxis = 65_535;

/** Bytes of parameters that one launch may have. */
export const maxParamBytes = 256;

export type Grid = readonly [number, number, number];
export type Access = "read" | "write";
/** Parameter values; their type is in the shader text. */
export type ParamType = "u32" | "i32" | "f32";

/** One launch of one shader, as data. */
export interface KernelSpec {
  /** The op as a reader of an error should see it, for example `conv2d`. */
  readonly name: string;
  /** Complete WGSL. Two specs with the same text share a pipeline. */
  readonly code: string;
  /** Storage buffers in the order of their bindings: inputs, then outputs. */
  readonly access: readonly Access[];
  /** Workgroups to launch. */
  readonly grid: Grid;
  /** Bytes of the parameter block (binding after the buffers); absent when there are no parameters. */
  readonly params?: Uint8Array<ArrayBuffer>;
  /** True when the text needs `shader-f16`. */
  readonly f16: boolean;
  /** True when the text needs `subgroups`. */
  readonly subgroups: boolean;
}

/** One storage buffer of a kernel: its name in the shader and its element type. */
export interface Buffer {
  readonly name: string;
  readonly type: string;
}

/** What `kernel` puts together. */
export interface KernelParts {
  readonly name: string;
  readonly inputs: readonly Buffer[];
  readonly outputs: readonly Buffer[];
  /** Read in the shader as `p.<name>`. */
  readonly params?: Readonly<Record<string, readonly [ParamType, number]>>;
  /** Functions and constants in front of `main`. */
  readonly head?: string;
  readonly workgroup: readonly [number, number?, number?];
  readonly grid: Grid;
  /** Uses subgroups of eight or more threads; the body then knows `sg`, the thread's number in its subgroup. */
  readonly subgroups?: boolean;
  /** Language extensions of its own, for `enable`. */
  readonly enable?: readonly string[];
  /** Parameters of `main` of its own, for example `@builtin(subgroup_id) sub: u32`. */
  readonly builtins?: readonly string[];
  /** Attributes of `main` of its own, for example `@subgroup_size(32)`. */
  readonly attributes?: string;
  /** Body of `main`. Knows `wid`, `lid`, `nwg` (vec3u) and `flat` (workgroup counted over a folded grid). */
  readonly body: string;
}

/** Builds the complete shader and its launch from the parts. */
export function kernel(parts: KernelParts): KernelSpec {
  const { name, inputs, outputs, workgroup, grid, body } = parts;
  checkGrid(name, grid);
  const fields = Object.entries(parts.params ?? {});
  const buffers = [
    ...inputs.map((b) => ({ ...b, mode: "read" })),
    ...outputs.map((b) => ({ ...b, mode: "read_write" })),
  ];
  const f16 = buffers.some((b) => /\bf16\b|vec\dh/.test(b.type)) || /\bf16\b/.test(body);
  const code = [
    f16 ? "enable f16;" : "",
    parts.subgroups ? "enable subgroups;" : "",
    ...(parts.enable ?? []).map((extension) => `enable ${extension};`),
    fields.length ? `struct Params { ${fields.map(([n, [t]]) => `${n}: ${t}`).join(", ")} }` : "",
    ...buffers.map(
      (b, i) => `@group(0) @binding(${i}) var<storage, ${b.mode}> ${b.name}: array<${b.type}>;`,
    ),
    fields.length ? `@group(0) @binding(${buffers.length}) var<uniform> p: Params;` : "",
    parts.head ?? "",
    `@compute @workgroup_size(${workgroup.join(", ")})${parts.attributes ? ` ${parts.attributes}` : ""}`,
    "fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_id) lid: vec3u,",
    ...(parts.builtins ?? []).map((builtin) => `        ${builtin},`),
    `        ${parts.subgroups ? "@builtin(subgroup_invocation_id) sg: u32, " : ""}@builtin(num_workgroups) nwg: vec3u) {`,
    /\bflat\b/.test(body) ? "let flat = wid.x + wid.y * nwg.x;" : "",
    body,
    "}",
  ];
  return {
    name,
    code: code.filter((line) => line !== "").join("\n"),
    access: [...inputs.map(() => "read" as const), ...outputs.map(() => "write" as const)],
    grid,
    f16,
    subgroups: parts.subgroups ?? false,
    ...(fields.length ? { params: packParams(name, fields) } : {}),
  };
}

function packParams(
  name: string,
  fields: readonly (readonly [string, readonly [ParamType, number]])[],
): Uint8Array<ArrayBuffer> {
  const bytes = new ArrayBuffer(Math.ceil((fields.length * 4) / 16) * 16);
  if (bytes.byteLength > maxParamBytes) {
    const text = `${fields.length} parameters, room is for ${maxParamBytes / 4}`;
    throw new LoupeError("shape", `${name}: ${text}; use tensors of fewer axes`);
  }
  const view = new DataView(bytes);
  fields.forEach(([field, [type, value]], i) => {
    if (type !== "f32" && !Number.isInteger(value)) {
      throw new LoupeError("shape", `${name}: parameter ${field} must be an integer, got ${value}`);
    }
    if (type === "f32") view.setFloat32(i * 4, value, true);
    else if (type === "i32") view.setInt32(i * 4, value, true);
    else view.setUint32(i * 4, value, true);
  });
  return new Uint8Array(bytes);
}

/** A flat number of workgroups as a grid, folded into y where one axis is too short. `flat` undoes it. */
export function fold(workgroups: number): Grid {
  const count = Math.max(1, workgroups);
  if (count <= maxGridAxis) return [count, 1, 1];
  const x = Math.ceil(Math.sqrt(count));
  return [x, Math.ceil(count / x), 1];
}

function checkGrid(name: string, grid: Grid): void {
  if (grid.every((n) => Number.isInteger(n) && n >= 1 && n <= maxGridAxis)) return;
  const text = grid.join(" × ");
  throw new LoupeError(
    "memory",
    `${name}: grid of ${text} workgroups is outside 1…${maxGridAxis} per axis; lower the batch or image size`,
  );
}

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** Repeats a line of shader text with its index: unrolling, done by the host. */
export function unroll(n: number, line: (i: number) => string): string {
  return Array.from({ length: n }, (_, i) => line(i)).join("\n");
}
