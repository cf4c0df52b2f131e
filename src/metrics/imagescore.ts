/** One score per image from its anomaly map: the mean of the largest pixels, or the largest. */
import { LoupeError } from "../error.ts";
import { checkFinite, type FloatArray } from "./pixels.ts";

const bins = 2048;

/**
 * Mean of the `max(1, trunc(ratio * n))` largest values of a map of n pixels; ratio 0 gives the maximum.
 * Throws `config`, `data` or `numeric`.
 */
export function topFractionMean(map: FloatArray, ratio: number): number {
  if (!(ratio >= 0 && ratio <= 1)) {
    throw new LoupeError("config", `topFractionMean: ratio must be from 0 to 1, got ${ratio}`);
  }
  if (map.length === 0) throw new LoupeError("data", "topFractionMean: the map has no pixels");
  checkFinite("topFractionMean", [map]);
  // reference: takes 0 pixels of a map under 1/ratio pixels, and so NaN
  const k = Math.max(1, Math.trunc(ratio * map.length));
  const largest = atLeastLargest(map, k).sort();
  let sum = 0;
  for (const value of largest.subarray(largest.length - k)) sum += value;
  return sum / k;
}

/** The k largest values and a few more: everything in the bins of the value range that hold them. */
function atLeastLargest(map: FloatArray, k: number): Float64Array {
  const [min, max] = range(map);
  const scale = (bins - 1) / (max - min);
  // A range of 0, or too small or large for a quotient: sort everything.
  if (!(scale > 0 && scale < Number.MAX_VALUE)) return Float64Array.from(map);
  const counts = new Uint32Array(bins);
  for (let i = 0; i < map.length; i++) counts[Math.trunc((map[i]! - min) * scale)]!++;
  let bin = bins - 1;
  let held = counts[bin]!;
  while (held < k) held += counts[--bin]!;
  const values = new Float64Array(held);
  let at = 0;
  for (let i = 0; i < map.length; i++) {
    if (Math.trunc((map[i]! - min) * scale) >= bin) values[at++] = map[i]!;
  }
  return values;
}

function range(map: FloatArray): [number, number] {
  let min = map[0]!;
  let max = min;
  for (let i = 1; i < map.length; i++) {
    if (map[i]! < min) min = map[i]!;
    if (map[i]! > max) max = map[i]!;
  }
  return [min, max];
}
