/**
 * Sort once, share the order: AUROC, average precision, F1 and AUPRO all read the same descending sequence of scores.
 * Scores become integers that order like the floats (sign flipped, negatives complemented), so a radix sort of typed
 * arrays ranks millions of pixels without comparing or boxing numbers, and equal keys are exactly the tied scores.
 */
import type { FloatArray } from "./pixels.ts";

/** Scores in ascending order, each with the region it belongs to. */
export interface Ranking {
  readonly size: number;
  /** Per score, ascending: 0 for normal, otherwise the region (1 where regions don't matter). */
  readonly owners: Uint32Array;
  /** Upper 32 bits of the sort keys, ascending. */
  readonly high: Uint32Array;
  /** Lower 32 bits; absent for float32 scores. */
  readonly low: Uint32Array | undefined;
}

const signBit = 0x80000000;
const digitBits = 11;
const digits = 1 << digitBits;
/** Which half of a float64 holds the sign: 1 on little-endian machines. */
const upperWord = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 1 : 0;

/** Ranks the concatenated `chunks`; `owners` names the region of each score. All scores must be finite. */
export function rank(chunks: readonly FloatArray[], owners: Uint32Array): Ranking {
  const size = owners.length;
  if (chunks.every((c) => c instanceof Float32Array)) {
    const high = new Uint32Array(size);
    fill(chunks, (chunk, at) => floatKeys(chunk as Float32Array, high.subarray(at)));
    const [sorted, order] = radixSort([high], owners.slice());
    return { size, high: sorted[0]!, low: undefined, owners: order };
  }
  const high = new Uint32Array(size);
  const low = new Uint32Array(size);
  fill(chunks, (chunk, at) => doubleKeys(chunk, low.subarray(at), high.subarray(at)));
  const [sorted, order] = radixSort([low, high], owners.slice());
  return { size, high: sorted[1]!, low: sorted[0]!, owners: order };
}

/** First position of the run of tied scores that ends just before `end`. */
export function tieStart(ranking: Ranking, end: number): number {
  const { high, low } = ranking;
  let start = end - 1;
  const h = high[start]!;
  if (low === undefined) {
    while (start > 0 && high[start - 1] === h) start--;
    return start;
  }
  const l = low[start]!;
  while (start > 0 && high[start - 1] === h && low[start - 1] === l) start--;
  return start;
}

/** The score at a position of the ascending order. */
export function scoreAt(ranking: Ranking, position: number): number {
  const high = unflip(ranking.high[position]!);
  if (ranking.low === undefined) return new Float32Array(new Uint32Array([high]).buffer)[0]!;
  const negative = high >>> 31 === 1;
  const words = new Uint32Array(2);
  words[upperWord] = high;
  words[1 - upperWord] = negative ? ~ranking.low[position]! : ranking.low[position]!;
  return new Float64Array(words.buffer)[0]!;
}

function fill(chunks: readonly FloatArray[], write: (chunk: FloatArray, at: number) => void): void {
  let at = 0;
  for (const chunk of chunks) {
    write(chunk, at);
    at += chunk.length;
  }
}

function floatKeys(values: Float32Array, high: Uint32Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    // -0 ties with 0.
    const b = bits[i] === signBit ? 0 : bits[i]!;
    high[i] = b & signBit ? ~b : b | signBit;
  }
}

function doubleKeys(values: FloatArray, low: Uint32Array, high: Uint32Array): void {
  const doubles = values instanceof Float64Array ? values : Float64Array.from(values);
  const words = new Uint32Array(doubles.buffer, doubles.byteOffset, doubles.length * 2);
  for (let i = 0; i < doubles.length; i++) {
    const l = words[2 * i + 1 - upperWord]!;
    const bits = words[2 * i + upperWord]!;
    const h = bits === signBit && l === 0 ? 0 : bits;
    const negative = (h & signBit) !== 0;
    high[i] = negative ? ~h : h | signBit;
    low[i] = negative ? ~l : l;
  }
}

function unflip(key: number): number {
  return (key & signBit ? key ^ signBit : ~key) >>> 0;
}

/** Stable ascending sort by `lanes` (least significant first); the arrays given are used up. */
function radixSort(lanes: Uint32Array[], owners: Uint32Array): [Uint32Array[], Uint32Array] {
  const all = [...lanes, owners];
  const size = owners.length;
  const target = new Uint32Array(size);
  let spare: Uint32Array = new Uint32Array(size);
  for (let lane = 0; lane < lanes.length; lane++) {
    for (let shift = 0; shift < 32; shift += digitBits) {
      if (!placeByDigit(all[lane]!, shift, target)) continue;
      for (let k = 0; k < all.length; k++) {
        const from = all[k]!;
        for (let i = 0; i < size; i++) spare[target[i]!] = from[i]!;
        all[k] = spare;
        spare = from;
      }
    }
  }
  return [all.slice(0, lanes.length), all[lanes.length]!];
}

/** Where each element goes when sorted by one digit; false if all share that digit. */
function placeByDigit(keys: Uint32Array, shift: number, target: Uint32Array): boolean {
  const next = new Uint32Array(digits);
  for (let i = 0; i < keys.length; i++) next[(keys[i]! >>> shift) & (digits - 1)]!++;
  let sum = 0;
  for (let d = 0; d < digits; d++) {
    const count = next[d]!;
    if (count === keys.length) return false;
    next[d] = sum;
    sum += count;
  }
  for (let i = 0; i < keys.length; i++) target[i] = next[(keys[i]! >>> shift) & (digits - 1)]!++;
  return true;
}
