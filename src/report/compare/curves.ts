/** Courses over the epochs, mean and spread over seeds: of metrics and loss, and of what a curriculum logs. */
import { mean, standardDeviation } from "../../metrics/index.ts";
import type { Arranged, Experiment } from "./experiments.ts";
import type { Metric } from "./metric.ts";
import type { Run } from "./run.ts";
import { seriesOf } from "./table.ts";

export interface CurvePoint {
  readonly epoch: number;
  readonly mean: number;
  /** Over seeds; NaN with one. */
  readonly sd: number;
}

export interface Curve {
  /** The experiment. */
  readonly name: string;
  readonly points: readonly CurvePoint[];
}

export interface Panel {
  readonly title: string;
  readonly isPercent: boolean;
  /** In the order of the rows; an experiment without values has none. */
  readonly curves: readonly Curve[];
}

type Series = readonly { readonly epoch: number; readonly value: number }[];

/** One panel a metric: of one class, or averaged over several. */
export function metricPanels(
  { experiments }: Arranged,
  metrics: readonly Metric[],
  columns: readonly string[],
): Panel[] {
  return metrics.map((metric) => ({
    title: metric.title,
    isPercent: !metric.isLoss,
    curves: experiments.flatMap((row) => {
      const own = columns.filter((column) => row.runs.has(column));
      return curve(
        row,
        averaged(row, own, (run) => seriesOf(metric, run)),
      );
    }),
  }));
}

/** One panel for each scalar that epochs logged, `t` left out, which is the axis. */
export function schedulePanels({ experiments }: Arranged): Panel[] {
  const names = new Set(
    experiments.flatMap((row) =>
      runsOf(row).flatMap(({ scalars }) => scalars.flatMap(({ value }) => Object.keys(value))),
    ),
  );
  names.delete("t");
  return [...names].sort().map((name) => ({
    title: name,
    isPercent: false,
    curves: experiments.flatMap((row) =>
      curve(
        row,
        averaged(row, [...row.runs.keys()], ({ scalars }) =>
          scalars.flatMap(({ epoch, value }) =>
            Object.hasOwn(value, name) ? [{ epoch, value: value[name]! }] : [],
          ),
        ),
      ),
    ),
  }));
}

const runsOf = ({ runs }: Experiment): Run[] =>
  [...runs.values()].flatMap((cell) => [...cell.values()]);

/** The series of each seed, averaged over the classes at the epochs that all of them have. */
function averaged(
  { runs }: Experiment,
  columns: readonly string[],
  seriesOfRun: (run: Run) => Series,
): Series[] {
  const seeds = new Set(columns.flatMap((column) => [...(runs.get(column)?.keys() ?? [])]));
  return [...seeds].flatMap((seed) => {
    const parts = columns.flatMap((column) => runs.get(column)?.get(seed) ?? []);
    const joined = join(parts.map(seriesOfRun).filter((s) => s.length > 0));
    return joined.length > 0
      ? [joined.map(({ epoch, values }) => ({ epoch, value: mean(values) }))]
      : [];
  });
}

function curve({ name }: Experiment, seeds: readonly Series[]): Curve[] {
  const points = join(seeds).map(({ epoch, values }) => {
    return { epoch, mean: mean(values), sd: standardDeviation(values) };
  });
  return points.length > 0 ? [{ name, points }] : [];
}

/** Values at the epochs that all series have. */
function join(series: readonly Series[]): { epoch: number; values: number[] }[] {
  const byEpoch = new Map<number, number[]>();
  for (const one of series) {
    for (const { epoch, value } of one) {
      byEpoch.set(epoch, [...(byEpoch.get(epoch) ?? []), value]);
    }
  }
  return [...byEpoch]
    .filter(([, values]) => values.length === series.length)
    .map(([epoch, values]) => ({ epoch, values }))
    .sort((a, b) => a.epoch - b.epoch);
}
