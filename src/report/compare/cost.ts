/** What an experiment costs: time, and how soon it is nearly as good as the baseline in the end. */
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

export interface Cost {
  readonly name: string;
  readonly isBaseline: boolean;
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
    const runs = [...row.runs.values()].flatMap((cell) => [...cell.values()]);
    return {
      name: row.name,
      isBaseline: row.isBaseline,
      secondsPerEpoch: meanOf(runs.map((run) => run.secondsPerEpoch)),
      seconds: meanOf(runs.map((run) => run.seconds)),
      reach: baseline
        ? metrics.filter((m) => !m.isLoss).map((metric) => reachOf(metric, row, baseline))
        : [],
    };
  });
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
