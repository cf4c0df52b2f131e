/**
 * The deterministic inputs behind the golden fixtures: numbers drawn from a name instead of stored, so that the
 * fixture files hold only answers. u01(name)[i] = lowbias32((FNV-1a(name) + i * 2654435761) mod 2^32) / 2^32.
 */

/** FNV-1a, 32 bit, over the UTF-8 bytes of `name`. */
export function fnv(name: string): number {
  let hash = 2166136261;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 16777619);
  return hash >>> 0;
}

/** Integer hash "lowbias32"; input and result are taken modulo 2^32. */
export function lowbias32(x: number): number {
  let h = x >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}

/** The first `n` draws of the stream called `name`, in [0, 1). */
export function u01(name: string, n: number): Float64Array {
  const seed = fnv(name);
  return Float64Array.from({ length: n }, (_, i) => {
    return lowbias32(seed + Math.imul(i, 2654435761)) / 2 ** 32;
  });
}

/** `lo + (hi - lo) * u01(name, n)` with n the product of `shape`, row-major. */
export function rnd(name: string, shape: readonly number[], lo = -1, hi = 1): Float64Array {
  return u01(name, product(shape)).map((u) => lo + (hi - lo) * u);
}

/**
 * The value of one state_dict entry under the golden weight fill rule, in the checkpoint's own layout
 * (convolutions OIHW), every value rounded to float32.
 */
export function fillWeight(key: string, shape: readonly number[]): Float64Array {
  const n = product(shape);
  if (key.endsWith("num_batches_tracked")) return new Float64Array(n);
  return u01(key, n).map((u) => Math.fround(filled(key, shape, u)));
}

function filled(key: string, shape: readonly number[], u: number): number {
  if (shape.length === 4) return (2 * u - 1) * Math.sqrt(3 / product(shape.slice(1)));
  if (key.endsWith(".running_mean")) return 0.1 * (2 * u - 1);
  if (key.endsWith(".running_var")) return 0.5 + u;
  if (key.endsWith(".weight")) return 0.5 + 0.5 * u;
  return 0.2 * (2 * u - 1);
}

function product(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
