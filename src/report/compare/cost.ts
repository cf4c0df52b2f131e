/** What an experiment costs: time, memory, and how soon it is nearly as good as the baseline in the end. */
import { mean } from "../../metrics/index.ts";
import type { Arranged, Experiment } from "./experiments.ts";
import type { Metric } from "./metric.ts";
import type { Run } from "./run.ts";
import { seriesOf } from "./table.ts";

/** Epochs until a metric first reached 95 % of the baseline's last value, in the mean of the runs that did. */
export interface Reach {
  readonly metric: Metric;
  readonly epochs: number | undefined;
  readonly reached: number;
  readonly runs: number;
}

/** Of some runs; undefined where none says. */
export interface Spent {
  /** Of a whole training, in the mean; no evaluation and no saving in it. */
  readonly trainingSeconds: number | undefined;
  /** Of a test image from file to map, in the mean. */
  readonly msPerImage: number | undefined;
  /** Most GPU memory that one of them had in use at once. */
  readonly peakBytes: number | undefined;
}

export interface Cost extends Spent {
  readonly name: string;
  readonly isBaseline: boolean;
  /** By class. */
  readonly classes: Readonly<Record<string, Spent>>;
  /** Training time of an epoch in the mean of the runs, evaluations left out. */
  readonly secondsPerEpoch: number | undefined;
  /** Of a whole run, in the mean. */
  readonly seconds: number | undefined;
  /** Empty without a baseline. */
  readonly reach: readonly Reach[];
}

const share = 0.95;

export function costs(
  { experiments }: Arranged,
  metrics: readonly Metric[],
  baseline: Experiment | undefined,
): Cost[] {
  return experiments.map((row) => {
    const byClass = [...row.runs].map(([column, cell]) => [column, [...cell.values()]] as const);
    const runs = byClass.flatMap(([, own]) => own);
    return {
      name: row.name,
      isBaseline: row.isBaseline,
      ...spentBy(runs),
      classes: Object.fromEntries(byClass.map(([column, own]) => [column, spentBy(own)])),
      secondsPerEpoch: meanOf(runs.map((run) => run.secondsPerEpoch)),
      seconds: meanOf(runs.map((run) => run.seconds)),
      reach: baseline
        ? metrics.filter((m) => !m.isLoss).map((metric) => reachOf(metric, row, baseline))
        : [],
    };
  });
}

function spentBy(runs: readonly Run[]): Spent {
  const peaks = runs.flatMap(({ peakBytes }) => peakBytes ?? []);
  return {
    trainingSeconds: meanOf(runs.map((run) => run.trainingSeconds)),
    msPerImage: meanOf(runs.map((run) => run.msPerImage)),
    peakBytes: peaks.length > 0 ? Math.max(...peaks) : undefined,
  };
}

function reachOf(metric: Metric, row: Experiment, baseline: Experiment): Reach {
  const epochs: number[] = [];
  let runs = 0;
  for (const [column, cell] of row.runs) {
    const goals = [...(baseline.runs.get(column)?.values() ?? [])];
    const goal = meanOf(goals.map((run) => lastOf(metric, run)));
    if (goal === undefined) continue;
    for (const run of cell.values()) {
      const series = seriesOf(metric, run);
      if (series.length === 0) continue;
      runs++;
      const first = series.find(({ value }) => value >= share * goal);
      if (first) epochs.push(first.epoch);
    }
  }
  return { metric, epochs: meanOf(epochs), reached: epochs.length, runs };
}

const lastOf = (metric: Metric, run: Run) => seriesOf(metric, run).at(-1)?.value;

function meanOf(values: readonly (number | undefined)[]): number | undefined {
  const there = values.filter((v) => v !== undefined);
  return there.length > 0 ? mean(there) : undefined;
}
