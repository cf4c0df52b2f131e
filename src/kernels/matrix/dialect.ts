/**
 * How fragments are written in a shader: Dawn's two spellings, and an emulation in plain WGSL that does the same with loops over
 * workgroup memory. With the emulation any adapter runs all of a kernel but the three matrix builtins, which is how the
 * kernels are tested where there are no matrix units.
 */
import { unroll } from "../spec.ts";
import type { Fragment, MatrixDialect } from "./caps.ts";
import type { Patch, Stage } from "./tile.ts";

/** How a kernel reaches the matrix units. */
export interface MatrixUnit {
  readonly dialect: MatrixDialect;
  readonly fragment: Fragment;
  readonly subgroupSize: number;
  readonly pinned: boolean;
  /** Most halves of one element of a staged operand: one f16, four, or eight as `vec4<u32>`. */
  readonly packing: Packing;
}

export type Packing = 1 | 4 | 8;

/** A staged operand: its variable, its memory, halves of one element, and whether lines run along k. */
export interface Staged {
  readonly name: string;
  readonly stage: Stage;
  readonly packing: Packing;
  readonly alongK: boolean;
}

/** Words of one element of the patch. */
export function patchWords({ packing }: MatrixUnit): 1 | 4 {
  return packing === 1 ? 1 : 4;
}

/** Where an operand's fragments lie in workgroup memory, in halves: linear in subgroup, fragment and step along k. */
export interface Places {
  readonly subgroup: number;
  readonly fragment: number;
  readonly step: number;
  /** From one staged block to the other, where there are two: `flip` says which is multiplied. */
  readonly flip: number;
}

/** What fragments are cut from: the staged operands, how many there are, and where sums go out. */
export interface Cut {
  readonly a: Staged;
  readonly b: Staged;
  readonly left: Places;
  readonly right: Places;
  /** Fragments of a subgroup. */
  readonly down: number;
  readonly across: number;
  /** Steps along k of one block. */
  readonly steps: number;
  readonly patch: Patch;
}

/** The text of fragments in one kernel. Its statements know `sub_row`, `sub_column` and `sub`, the thread's subgroup. */
export interface FragmentText {
  readonly enable: readonly string[];
  readonly builtins: readonly string[];
  readonly attributes: string;
  /** Number of a thread's subgroup in its workgroup. */
  readonly subgroup: string;
  readonly head: string;
  /** Declares all sums, zero. */
  readonly declare: string;
  /** Adds the products of a staged block. */
  readonly multiply: string;
  /** Sums have names, so that (i, j) must be numbers; else they may be expressions too. */
  readonly named: boolean;
  /** Writes sums (i, j) into the patch of the subgroup, at a column. */
  store(i: Index, j: Index, column: number): string;
}

/** A number, or an expression of one. */
export type Index = number | string;

export function indexText(i: Index): string {
  return typeof i === "number" ? `${i}u` : i;
}

export function fragmentText(unit: MatrixUnit, cut: Cut): FragmentText {
  return unit.dialect === "emulated" ? emulated(unit, cut) : native(unit, cut);
}

function native(unit: MatrixUnit, cut: Cut): FragmentText {
  const { fragment: f, subgroupSize, pinned } = unit;
  const { a, b, down, across, patch } = cut;
  const typed = unit.dialect === "template";
  const words = patchWords(unit);
  const each = (line: (i: number, j: number) => string) =>
    unroll(down * across, (n) => line(Math.floor(n / across), n % across));
  const load = (type: string, from: Staged, rows: boolean, at: string) => {
    const stride = `${from.stage.pitch / from.packing}u`;
    return typed
      ? `subgroupMatrixLoad<${type}, ${rows ? "row_major" : "col_major"}>(&${from.name}, ${at}, ${stride})`
      : `subgroupMatrixLoad<${type}>(&${from.name}, ${at}, ${!rows}, ${stride})`;
  };
  const left = (i: number, step: number) => {
    const at = placeText(cut.left, a, "sub_row", i, step);
    return load(`subgroup_matrix_left<f16, ${f.k}, ${f.m}>`, a, a.alongK, at);
  };
  const right = (j: number, step: number) => {
    const at = placeText(cut.right, b, "sub_column", j, step);
    return load(`subgroup_matrix_right<f16, ${f.n}, ${f.k}>`, b, !b.alongK, at);
  };
  const product = (i: number, j: number) =>
    `c_${i}_${j} = subgroupMatrixMultiplyAccumulate(left_${i}, right_${j}, c_${i}_${j});`;
  return {
    enable: [
      "subgroups", // for subgroup_id only: with subgroup arithmetic some drivers crash
      "chromium_experimental_subgroup_matrix",
      ...(pinned ? ["subgroup_size_control"] : []),
    ],
    builtins: ["@builtin(subgroup_id) subgroup: u32"],
    attributes: pinned ? `@subgroup_size(${subgroupSize})` : "",
    subgroup: "subgroup",
    head: "",
    named: true,
    declare: each((i, j) => `var c_${i}_${j} = subgroup_matrix_result<f32, ${f.n}, ${f.m}>();`),
    multiply: unroll(
      cut.steps,
      (step) => `{
${unroll(down, (i) => `let left_${i} = ${left(i, step)};`)}
${unroll(across, (j) => `let right_${j} = ${right(j, step)};\n${unroll(down, (i) => product(i, j))}`)}
}`,
    ),
    store: (i, j, column) => {
      const at = `sub * ${patch.each / words}u + ${column / words}u`;
      const stride = `${patch.pitch / words}u`;
      return typed
        ? `subgroupMatrixStore<row_major>(&patch_, ${at}, c_${i}_${j}, ${stride});`
        : `subgroupMatrixStore(&patch_, ${at}, c_${i}_${j}, false, ${stride});`;
    },
  };
}

/** An offset in elements of the staged memory. */
function placeText(at: Places, s: Staged, variable: string, fragment: number, step: number) {
  const constant = fragment * at.fragment + step * at.step;
  const flip = at.flip ? ` + flip * ${at.flip / s.packing}u` : "";
  return `${variable} * ${at.subgroup / s.packing}u + ${constant / s.packing}u${flip}`;
}

/**
 * Each thread of a subgroup holds every 32nd group of four sums of each fragment. The bounds of the loops depend on a parameter
 * (`p.layers`, at least 1), or a software adapter would unroll them and compile for minutes.
 */
function emulated(unit: MatrixUnit, cut: Cut): FragmentText {
  const { fragment: f, subgroupSize } = unit;
  const { a, b, down, across, patch } = cut;
  const fours = Math.ceil((f.m * f.n) / 4 / subgroupSize);
  const per = f.n / 4;
  const words = patchWords(unit);
  const element = ({ name, stage, packing, alongK }: Staged) => {
    const [outer, inner] = alongK ? ["line", "k"] : ["k", "line"];
    return `fn ${name}_at(first: u32, line: u32, k: u32) -> f32 {
let e = first + ${outer} * ${stage.pitch}u + ${inner};
return ${halfAt(name, "e", packing)};
}`;
  };
  const place = (at: Places, variable: string, fragment: string) =>
    `${variable} * ${at.subgroup}u + ${fragment} * ${at.fragment}u + step * ${at.step}u + flip * ${at.flip}u`;
  const write =
    words === 4
      ? "patch_[at / 4u] = sums[first + t];"
      : unroll(4, (q) => `patch_[at + ${q}u] = sums[first + t][${q}];`);
  const own = `let e = lane + t * ${subgroupSize}u; let row = e / ${per}u; let column = e % ${per}u * 4u;
if (row >= ${f.m}u) { continue; }`;
  return {
    enable: [],
    builtins: [],
    attributes: "",
    subgroup: `lid.x / ${subgroupSize}u`,
    head: `var<private> sums: array<vec4<f32>, ${down * across * fours}>;
${element(a)}
${element(b)}
fn multiply(sub_row: u32, sub_column: u32, lane: u32, flip: u32) {
let one = min(p.layers, 1u);
for (var step = 0u; step < ${cut.steps}u * one; step++) {
for (var i = 0u; i < ${down}u * one; i++) {
for (var j = 0u; j < ${across}u * one; j++) {
let left = ${place(cut.left, "sub_row", "i")};
let right = ${place(cut.right, "sub_column", "j")};
for (var t = 0u; t < ${fours}u * one; t++) {
${own}
var s = sums[(i * ${across}u + j) * ${fours}u + t];
for (var k = 0u; k < ${f.k}u * one; k++) {
s += ${a.name}_at(left, row, k) * vec4<f32>(${[0, 1, 2, 3].map((q) => `${b.name}_at(right, column + ${q}u, k)`)});
}
sums[(i * ${across}u + j) * ${fours}u + t] = s;
}}}}}
fn store(first: u32, to: u32, lane: u32) {
for (var t = 0u; t < ${fours}u * min(p.layers, 1u); t++) {
${own}
let at = to + row * ${patch.pitch}u + column;
${write}
}}`,
    named: false,
    declare: "",
    multiply: `multiply(sub_row, sub_column, lid.x % ${subgroupSize}u, flip);`,
    store: (i, j, column) =>
      `store((${indexText(i)} * ${across}u + ${indexText(j)}) * ${fours}u, sub * ${patch.each}u + ${column}u, lid.x % ${subgroupSize}u);`,
  };
}

/** Element `e` (counted in halves) of a staged operand, as f32. */
function halfAt(name: string, e: string, packing: Packing): string {
  if (packing === 1) return `f32(${name}[${e}])`;
  if (packing === 4) return `f32(${name}[${e} / 4u][${e} % 4u])`;
  return `unpack2x16float(${name}[${e} / 8u][${e} / 2u % 4u])[${e} % 2u]`;
}
