/**
 * Order statistics of the numbers of many arrays together, exact and without joining or sorting them: the bits of a float
 * become a whole number of the same order, and two passes of counting, by its upper and by its lower 16 bits, find the one at a
 * given place. Memory is a few tables of 65,536 counts, however many numbers there are.
 */
import { LoupeError } from "../error.ts";

const digits = 2 ** 16;
const signBit = 2 ** 31;

/**
 * The q-quantile of all numbers, as `quantileThreshold` gives it for one array: linear between order statistics.
 * @param arrays of finite numbers
 * @param q from 0 to 1
 * @throws LoupeError `data` when there are no numbers
 */
export function quantileOf(arrays: readonly Float32Array[], q: number): number {
  const count = arrays.reduce((n, { length }) => n + length, 0);
  if (count === 0) throw new LoupeError("data", "quantileOf: there are no numbers");
  const at = q * (count - 1);
  const below = Math.floor(at);
  const uppers = countDigits(arrays);
  const lowers = new Map<number, Float64Array>();
  const numberAt = (place: number) => {
    const upper = locate(uppers, place);
    const counts = lowers.get(upper.digit) ?? countDigits(arrays, upper.digit);
    lowers.set(upper.digit, counts);
    return floatOf(upper.digit * digits + locate(counts, upper.rest).digit);
  };
  const low = numberAt(below);
  const high = at === below ? low : numberAt(below + 1);
  return low + (high - low) * (at - below);
}

/** How often each upper digit occurs; with `upper`, each lower digit among the numbers with that upper one. */
function countDigits(arrays: readonly Float32Array[], upper?: number): Float64Array {
  const counts = new Float64Array(digits);
  for (const { buffer, byteOffset, length } of arrays) {
    const bits = new Int32Array(buffer, byteOffset, length);
    for (let i = 0; i < length; i++) {
      const b = bits[i]!;
      const key = b < 0 ? ~b : b ^ signBit;
      if (upper === undefined) counts[key >>> 16]!++;
      else if (key >>> 16 === upper) counts[key & 0xffff]!++;
    }
  }
  return counts;
}

/** The digit of the number at a place of the ascending order, and its place among the numbers with that digit. */
function locate(
  counts: Float64Array,
  place: number,
): { readonly digit: number; readonly rest: number } {
  let rest = place;
  let digit = 0;
  while (rest >= counts[digit]!) rest -= counts[digit++]!;
  return { digit, rest };
}

function floatOf(key: number): number {
  const bits = key >= signBit ? key - signBit : ~key;
  return new Float32Array(Uint32Array.of(bits).buffer)[0]!;
}
