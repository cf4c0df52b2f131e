/** Courses over the epochs, mean and spread over seeds: of metrics and loss, and of what a method or its curriculum logs. */
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
  /** No line over epochs that have no value. */
  readonly hasGaps?: boolean;
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
      return curve(row, join(averaged(row, own, (run) => seriesOf(metric, run))));
    }),
  }));
}

/** Not drawn: the axis itself, numbers that are names, and the many probabilities of them. */
const notDrawn = /^(t|arm|p\..*)$/;

/** One panel for each scalar that epochs logged. A curve has gaps where nothing was logged. */
export function schedulePanels({ experiments }: Arranged): Panel[] {
  const names = scalarNames(experiments).filter((name) => !notDrawn.test(name));
  return names.map((name) => ({
    title: name,
    isPercent: false,
    curves: experiments.flatMap((row) => {
      const series = runsOf(row).map(({ scalars }) =>
        scalars.flatMap(({ epoch, value }) =>
          Object.hasOwn(value, name) ? [{ epoch, value: value[name]! }] : [],
        ),
      );
      return curve(row, collect(series));
    }),
    hasGaps: true,
  }));
}

/** What was logged of a curriculum but is not drawn. */
export const undrawnScalars = ({ experiments }: Arranged): string[] =>
  scalarNames(experiments).filter((name) => notDrawn.test(name) && name !== "t");

const scalarNames = (experiments: readonly Experiment[]): string[] =>
  [
    ...new Set(
      experiments.flatMap((row) =>
        runsOf(row).flatMap(({ scalars }) => scalars.flatMap(({ value }) => Object.keys(value))),
      ),
    ),
  ].sort();

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

function curve({ name }: Experiment, collected: readonly Collected[]): Curve[] {
  const points = collected.map(({ epoch, values }) => {
    return { epoch, mean: mean(values), sd: standardDeviation(values) };
  });
  return points.length > 0 ? [{ name, points }] : [];
}

/** The values of several series at one epoch. */
interface Collected {
  readonly epoch: number;
  readonly values: number[];
}

/** Values at the epochs that all series have. */
const join = (series: readonly Series[]): Collected[] =>
  collect(series).filter(({ values }) => values.length === series.length);

/** Values at the epochs that any series has. */
function collect(series: readonly Series[]): Collected[] {
  const byEpoch = new Map<number, number[]>();
  for (const { epoch, value } of series.flat()) {
    byEpoch.set(epoch, [...(byEpoch.get(epoch) ?? []), value]);
  }
  return [...byEpoch]
    .map(([epoch, values]) => ({ epoch, values }))
    .sort((a, b) => a.epoch - b.epoch);
}
