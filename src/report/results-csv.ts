/**
 * The tables of an experiment over classes and seeds: per data set the two of the CDO 2025 reference (`last`, and `best`, which is
 * chosen on the test images for each metric by itself), their spread over seeds, and one long list of every value.
 *
 * The form is the reference's: the first column has no title and holds the class, values are percent with two decimals.
 * reference: there is no average row, and the README's stands under rows of another table; here `average` is the mean of the rows
 * above it. A value that is not there is `--`; a class without one of its values is left out of the average, whose name then
 * says so: `average (13/15)`.
 */
import { mean, standardDeviation } from "../metrics/index.ts";
import { className, guarded, lines, type MetricsRow } from "./csv.ts";
import { fixed, percent } from "./numbers.ts";
import { averageRow } from "./table.ts";

/** Fractions by column; NaN or absent where there is no value. */
export type Values = Readonly<Record<string, number>>;

/** What a run says of a metric; `peak` is chosen on the test images. */
export interface RunStatistics {
  /** Of the last evaluation. */
  readonly final: Values;
  /** Mean of the last five evaluations, or of as many as there are. */
  readonly last5: Values;
  /** Largest of all evaluations, for each metric by itself. */
  readonly peak: Values;
}

/** From the evaluations of one run in their order. Throws nothing; without an evaluation all three are empty. */
export function runStatistics(evaluations: readonly Values[]): RunStatistics {
  const columns = columnsOf(evaluations);
  const each = (of: (series: readonly number[]) => number): Values =>
    Object.fromEntries(columns.map((c) => [c, of(evaluations.map((e) => e[c] ?? Number.NaN))]));
  return {
    final: each((series) => series.at(-1) as number),
    last5: each((series) => mean(series.slice(-5).filter((v) => !Number.isNaN(v)))),
    peak: each((series) => largest(series)),
  };
}

const largest = (series: readonly number[]) =>
  series.reduce((best, v) => (Number.isNaN(best) || v > best ? v : best), Number.NaN);

/** The columns that these have, in order of appearance. */
export function columnsOf(all: readonly Values[]): string[] {
  return [...new Set(all.flatMap((values) => Object.keys(values)))];
}

/** A class and the values of its runs, by seed. Seeds without a run are absent. */
export interface ClassResults {
  readonly name: string;
  readonly bySeed: ReadonlyMap<number, Values>;
}

/** A row for each class: the mean over its seeds, column by column. */
export function meanRows(
  classes: readonly ClassResults[],
  columns: readonly string[],
): MetricsRow[] {
  return overSeeds(classes, columns, mean);
}

/** The same table with the sample standard deviation over seeds (n - 1); NaN where there are fewer than two. */
export function spreadRows(
  classes: readonly ClassResults[],
  columns: readonly string[],
): MetricsRow[] {
  return overSeeds(classes, columns, standardDeviation);
}

function overSeeds(
  classes: readonly ClassResults[],
  columns: readonly string[],
  of: (values: readonly number[]) => number,
): MetricsRow[] {
  return classes.map(({ name, bySeed }) => {
    const values = (column: string) =>
      [...bySeed.values()].map((v) => v[column] ?? Number.NaN).filter((v) => !Number.isNaN(v));
    return { name, metrics: Object.fromEntries(columns.map((c) => [c, of(values(c))])) };
  });
}

/** A key that no column has. */
const title = "\0";

/** The mean of rows of `meanRows`. A column that no row has a value in makes no row incomplete. */
export function averageOf(rows: readonly MetricsRow[], columns: readonly string[]): MetricsRow {
  const present = columns.filter((c) => rows.some(({ metrics }) => !isMissing(metrics[c])));
  const cells = rows.map(({ metrics }) => metrics);
  // without any value at all every row counts as incomplete
  const { [title]: name, ...metrics } = averageRow(
    cells,
    present.length > 0 ? present : columns,
    title,
  );
  return { name: String(name), metrics: metrics as Values };
}

/**
 * The spread of the averages: of each seed the mean over classes, of these the standard deviation. A seed counts if all classes
 * have a run of it.
 */
export function averageSpread(
  classes: readonly ClassResults[],
  columns: readonly string[],
): MetricsRow {
  const seeds = [...new Set(classes.flatMap(({ bySeed }) => [...bySeed.keys()]))];
  const whole = seeds.filter((seed) => classes.every(({ bySeed }) => bySeed.has(seed)));
  const averages = whole.map((seed) => {
    const rows = meanRows(
      classes.map(({ name, bySeed }) => ({
        name,
        bySeed: new Map([[seed, bySeed.get(seed) as Values]]),
      })),
      columns,
    );
    return [seed, averageOf(rows, columns).metrics] as const;
  });
  const [row] = spreadRows([{ name: "average", bySeed: new Map(averages) }], columns);
  const all = whole.length === seeds.length;
  const name = all ? "average" : `average (${whole.length}/${seeds.length} seeds)`;
  return { ...(row as MetricsRow), name };
}

/** The file of a table; its last row is the average. */
export function resultsCsv(
  rows: readonly MetricsRow[],
  average: MetricsRow,
  columns: readonly string[],
): string {
  const cells = ({ metrics }: MetricsRow) => columns.map((c) => percent(metrics[c] ?? Number.NaN));
  return lines([
    ["", ...columns.map((c) => guarded(c, "'"))],
    ...rows.map((row) => [className(row.name), ...cells(row)]),
    [average.name, ...cells(average)],
  ]);
}

/** One value of the long list. */
export interface SummaryRow {
  /** Of the setting. */
  readonly name: string;
  readonly family: string;
  readonly role: string;
  readonly dataset: string;
  readonly class: string;
  readonly seed: number;
  readonly metric: string;
  readonly statistic: keyof RunStatistics;
  /** Fraction 0..1. */
  readonly value: number;
}

const summaryColumns = [
  "name",
  "family",
  "role",
  "dataset",
  "class",
  "seed",
  "metric",
  "statistic",
  "value",
] as const;

/** One line a value, in percent with six decimals; a value that a run has not is left out. */
export function summaryCsv(rows: readonly SummaryRow[]): string {
  const body = rows
    .filter(({ value }) => !Number.isNaN(value))
    .map((row) => [
      ...[row.name, row.family, row.role, row.dataset].map((text) => guarded(text, "'")),
      className(row.class),
      String(row.seed),
      guarded(row.metric, "'"),
      row.statistic,
      fixed(row.value * 100, 6),
    ]);
  return lines([[...summaryColumns], ...body]);
}

const isMissing = (value: number | undefined) => value === undefined || Number.isNaN(value);
