/**
 * Scores of good and defective images or pixels, counted into bins one by one, so that memory does not grow with the maps,
 * and how much both overlap: the sum over the bins of the smaller share.
 */

/** Counts of the scores of one kind, in equal bins from `low` to `high` of the distribution. */
export interface Counts {
  readonly bins: Float64Array;
  readonly total: number;
  /** How many are at or above the threshold. */
  readonly above: number;
}

/** Scores of good and of defective images or pixels. */
export interface Distribution {
  readonly low: number;
  readonly high: number;
  readonly threshold: number;
  readonly good: Counts;
  readonly defective: Counts;
}

/** Bins between the lowest and the highest score; a few more where their edges are not those scores. */
const mostBins = 64;
const fewestBins = 8;
const mostJoined = mostBins / fewestBins;

/** Counts scores as they come. `low` and `high` are those of all that will come. The threshold is an edge between bins. */
export class ScoreCounter {
  readonly #threshold: number;
  readonly #anchor: number;
  readonly #width: number;
  /** Of the first bin, counted from the anchor. */
  readonly #first: number;
  readonly #bins: readonly [Float64Array, Float64Array];
  readonly #above: [number, number] = [0, 0];

  constructor(low: number, high: number, threshold: number) {
    this.#threshold = threshold;
    this.#anchor = threshold >= low && threshold <= high ? threshold : low;
    this.#width = (high - low) / mostBins || Math.abs(low) / mostBins || 1;
    const block = this.#width * mostJoined;
    const first = Math.floor((low - this.#anchor) / block);
    const last = Math.floor((high - this.#anchor) / block);
    this.#first = first * mostJoined;
    const count = (last - first + 1) * mostJoined;
    this.#bins = [new Float64Array(count), new Float64Array(count)];
  }

  /** @param label 0 good, 1 defective */
  add(label: 0 | 1, score: number): void {
    const bins = this.#bins[label];
    const place = Math.floor((score - this.#anchor) / this.#width) - this.#first;
    bins[Math.max(0, Math.min(bins.length - 1, place))]! += 1;
    if (score >= this.#threshold) this.#above[label] += 1;
  }

  /** What was counted. Few scores make a comb: then two, four or eight bins become one. */
  result(): Distribution {
    const totals = this.#bins.map(sum);
    const each = joinedFor(totals.filter((total) => total > 0));
    const [good, defective] = this.#bins.map((bins) => joined(bins, each));
    const used = good!.map((count, i) => count + defective![i]!);
    const from = Math.max(0, used.findIndex(Boolean));
    const to = used.findLastIndex(Boolean) + 1 || used.length;
    const edge = (i: number) => this.#anchor + (this.#first + i * each) * this.#width;
    const of = (label: 0 | 1, bins: Float64Array): Counts => {
      return { bins: bins.slice(from, to), total: totals[label]!, above: this.#above[label] };
    };
    const range = { low: edge(from), high: edge(to), threshold: this.#threshold };
    return { ...range, good: of(0, good!), defective: of(1, defective!) };
  }
}

/** So many bins become one that there are not more than twice the square root of the rarer kind's scores. */
function joinedFor(totals: readonly number[]): number {
  const rarer = totals.reduce((a, b) => Math.min(a, b), Infinity);
  let each = 1;
  while (each < mostJoined && mostBins / each > 2 * Math.sqrt(rarer)) each *= 2;
  return each;
}

const sum = (bins: Float64Array): number => bins.reduce((a, b) => a + b, 0);

const joined = (bins: Float64Array, each: number): Float64Array =>
  Float64Array.from({ length: bins.length / each }, (_, i) =>
    sum(bins.subarray(i * each, (i + 1) * each)),
  );

/** The sum over the bins of the smaller of both shares, 0 to 1; NaN when one kind has no scores. */
export function overlapCoefficient({ good, defective }: Distribution): number {
  if (good.total === 0 || defective.total === 0) return Number.NaN;
  return good.bins.reduce((sum, count, i) => {
    return sum + Math.min(count / good.total, defective.bins[i]! / defective.total);
  }, 0);
}
