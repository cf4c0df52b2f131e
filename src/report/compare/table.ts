/** From runs to cells: one number a run, mean and spread over seeds, the average over the classes that are there. */
import { mean, standardDeviation } from "../../metrics/index.ts";
import type { Arranged, Experiment } from "./experiments.ts";
import { loggedValue, type Metric } from "./metric.ts";
import type { Run } from "./run.ts";

/** What one run says: the mean of its last five evaluations, its best one, or its last. */
export type Statistic = "last5" | "peak" | "final";

export interface Cell {
  readonly mean: number;
  /** Over seeds; NaN with one. */
  readonly sd: number;
  /** By seed. */
  readonly values: ReadonlyMap<number, number>;
}

export interface Average {
  readonly mean: number;
  /** Of the averages of the seeds; NaN with one seed, or where classes have different seeds. */
  readonly sd: number;
  /** Classes that are in it. */
  readonly count: number;
}

export interface TableRow {
  readonly name: string;
  readonly isBaseline: boolean;
  /** One for each column; undefined where nothing is known. */
  readonly cells: readonly (Cell | undefined)[];
  readonly average: Average | undefined;
}

export interface Table {
  readonly metric: Metric;
  /** Differences to the baseline instead of values. */
  readonly isDifference: boolean;
  readonly rows: readonly TableRow[];
}

export function tableOf(metric: Metric, arranged: Arranged, statistic: Statistic): Table {
  const rows = arranged.experiments.map((row) => {
    const cells = arranged.columns.map((column) => cellOf(metric, row, column, statistic));
    return rowOf(row, cells);
  });
  return { metric, isDifference: false, rows };
}

/** Every row but the baseline itself, minus the baseline. */
export function differenceTable({ metric, rows }: Table, baseline: string): Table {
  const base = rows.find(({ name }) => name === baseline)!;
  const others = rows.filter((row) => row !== base);
  return {
    metric,
    isDifference: true,
    rows: others.map((row) =>
      rowOf(
        row,
        row.cells.map((cell, i) => minus(cell, base.cells[i])),
      ),
    ),
  };
}

function rowOf(
  { name, isBaseline }: Pick<Experiment, "name" | "isBaseline">,
  cells: readonly (Cell | undefined)[],
): TableRow {
  return { name, isBaseline, cells, average: averageOf(cells) };
}

function cellOf(
  metric: Metric,
  { runs }: Experiment,
  column: string,
  statistic: Statistic,
): Cell | undefined {
  const values = new Map<number, number>();
  for (const [seed, run] of runs.get(column) ?? []) {
    const value = statisticOf(metric, run, statistic);
    if (value !== undefined) values.set(seed, value);
  }
  return cell(values);
}

function cell(values: ReadonlyMap<number, number>): Cell | undefined {
  const all = [...values.values()];
  return all.length > 0 ? { mean: mean(all), sd: standardDeviation(all), values } : undefined;
}

/** One number for a run; undefined when it has none. */
export function statisticOf(metric: Metric, run: Run, statistic: Statistic): number | undefined {
  const values = seriesOf(metric, run).map(({ value }) => value);
  if (values.length === 0) return undefined;
  if (statistic === "final") return values.at(-1);
  if (statistic === "peak") {
    return values.reduce((a, b) => (metric.isLoss ? Math.min(a, b) : Math.max(a, b)));
  }
  return mean(lastFive(metric, run, values));
}

/** The loss is taken at the epochs of the evaluations, so that all tables speak of the same time. */
function lastFive(metric: Metric, run: Run, values: readonly number[]): readonly number[] {
  if (!metric.isLoss || run.evaluations.length === 0) return values.slice(-5);
  const epochs = new Set(run.evaluations.slice(-5).map(({ epoch }) => epoch));
  const there = run.losses.filter(({ epoch }) => epochs.has(epoch)).map(({ value }) => value);
  return there.length > 0 ? there : values.slice(-5);
}

/** The course of a metric, or of the loss. */
export function seriesOf(
  metric: Metric,
  run: Run,
): readonly { readonly epoch: number; readonly value: number }[] {
  if (metric.isLoss) return run.losses;
  return run.evaluations.flatMap(({ epoch, value: logged }) => {
    const value = loggedValue(metric, logged);
    return value === undefined ? [] : [{ epoch, value }];
  });
}

/** Over the cells that are there. */
function averageOf(cells: readonly (Cell | undefined)[]): Average | undefined {
  const there = cells.filter((c) => c !== undefined);
  if (there.length === 0) return undefined;
  const seeds = [...there[0]!.values.keys()];
  const same = there.every(
    ({ values }) => values.size === seeds.length && seeds.every((seed) => values.has(seed)),
  );
  const bySeed = same
    ? seeds.map((seed) => mean(there.map(({ values }) => values.get(seed)!)))
    : [];
  return {
    mean: mean(there.map((c) => c.mean)),
    sd: standardDeviation(bySeed),
    count: there.length,
  };
}

/** The difference of the means; its spread and its values where both have a seed. */
function minus(a: Cell | undefined, b: Cell | undefined): Cell | undefined {
  if (!a || !b) return undefined;
  const pairs = new Map<number, number>();
  for (const [seed, value] of a.values) {
    const other = b.values.get(seed);
    if (other !== undefined) pairs.set(seed, value - other);
  }
  const isPaired = pairs.size === a.values.size && pairs.size === b.values.size;
  const sd = isPaired ? standardDeviation([...pairs.values()]) : Number.NaN;
  return { mean: a.mean - b.mean, sd, values: pairs };
}
