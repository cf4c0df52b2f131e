/** The definitions of the metrics, word for word and in O(n^2): slow, short, and sharing no code with what they check. */

export const thresholdsOf = (scores: readonly number[]) =>
  [...new Set(scores.map((s) => s + 0))].sort((a, b) => b - a);

/** Share of (abnormal, normal) pairs ranked rightly; a tie is half a pair. */
export function aurocByPairs(labels: readonly number[], scores: readonly number[]): number {
  let sum = 0;
  let pairs = 0;
  for (const [i, p] of scores.entries()) {
    for (const [j, n] of scores.entries()) {
      if (labels[i] !== 1 || labels[j] !== 0) continue;
      pairs++;
      sum += p > n ? 1 : p === n ? 0.5 : 0;
    }
  }
  return sum / pairs;
}

/** TP and number called abnormal at `score >= t`. */
export function calledAt(labels: readonly number[], scores: readonly number[], t: number) {
  const called = labels.filter((_, i) => scores[i]! >= t);
  return { tp: called.filter((y) => y === 1).length, called: called.length };
}

export function apByThresholds(labels: readonly number[], scores: readonly number[]): number {
  const positives = labels.filter((y) => y === 1).length;
  let recall = 0;
  let ap = 0;
  for (const t of thresholdsOf(scores)) {
    const { tp, called } = calledAt(labels, scores, t);
    ap += (tp / positives - recall) * (tp / called);
    recall = tp / positives;
  }
  return ap;
}

/** The best F1 and, of the thresholds that reach it, the lowest. */
export function f1ByThresholds(labels: readonly number[], scores: readonly number[]) {
  const positives = labels.filter((y) => y === 1).length;
  let best = { f1: 0, threshold: Number.NaN };
  for (const t of thresholdsOf(scores)) {
    const { tp, called } = calledAt(labels, scores, t);
    const f1 = (2 * tp) / (called + positives);
    if (tp > 0 && f1 >= best.f1) best = { f1, threshold: t };
  }
  return best;
}

/** Labels by flood fill, numbered in raster order of the first pixel. */
export function labelsByFlood(
  mask: readonly number[],
  width: number,
  connectivity: 4 | 8,
): number[] {
  const labels = mask.map(() => 0);
  const height = mask.length / width;
  let count = 0;
  for (const start of mask.keys()) {
    if (mask[start] === 0 || labels[start] !== 0) continue;
    labels[start] = ++count;
    for (const stack = [start]; stack.length > 0; ) {
      const at = stack.pop()!;
      const x = at % width;
      const y = (at - x) / width;
      for (let dy = -1; dy <= 1; dy++) {
        for (let dx = -1; dx <= 1; dx++) {
          const to = (y + dy) * width + x + dx;
          const inside = x + dx >= 0 && x + dx < width && y + dy >= 0 && y + dy < height;
          if (!inside || (connectivity === 4 && dx * dy !== 0)) continue;
          if (mask[to] === 0 || labels[to] !== 0) continue;
          labels[to] = count;
          stack.push(to);
        }
      }
    }
  }
  return labels;
}

export interface BruteMaps {
  readonly maps: readonly (readonly number[])[];
  readonly masks: readonly (readonly number[])[];
  readonly width: number;
}

/** Mean region overlap and false-positive rate where `called(value)`. */
export function overlapAt(
  { maps, masks, width }: BruteMaps,
  connectivity: 4 | 8,
  called: (value: number) => boolean,
): { pro: number; fpr: number } {
  const overlaps: number[] = [];
  let normal = 0;
  let wrong = 0;
  for (const [i, map] of maps.entries()) {
    const labels = labelsByFlood(masks[i]!, width, connectivity);
    for (let r = 1; r <= Math.max(...labels); r++) {
      const region = map.filter((_, p) => labels[p] === r);
      overlaps.push(region.filter(called).length / region.length);
    }
    const background = map.filter((_, p) => labels[p] === 0);
    normal += background.length;
    wrong += background.filter(called).length;
  }
  return { pro: overlaps.reduce((a, b) => a + b, 0) / overlaps.length, fpr: wrong / normal };
}

/** AUPRO from the points at every distinct score, cut at the limit by linear interpolation. */
export function auproByThresholds(input: BruteMaps, limit: number, connectivity: 4 | 8): number {
  let area = 0;
  let last = { pro: 0, fpr: 0 };
  for (const t of thresholdsOf(input.maps.flat())) {
    const point = overlapAt(input, connectivity, (v) => v >= t);
    if (point.fpr > limit) {
      const part = (limit - last.fpr) / (point.fpr - last.fpr);
      const pro = last.pro + part * (point.pro - last.pro);
      return (area + ((limit - last.fpr) * (last.pro + pro)) / 2) / limit;
    }
    area += ((point.fpr - last.fpr) * (last.pro + point.pro)) / 2;
    last = point;
  }
  return area / limit;
}
