/**
 * An operand's way from its buffer into workgroup memory: which part of a tile a thread carries, the loads of the next block
 * into registers while this one is multiplied, and the stores. Whatever lies outside the operand becomes zero here, so that matrix
 * loads never meet an edge (they would silently read, or overwrite, the start of the memory).
 */
import { unroll } from "../spec.ts";
import type { MatrixUnit, Packing, Staged } from "./dialect.ts";
import { loadType, type Operand } from "./operand.ts";
import { type MatrixTile, type Stage, stageOf } from "./tile.ts";

/** Text of one operand's staging. */
export interface Staging extends Staged {
  /** Entries of the table of spots. */
  readonly spots: number;
  readonly declare: string;
  readonly begin: string;
  readonly firstSpots: string;
  /** Loads block `k`. */
  readonly fetch: string;
  /** Puts what was loaded into workgroup memory. */
  readonly store: string;
  /** Moves on to the next block; `k` has moved already. */
  readonly advance: string;
  /** Spots of the block after `k`. */
  readonly nextSpots: string;
}

/** How a tile is dealt out to threads. */
export interface Deal {
  /** Loads that make up one line. */
  readonly perLine: number;
  /** Lines that all threads together load at once. */
  readonly lines: number;
  /** Loads of one thread. */
  readonly slots: number;
}

export function dealOf(stage: Stage, width: number, threads: number): Deal {
  const perLine = stage.line / width;
  const lines = threads / perLine;
  return { perLine, lines, slots: stage.lines / lines };
}

/** Halves of one staged element: no more than a load brings. */
export function packingOf(width: number, packing: Packing): Packing {
  return width === 1 ? 1 : width === 4 && packing === 8 ? 4 : packing;
}

/** Entries of a table of spots: one a line, or, with lines of the summed axis, two blocks: one is read while the next is made. */
export function spotsOf(alongK: boolean, stage: Stage): number {
  return stage.lines * (alongK ? 1 : 2);
}

export function staging(
  x: "a" | "b",
  operand: Operand,
  tile: MatrixTile,
  unit: MatrixUnit,
): Staging {
  const { alongK, width } = operand;
  const stage = stageOf(alongK, x === "a" ? "m" : "n", tile);
  const threads = tile.rows * tile.columns * unit.subgroupSize;
  const packing = packingOf(width, unit.packing);
  const { perLine, lines, slots } = dealOf(stage, width, threads);
  const name = `stage_${x}`;
  const first = x === "a" ? "m0" : "n0";
  const spots = operand.spots ? spotsOf(alongK, stage) : 0;
  const type = loadType(width);
  const parts = {
    declare: [
      `var<workgroup> ${name}: array<${stagedType(packing)}, ${stage.size / packing}>;`,
      spots ? `var<workgroup> ${x}_spots: array<vec4<i32>, ${spots}>;` : "",
    ],
    begin: [
      `let ${x}_line = lid.x / ${perLine}u; let ${x}_column = lid.x % ${perLine}u * ${width}u;`,
      `let ${x}_at = (${x}_line * ${stage.pitch}u + ${x}_column) / ${packing}u;`,
      alongK ? `var ${x}_inner = kFrom + ${x}_column;` : `let ${x}_inner = ${first} + ${x}_column;`,
      operand.begin ?? "",
      unroll(slots, (s) => `var ${x}_${s} = ${type}();`),
    ],
    fetch: [
      "{",
      operand.ready ?? "",
      unroll(slots, (s) => slotLoad(x, operand, s, s * lines, first)),
      "}",
    ],
    advance: [alongK ? `${x}_inner += block;` : "", operand.advance ?? ""],
  };
  return {
    name,
    stage,
    packing,
    alongK,
    spots,
    declare: linesOf(parts.declare),
    begin: linesOf(parts.begin),
    firstSpots: spots ? firstSpots(x, operand, stage.lines, threads, first) : "",
    fetch: linesOf(parts.fetch),
    store: unroll(slots, (s) => {
      const offset = (s * lines * stage.pitch) / packing;
      const flip = tile.stages === 2 ? ` + flip * ${stage.block / packing}u` : "";
      return put(`${name}[${x}_at + ${offset}u${flip}`, `${x}_${s}`, width, packing);
    }),
    advance: linesOf(parts.advance),
    nextSpots:
      spots && !alongK
        ? `if (lid.x < ${stage.lines}u) { ${spot(x, operand, "k + block + lid.x", "block - turn + lid.x")} }`
        : "",
  };
}

function linesOf(parts: readonly string[]): string {
  return parts.filter((line) => line !== "").join("\n");
}

export function stagedType(packing: Packing): string {
  return packing === 1 ? "f16" : packing === 4 ? "vec4<f16>" : "vec4<u32>";
}

function slotLoad(x: string, o: Operand, slot: number, line: number, first: string): string {
  const entry = o.alongK ? "line" : "turn + line";
  return `{ let line = ${x}_line + ${line}u; let outer = ${o.alongK ? first : "k"} + line; let inner = ${x}_inner;
${o.spots ? `let spot = ${x}_spots[${entry}];\n` : ""}${x}_${slot} = ${loadType(o.width)}();
if (${o.ok}) { ${x}_${slot} = ${o.buffer}[${o.width === 1 ? o.at : `(${o.at}) / ${o.width}u`}]; } }`;
}

function spot(x: string, { spots }: Operand, index: string, entry: string): string {
  return `let q = ${index}; ${spots?.code}
${x}_spots[${entry}] = ${spots?.value};`;
}

/** The whole table, or its first two blocks. */
function firstSpots(x: string, o: Operand, lines: number, threads: number, first: string): string {
  if (o.alongK) {
    return `for (var i = lid.x; i < ${lines}u; i += ${threads}u) { ${spot(x, o, `${first} + i`, "i")} }`;
  }
  return `for (var i = lid.x; i < ${2 * lines}u; i += ${threads}u) { ${spot(x, o, "kFrom + i", "i")} }`;
}

/** Stores one load. `at`: the element up to its closing bracket. */
function put(at: string, value: string, width: number, packing: Packing): string {
  if (width === packing) return `${at}] = ${value};`;
  const halves = (part: string) =>
    packing === 4
      ? [`bitcast<vec4<f16>>(${part})`]
      : [0, 1, 2, 3].map((q) => `bitcast<vec4<f16>>(${part})[${q}]`);
  const elements =
    width === 8
      ? [...halves(`${value}.xy`), ...halves(`${value}.zw`)]
      : [0, 1, 2, 3].map((q) => `${value}[${q}]`);
  return elements.map((element, i) => `${at} + ${i}u] = ${element};`).join(" ");
}
