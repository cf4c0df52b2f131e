/** What the direct kernels share: columns of a thread, loads as f32, rows of sums handed to the write hook. */
import { elementType, type Float } from "../caps.ts";

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

/** The rows of a thread. */
export function threadRows<T>(count: number, of: (t: number) => T): T[] {
  return Array.from({ length: count }, (_, t) => of(t));
}

/** How often a thread calls `put_row`: the parameter `puts` of the kernel. */
export function putsOf(rows: number, columns: Columns): number {
  return rows * Math.max(1, columns / 4);
}

/**
 * Hands the sums `a<t>_…` of a thread's rows to `put_row`, each row if `inside` it. The loop ends at a parameter, so that it stays one in the
 * compiled shader: written out it took lavapipe seconds to compile, most of a cold start.
 */
export function putRows(
  rows: readonly { readonly row: string; readonly inside: string }[],
  columns: Columns,
  width: string,
): string {
  const groups = Math.max(1, columns / 4);
  const sums = Array.from(
    { length: groups * rows.length },
    (_, e) => `a${e % rows.length}_${Math.floor(e / rows.length)}`,
  );
  return `for (var e = 0u; e < p.puts; e++) {
  let at = column + e / ${rows.length}u * 4u;
  if (e % ${rows.length}u == 0u && at < ${width}) { columns_at(at); }
  if (${chosen(rows.map((r) => r.inside))}) {
    put_row(${chosen(rows.map((r) => r.row))}, at, ${width}, ${chosen(sums)});
  }
}`;
}

/** One of the expressions, a power of two of them, by the low bits of `e`. */
export function chosen(all: readonly string[]): string {
  if (all.length === 1) return all[0] as string;
  const half = all.length / 2;
  return `select(${chosen(all.slice(0, half))}, ${chosen(all.slice(half))}, (e & ${half}u) != 0u)`;
}

/**
 * `pixel(base, lane, w, h)`: column, row and image of pixel base + lane of images of h × w. Whole numbers are divided once for all
 * threads; what a thread adds is small, and its quotient exact in f32. (A division in every thread cost lavapipe as much as a tap.)
 */
export const pixelHead = `fn over(a: u32, b: u32) -> u32 { return u32((f32(a) + 0.5) / f32(b)); }
fn pixel(base: u32, lane: u32, w: u32, h: u32) -> vec3<u32> {
  let x = base % w + lane;
  let down = over(x, w);
  let y = base / w % h + down;
  let on = over(y, h);
  return vec3<u32>(x - down * w, y - on * h, base / w / h + on);
}`;
