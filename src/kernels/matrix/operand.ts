/**
 * Read hooks of a matrix product: where an operand's elements lie in a buffer. The body knows only tiles; an operand says, for
 * the line and column of a tile, whether there is an element and at which offset.
 *
 * Text of an operand may use: `outer` and `inner` (indices of the line and along it; memory runs along `inner`), `kTo` (end of the
 * summed axis), `spot` (what its table holds for the line), and what `begin` declared.
 */

/** Halves that one load brings. */
export type LoadWidth = 1 | 4 | 8;

/** A table with one entry for each line of the tile: what is costly to compute and the same along the line. */
export interface Spots {
  /** Statements; know `q`, the line's index. */
  readonly code: string;
  /** Expression of the entry, a `vec4<i32>`. */
  readonly value: string;
}

export interface Operand {
  /** The buffer's name in the shader. */
  readonly buffer: string;
  /** Memory runs along the summed axis. */
  readonly alongK: boolean;
  readonly width: LoadWidth;
  /** Once a thread, before the first block. */
  readonly begin?: string;
  /** Once a thread and block, before its loads. */
  readonly ready?: string;
  /** Once a thread and block, when `inner` has moved on. */
  readonly advance?: string;
  readonly spots?: Spots;
  /** Is there an element? Then at `at`, a multiple of the width. One condition: `&&` would branch at each part. */
  readonly ok: string;
  readonly at: string;
}

/** The widest load for rows of these lengths (and offsets). */
export function widthOf(...lengths: readonly number[]): LoadWidth {
  const all = (n: number) => lengths.every((length) => length % n === 0);
  return all(8) ? 8 : all(4) ? 4 : 1;
}

/** The WGSL type of one load. Eight halves come as four words. */
export function loadType(width: LoadWidth): string {
  return width === 8 ? "vec4<u32>" : width === 4 ? "vec4<f16>" : "f16";
}

export interface Dense {
  readonly buffer: string;
  readonly alongK: boolean;
  readonly width: LoadWidth;
  /** Offset of the first element. */
  readonly base: string;
  /** Number of lines or `kTo`, and of elements along a line. */
  readonly outerEnd: string;
  readonly innerEnd: string;
  /** Elements from line to line. */
  readonly pitch: string;
}

/** A matrix in memory. */
export function dense({ outerEnd, innerEnd, base, pitch, ...rest }: Dense): Operand {
  return {
    ...rest,
    ok: `(outer < ${outerEnd}) & (inner < ${innerEnd})`,
    at: `${base} + outer * ${pitch} + inner`,
  };
}

export interface Window {
  readonly buffer: string;
  readonly alongK: boolean;
  readonly width: LoadWidth;
  /** Prefix of its variables. */
  readonly prefix: string;
  /** Size of the image, expressions. */
  readonly height: string;
  readonly rowLength: string;
  readonly channels: string;
  /** Taps in a row of the window. */
  readonly taps: string;
  /** Pixels from tap to tap, i32. */
  readonly stepY: string;
  readonly stepX: string;
  /** Entries `(y, x, offset of that pixel, anything)` of the window's first tap; `y` far below zero where there is none. */
  readonly spots: Spots;
  /** End along `inner`: tap row, tap and channel, channel fastest. */
  readonly innerEnd: string;
}

/** An image read through a moving window: element (pixel, tap) without writing the unfolded matrix. */
export function windowed(w: Window): Operand {
  const [c, i, j] = ["c", "i", "j"].map((name) => `${w.prefix}_${name}`);
  const moved = `let ${w.prefix}_dy = i32(${i}) * ${w.stepY}; let ${w.prefix}_dx = i32(${j}) * ${w.stepX};
let ${w.prefix}_tap = (${w.prefix}_dy * i32(${w.rowLength}) + ${w.prefix}_dx) * i32(${w.channels}) + i32(${c});`;
  const start = `var ${c} = ${w.prefix}_inner % ${w.channels};
var ${j} = ${w.prefix}_inner / ${w.channels} % ${w.taps};
var ${i} = ${w.prefix}_inner / ${w.channels} / ${w.taps};`;
  const next = (step: string) => `${c} += ${step};
while (${c} >= ${w.channels}) { ${c} -= ${w.channels}; ${j}++; if (${j} == ${w.taps}) { ${j} = 0u; ${i}++; } }`;
  return {
    buffer: w.buffer,
    alongK: w.alongK,
    width: w.width,
    spots: w.spots,
    ...(w.alongK
      ? { begin: start, ready: moved, advance: next("block") }
      : { begin: `${start}\n${moved}` }),
    ok: `(inner < ${w.innerEnd}) & (u32(spot.x + ${w.prefix}_dy) < ${w.height}) & (u32(spot.y + ${w.prefix}_dx) < ${w.rowLength})`,
    at: `u32(spot.z + ${w.prefix}_tap)`,
  };
}
