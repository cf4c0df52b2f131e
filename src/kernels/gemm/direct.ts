/** What the direct kernels share: columns of a thread, loads as f32, rows of sums handed to the write hook. */
import { elementType, type Float } from "../caps.ts";
import { unroll } from "../spec.ts";

/** Columns of a result that one thread computes. */
export type Columns = 1 | 4 | 8 | 16;

/**
 * Columns of a thread that lie in one group. Sixteen read less for each product than eight, unless too many of them lie outside
 * (so much faster it is on lavapipe: 1.3 times).
 */
export function columnsOf(channels: number, groups: number): Columns {
  const each = channels / groups;
  if (groups > 1) return each % 16 === 0 ? 16 : each % 8 === 0 ? 8 : each % 4 === 0 ? 4 : 1;
  if (each <= 4) return 4;
  const covered = (columns: number) => Math.ceil(each / columns) * columns;
  return covered(16) < 1.3 * covered(8) ? 16 : 8;
}

/** Pixels of a thread: four where each brings one number at a time, two where it brings four. */
export function pixelsOf(step: 1 | 4, columns: Columns): 2 | 4 {
  return step === 4 && columns >= 8 ? 2 : 4;
}

/** An element, or four, read as f32, and zero where `ok` is false. */
export function loadOr0(
  buffer: string,
  at: string,
  ok: string,
  dtype: Float,
  wide: boolean,
): string {
  const zero = wide ? "vec4<f32>()" : "0.0";
  const value = wide ? `${buffer}[(${at}) / 4u]` : `${buffer}[${at}]`;
  const wanted = elementType("f32", wide);
  return `select(${zero}, ${dtype === "f32" ? value : `${wanted}(${value})`}, ${ok})`;
}

/** Hands the sums `a<t>_…` of a row of `width` columns to `put`. */
export function putRow(row: string, t: number, columns: number, width: string): string {
  if (columns === 1) return `put(${row}, column, ${width}, a${t}_0);`;
  return unroll(columns / 4, (g) => `put(${row}, column + ${g * 4}u, ${width}, a${t}_${g});`);
}
