/** The parts of a comparison that are plain lists: tests, costs, and how they are put into words. */
import { fixed, missing } from "../numbers.ts";
import type { Comparison } from "./model.ts";
import { statisticTitles } from "./notes.ts";
import type { Pairs } from "./paired.ts";

/** A list with a head; every cell is text already. */
export interface WordTable {
  readonly title: string;
  readonly heads: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export const reportTitle = ({ statistic }: Pick<Comparison, "statistic">): string =>
  `Comparison: ${statisticTitles[statistic]}`;

/** Each experiment beside the baseline; undefined where there is nothing to pair. */
export function pairedTable({ paired, baseline }: Comparison): WordTable | undefined {
  if (paired.length === 0) return undefined;
  const hasRuns = paired.some(({ runs }) => runs !== undefined);
  const heads = ["", "metric", "classes", "mean Δ", "win/tie/loss", "p"];
  const more = ["class × seed", "win/tie/loss", "p"];
  return {
    title: `Paired with "${baseline}"`,
    heads: hasRuns ? [...heads, ...more] : heads,
    rows: [...paired]
      .sort((a, b) => order(paired, a.name) - order(paired, b.name))
      .map(({ name, metric, classes, runs }) => [
        name,
        metric.title,
        String(classes?.n ?? 0),
        classes ? points(classes.mean) : missing,
        wins(classes),
        pText(classes),
        ...(hasRuns ? [String(runs?.n ?? 0), wins(runs), pText(runs)] : []),
      ]),
  };
}

const order = (paired: Comparison["paired"], name: string) =>
  paired.findIndex((row) => row.name === name);

const wins = (pairs: Pairs | undefined): string =>
  pairs ? `${pairs.wins}/${pairs.ties}/${pairs.losses}` : missing;

/** A fraction as percentage points with a sign. */
export function points(fraction: number): string {
  const text = fixed(100 * fraction, 2);
  if (Number(text) === 0) return fixed(0, 2);
  return fraction > 0 ? `+${text}` : text.replace("-", "−");
}

/** A p-value with three decimals, small ones as a power of ten. */
export function pText(pairs: Pairs | undefined): string {
  if (!pairs || Number.isNaN(pairs.pValue)) return missing;
  return pairs.pValue < 0.001 ? pairs.pValue.toExponential(1) : fixed(pairs.pValue, 3);
}

export function costTable({ costs, baseline }: Comparison): WordTable | undefined {
  const reach = costs[0]?.reach ?? [];
  const isTimed = costs.some((c) => c.secondsPerEpoch !== undefined || c.seconds !== undefined);
  if (!isTimed && reach.length === 0) return undefined;
  const base = costs.find(({ name }) => name === baseline)?.secondsPerEpoch;
  const isMeasured = costs.some(({ msPerImage, peakBytes }) => msPerImage ?? peakBytes);
  return {
    title: "Cost",
    heads: [
      "",
      "s/epoch",
      ...(base ? ["× baseline"] : []),
      "s/run",
      ...(isMeasured ? ["s training", "ms/image", "GPU MiB"] : []),
      ...reach.map(({ metric }) => `epochs to 95 %: ${metric.title}`),
    ],
    rows: costs.map((cost) => [
      cost.name,
      seconds(cost.secondsPerEpoch),
      ...(base
        ? [cost.secondsPerEpoch === undefined ? missing : fixed(cost.secondsPerEpoch / base, 2)]
        : []),
      seconds(cost.seconds),
      ...(isMeasured
        ? [seconds(cost.trainingSeconds), milliseconds(cost.msPerImage), mebibytes(cost.peakBytes)]
        : []),
      ...cost.reach.map(({ epochs, reached, runs }) => {
        const part = reached < runs ? ` (${reached}/${runs} runs)` : "";
        return epochs === undefined ? `${missing}${part}` : `${fixed(epochs, 1)}${part}`;
      }),
    ]),
  };
}

export function seconds(value: number | undefined): string {
  if (value === undefined) return missing;
  return fixed(value, value < 1 ? 3 : value < 100 ? 2 : 0);
}

export const milliseconds = (value: number | undefined): string =>
  value === undefined ? missing : fixed(value, value < 100 ? 1 : 0);

export const mebibytes = (bytes: number | undefined): string =>
  bytes === undefined ? missing : fixed(bytes / 2 ** 20, 0);

/** `3 seeds`, or which one. */
export function seedsText(seeds: readonly number[]): string {
  return seeds.length === 1 ? `seed ${seeds[0]}` : `${seeds.length} seeds`;
}
