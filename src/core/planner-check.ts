/**
 * Whether two ways to compute sums of products agree. Rounding errors of a sum of n terms in another order grow with √n, so what is let
 * pass is a few of them, measured against the typical size of the results; a term left out is far more.
 */
import type { HostArray, Tensor } from "./tensor.ts";

/** Numbers that were read back, and how they were stored. */
export interface Result {
  readonly values: HostArray;
  readonly dtype: Tensor["dtype"];
}

/**
 * What tells two results apart, in words; undefined where they agree within rounding. A NaN agrees with nothing.
 * @param depth products in one sum
 * @param rounding times the rounding errors of such a sum
 */
export function disagreement(
  got: Result,
  expected: Result,
  depth: number,
  rounding = 1,
): string | undefined {
  const [a, b] = [got.values, expected.values];
  if (a.length !== b.length) return `gives ${a.length} numbers instead of ${b.length}`;
  const ofSums = 4 * rounding * 2 ** -23 * Math.sqrt(Math.max(16, depth));
  const most = expected.dtype === "f16" ? ofSums + 8 * 2 ** -10 : ofSums;
  let squares = 0;
  for (const value of b) squares += value * value;
  const size = Math.sqrt(squares / b.length) || 1;
  let at = -1;
  let worst = most;
  for (let i = 0; i < b.length; i++) {
    const error = Math.abs((a[i] as number) - (b[i] as number)) / size;
    if (error <= worst) continue;
    [at, worst] = [i, error];
    if (Number.isNaN(error)) break;
  }
  if (at < 0) return undefined;
  const rule = `off by ${worst.toExponential(1)} of the typical size, rounding makes ${most.toExponential(1)} at most`;
  return `number ${at} is ${a[at]}, the plain plan says ${b[at]}: ${rule}`;
}

/** The same numbers to the bit. */
export function sameBits({ values: a }: Result, { values: b }: Result): boolean {
  const [x, y] = [wordsOf(a), wordsOf(b)];
  return x.length === y.length && x.every((word, i) => word === y[i]);
}

function wordsOf({ buffer, byteOffset, byteLength }: HostArray): Uint32Array {
  return new Uint32Array(buffer, byteOffset, byteLength / 4);
}
