/**
 * Compares numbers with a stored answer: |got - want| <= atol + rtol * |want|, element by element or, for an answer stored
 * as sums, on the sums with the tolerance that its elements could use up together. Not-a-number never passes unless wanted.
 */
import { rnd } from "../golden.ts";
import type { Expected, Stats, Tolerance } from "./fixtures.ts";

/** Answers are stored with 9 digits; a tolerance of 0 stays exact, float32 neighbours being 6e-8 apart. */
const rounding = 6e-9;

/** Throws an error that names the worst element (index, got, expected) unless `actual` is close to `expected`. */
export function closeTo(
  actual: ArrayLike<number>,
  expected: Expected | ArrayLike<number>,
  tolerance: Tolerance,
): void {
  if (!("dtype" in expected)) {
    compare("value", actual, expected, undefined, tolerance);
  } else if (expected.data) {
    compare(expected.name, actual, expected.data, expected.shape, tolerance);
  } else if (expected.stats) {
    compareSums(expected.name, actual, expected.shape, expected.stats, tolerance);
  } else {
    throw new Error(`${expected.name}: nothing is stored to compare with`);
  }
}

function compare(
  name: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  shape: readonly number[] | undefined,
  { rtol, atol }: Tolerance,
): void {
  sameLength(name, actual.length, expected.length);
  let worst = -1;
  let excess = 0;
  let wrong = 0;
  for (let i = 0; i < expected.length; i++) {
    const want = expected[i]!;
    const tol = atol + (rtol + rounding) * Math.abs(want);
    if (within(actual[i]!, want, tol)) continue;
    wrong++;
    const error = Math.abs(actual[i]! - want) / tol;
    // not-a-number is worse than any number, and the first of equals is shown
    const rank = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
    if (worst < 0 || rank > excess) [worst, excess] = [i, rank];
  }
  if (worst < 0) return;
  const at = shape && shape.length > 1 ? ` at [${unravel(worst, shape).join(", ")}]` : "";
  throw new Error(
    `${name}[${worst}]${at}: got ${actual[worst]}, expected ${expected[worst]}` +
      ` (${wrong} of ${expected.length} wrong; rtol ${rtol}, atol ${atol})`,
  );
}

function compareSums(
  name: string,
  actual: ArrayLike<number>,
  shape: readonly number[],
  stats: Stats,
  tolerance: Tolerance,
): void {
  const n = shape.reduce((a, b) => a * b, 1);
  sameLength(name, actual.length, n);
  const values = Float64Array.from(actual);
  const { first, last } = stats;
  compare(`${name}, first values`, values.subarray(0, first.length), first, undefined, tolerance);
  compare(`${name}, last values`, values.subarray(n - last.length), last, undefined, tolerance);
  const weights = rnd(stats.seed, [n]).map(Math.fround);
  const rtol = tolerance.rtol + rounding;
  const { atol } = tolerance;
  const linear = n * atol + rtol * stats.absSum;
  // the sum of 2 |x| t + t^2 with t = atol + rtol |x|
  const crossed = 2 * atol * (1 + rtol) * stats.absSum;
  const squares = crossed + rtol * (2 + rtol) * stats.sqSum + n * atol ** 2;
  sumClose(name, "sum", total(values), stats.sum, linear);
  sumClose(name, "absSum", total(values.map(Math.abs)), stats.absSum, linear);
  sumClose(name, "sqSum", total(values.map((x) => x * x)), stats.sqSum, squares);
  sumClose(name, "dot", total(values.map((x, i) => x * weights[i]!)), stats.dot, linear);
}

function sumClose(name: string, which: string, got: number, want: number, tol: number): void {
  if (within(got, want, tol)) return;
  throw new Error(`${name}, ${which}: got ${got}, expected ${want} (tolerance ${tol})`);
}

function within(got: number, want: number, tol: number): boolean {
  if (Number.isNaN(want)) return Number.isNaN(got);
  if (!Number.isFinite(want)) return got === want;
  return Math.abs(got - want) <= tol;
}

function sameLength(name: string, got: number, want: number): void {
  if (got !== want) throw new Error(`${name}: got ${got} values, expected ${want}`);
}

const total = (values: Float64Array) => values.reduce((a, b) => a + b, 0);

function unravel(flat: number, shape: readonly number[]): number[] {
  const at: number[] = [];
  let rest = flat;
  for (const size of shape.toReversed()) {
    at.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return at;
}
