/** How to read a comparison: which number stands in a cell, what may be concluded from it and what not. */
import { some } from "./comparable.ts";
import type { Experiment } from "./experiments.ts";
import type { Metric } from "./metric.ts";
import { fewestPairs, type PairedRow } from "./paired.ts";
import type { Run } from "./run.ts";
import type { Statistic, Table } from "./table.ts";

export const statisticTitles: Readonly<Record<Statistic, string>> = {
  last5: "mean of the last 5 evaluations",
  peak: "best evaluation, chosen on the test images",
  final: "last evaluation",
};

interface Facts {
  readonly statistic: Statistic;
  readonly metrics: readonly Metric[];
  readonly columns: readonly string[];
  readonly baseline: string | undefined;
  readonly tables: readonly Table[];
  readonly differences: readonly Table[];
  readonly paired: readonly PairedRow[];
}

/** @param common classes that all experiments have */
export function notesOn(
  facts: Facts,
  runs: readonly Run[],
  experiments: readonly Experiment[],
  common: number,
): string[] {
  return [
    ...onValues(facts, runs),
    ...onProtocols(facts, runs),
    ...onAverages(facts, experiments, common),
    ...onDifferences(facts, experiments),
  ];
}

function onValues({ statistic, metrics, tables }: Facts, runs: readonly Run[]): string[] {
  const notes: string[] = [];
  if (statistic === "peak") {
    notes.push(
      "peak: each value is the best evaluation of its run (the loss: the lowest), chosen on the test images; it is optimistic and no result",
    );
  }
  const few = runs.filter(({ evaluations: { length } }) => length > 0 && length < 5);
  if (statistic === "last5" && few.length > 0) {
    const least = Math.min(...few.map(({ evaluations }) => evaluations.length));
    notes.push(
      `${few.length} of ${runs.length} runs have fewer than 5 evaluations (the fewest: ${least}): the mean of what there is`,
    );
  }
  if (metrics.some(({ isLoss }) => isLoss) && tables.some(({ rows }) => rows.length > 1)) {
    notes.push(
      "loss: different curricula and losses are scored on different anomalies, so it is not comparable between rows; no best value is marked",
    );
  }
  const seeds = tables.flatMap(({ rows }) =>
    rows.flatMap(({ cells }) => cells.flatMap((cell) => cell?.values.size ?? [])),
  );
  const [least, most] = [
    seeds.reduce((a, b) => Math.min(a, b), Infinity),
    seeds.reduce((a, b) => Math.max(a, b), 0),
  ];
  if (most > 1) {
    const count = least === most ? `${most} seeds` : `${least} to ${most} seeds`;
    notes.push(`±: standard deviation over ${count} (n − 1)`);
  }
  return notes;
}

/** What a reference's protocol measures where the title says less. */
const otherwise: Readonly<Record<string, readonly [metric: string, what: string]>> = {
  cdo2023: [
    "aupro",
    "its reference's PRO: 200 thresholds, holes filled, false-positive rates rescaled",
  ],
  cfa: ["aupro", "its reference's PRO: 200 thresholds, false-positive rates and overlaps rescaled"],
  fod: ["pixel_auroc", "of the maps before they are smoothed"],
};

function onProtocols({ metrics }: Facts, runs: readonly Run[]): string[] {
  const used = new Set(runs.flatMap(({ facts }) => facts["metric protocol"] ?? []));
  return Object.entries(otherwise).flatMap(([protocol, [key, what]]) => {
    const metric = metrics.find((one) => one.key === key);
    return used.has(protocol) && metric ? [`${metric.title} under ${protocol}: ${what}`] : [];
  });
}

function onAverages(
  { columns, tables }: Facts,
  experiments: readonly Experiment[],
  common: number,
): string[] {
  const partial = tables.some(({ rows }) =>
    rows.some(({ average }) => average && average.count < columns.length),
  );
  if (!partial) return [];
  const curves =
    columns.length > 1 && experiments.length > 1 && common > 0 && common < columns.length
      ? `; curves are averaged over the classes that all rows have (${common})`
      : "";
  return [
    `--: no value; an average over k of n classes is marked k/n and not compared with others${curves}`,
  ];
}

function onDifferences(
  { baseline, differences }: Facts,
  experiments: readonly Experiment[],
): string[] {
  if (experiments.length < 2) return [];
  if (baseline === undefined) {
    return [
      "no row is a baseline, so there are no differences and no tests; name one with --baseline",
    ];
  }
  const others = experiments.filter((row) => row.isBaseline && row.name !== baseline);
  const several = others.length > 0 ? ` (of ${others.length + 1} baselines the first)` : "";
  return differences.length > 0
    ? [`differences are to "${baseline}"${several}, in percentage points`]
    : [];
}

/** Times compare only where the machine is the same. */
export function notesOnCost(runs: readonly Run[]): string[] {
  const adapters = [...new Set(runs.flatMap(({ adapter }) => adapter ?? []))];
  const gpus = `times are of different GPUs and say nothing of the methods: ${some(adapters)}`;
  const isMeasured = runs.some(({ msPerImage }) => msPerImage !== undefined);
  const what =
    "training: from the first look at the images to the last step, evaluations left out; ms/image: reading a test image, resizing, the network, its map back, in batches; GPU MiB: most memory in use at once";
  return [...(isMeasured ? [what] : []), ...(adapters.length < 2 ? [] : [gpus])];
}

/** @param undrawn names of logged values without a curve */
export function notesOnSchedules(undrawn: readonly string[]): string[] {
  if (undrawn.length === 0) return [];
  const shown = undrawn.length > 4 ? `${undrawn.slice(0, 3).join(", ")}, …` : undrawn.join(", ");
  return [`schedules: ${shown} of adaptive curricula are not drawn; log.jsonl has them`];
}

/** What the tests do and don't say. */
export function notesOnTests({ paired }: Pick<Facts, "paired">): string[] {
  if (paired.length === 0) return [];
  const counts = paired.flatMap(({ classes, runs }) => [classes?.n ?? 0, runs?.n ?? 0]);
  const small = counts.some((n) => n > 0 && n < fewestPairs)
    ? [
        `with fewer than ${fewestPairs} pairs no p-value can be below 0.05, whatever the differences`,
      ]
    : [];
  const seeds = paired.some(({ runs }) => runs !== undefined)
    ? ["pairs of the same class with several seeds are not independent: their p-value is too small"]
    : [];
  return [
    "win, tie, loss: tie is less than 0.1 points; p: Wilcoxon's signed-rank test, two-sided, exact up to 50 pairs, not corrected for the number of rows and metrics",
    ...small,
    ...seeds,
  ];
}
